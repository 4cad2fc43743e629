//! Scopes: what a principal may do, and which scope implies which.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

/// The longest scope, in bytes.
const SCOPE_BYTES_MAX: usize = 64;
/// The most scopes that one credential may hold.
pub const SCOPES_MAX: usize = 64;

/// One scope, such as `read` or `agents:read`: a scope-token of RFC 6749, section 3.3, of at most
/// 64 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Arc<str>);

/// The text is empty, too long, or holds a character that no scope has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {SCOPE_BYTES_MAX} visible ASCII characters without \" and \\")]
pub struct ScopeError;

/// There are more scopes than one credential may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {SCOPES_MAX} scopes, not {found}")]
pub struct TooManyScopes {
    /// How many there are, without repetition.
    pub found: usize,
}

impl Scope {
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if (1..=SCOPE_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.into()))
        } else {
            Err(ScopeError)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A set of scopes, in order and without repetition. Clones share it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Arc<[Scope]>);

impl ScopeSet {
    /// Sorts and deduplicates `scopes`.
    ///
    /// # Errors
    ///
    /// [`TooManyScopes`] above [`SCOPES_MAX`].
    pub fn new(mut scopes: Vec<Scope>) -> Result<Self, TooManyScopes> {
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.len() > SCOPES_MAX {
            return Err(TooManyScopes { found: scopes.len() });
        }
        Ok(Self(scopes.into()))
    }

    /// The scopes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// The scopes of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all: Vec<Scope> = self.iter().chain(other).cloned().collect();
        all.sort_unstable();
        all.dedup();
        Self(all.into())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Which scopes a scope implies, followed to the end: with `admin: [write]` and `write: [read]`,
/// `admin` implies `write` and `read`.
#[derive(Debug, Clone, Default)]
pub struct Implications(BTreeMap<Scope, Vec<Scope>>);

impl Implications {
    /// Follows the direct implications to their end.
    ///
    /// # Errors
    ///
    /// A scope that implies itself, directly or by way of others.
    pub fn close(direct: &BTreeMap<Scope, Vec<Scope>>) -> Result<Self, Scope> {
        let mut closed = BTreeMap::new();
        for scope in direct.keys() {
            let mut reached: BTreeSet<&Scope> = BTreeSet::new();
            let mut pending: Vec<&Scope> = direct.get(scope).into_iter().flatten().collect();
            while let Some(next) = pending.pop() {
                if next == scope {
                    return Err(scope.clone());
                }
                if reached.insert(next) {
                    pending.extend(direct.get(next).into_iter().flatten());
                }
            }
            closed.insert(scope.clone(), reached.into_iter().cloned().collect());
        }
        Ok(Self(closed))
    }

    /// Every scope that implies another or is implied by one; some of them several times.
    pub fn named(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter().flat_map(|(scope, implied)| std::iter::once(scope).chain(implied))
    }

    /// Whether one of the scopes held is `required` or implies it.
    #[must_use]
    pub fn grants(&self, held: &ScopeSet, required: &Scope) -> bool {
        held.iter().any(|scope| {
            scope == required
                || self.0.get(scope).is_some_and(|implied| implied.binary_search(required).is_ok())
        })
    }

    /// The scopes held and all that they imply, in order and without repetition.
    #[must_use]
    pub fn expand<'a>(&'a self, held: &'a ScopeSet) -> Vec<&'a Scope> {
        let mut all: Vec<&Scope> = held.iter().collect();
        for scope in held {
            all.extend(self.0.get(scope).into_iter().flatten());
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().expect("a scope")
    }

    fn implications(pairs: &[(&str, &[&str])]) -> Result<Implications, Scope> {
        let direct = pairs
            .iter()
            .map(|(from, to)| (scope(from), to.iter().map(|text| scope(text)).collect()))
            .collect();
        Implications::close(&direct)
    }

    #[test]
    fn implication_is_followed_to_its_end() {
        let implied = implications(&[("admin", &["write"]), ("write", &["read"])]).expect("no cycle");
        let admin = ScopeSet::new(vec![scope("admin")]).expect("one scope");
        assert!(implied.grants(&admin, &scope("read")));
        assert!(!implied.grants(&admin, &scope("billing")));
        let all: Vec<&str> = implied.expand(&admin).into_iter().map(Scope::as_str).collect();
        assert_eq!(all, ["admin", "read", "write"]);
    }

    #[test]
    fn nothing_implies_upwards() {
        let implied = implications(&[("admin", &["write"])]).expect("no cycle");
        let write = ScopeSet::new(vec![scope("write")]).expect("one scope");
        assert!(!implied.grants(&write, &scope("admin")));
        assert!(!implied.grants(&ScopeSet::default(), &scope("write")));
    }

    #[test]
    fn a_scope_that_implies_itself_is_refused() {
        assert_eq!(implications(&[("a", &["b"]), ("b", &["a"])]).expect_err("a cycle"), scope("a"));
        assert_eq!(implications(&[("a", &["a"])]).expect_err("a cycle"), scope("a"));
    }

    #[test]
    fn a_scope_is_visible_ascii() {
        for bad in ["", "a b", "a\"b", "a\\b", "ä", "a\n", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Scope>(), Err(ScopeError), "{bad:?}");
        }
    }
}
