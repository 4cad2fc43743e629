//! Which headers of a request concern us: made ready for each API when the configuration is loaded.
//!
//! Every header of every request is held against some twenty names, in every spelling that an application might take
//! for one of them. Comparing each with each would be 400 comparisons for a request with 19 headers, so a header is first
//! looked up by a mark that is the same for all spellings of a name: one of 256, of which an API's names occupy a tenth.

use crate::{
    check::authn::presented_by_header,
    config::{Api, CredentialPlace, CredentialRule},
    domain::{HeaderName, fold_name, folds_to},
};

/// Headers by which a framework may take the request for another than was decided upon.
const OVERRIDES: [&str; 5] =
    ["x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];

/// A principal header that nothing sets yet, so that whatever stands there is forged.
const ASSERTION: &str = "x-principal-assertion";

/// What of a request to one API may not go on as it came.
#[derive(Debug)]
pub(super) struct Hygiene {
    /// The headers that are ours to set, each once: principal headers, and then those of claims alone.
    ours: Vec<HeaderName>,
    /// How many of them are principal headers.
    principal: usize,
    /// The query parameters in which credentials come.
    pub(super) parameters: Vec<String>,
    /// The cookies in which credentials come.
    pub(super) cookies: Vec<String>,
    watched: Marks,
}

/// Why a header is of concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// It is exactly one of ours, so that it is set or removed anyway.
    Ours,
    /// An application might take it for one of ours.
    Forged,
    /// An application might take it for another request.
    Override,
    /// Perhaps it presents a credential.
    Credential,
}

impl Hygiene {
    pub(super) fn new(api: &Api) -> Self {
        let mut ours: Vec<HeaderName> = api.principal_headers.all().into_iter().cloned().collect();
        let principal = ours.len();
        for name in api.claim_headers() {
            if !ours.contains(name) {
                ours.push(name.clone());
            }
        }
        let (mut parameters, mut cookies) = (Vec::new(), Vec::new());
        let mut watched = Marks::default();
        for place in api.credential_places() {
            match place {
                CredentialPlace::Header { name, .. } => watched.add(name.as_str()),
                CredentialPlace::Query { name, .. } => parameters.push(name.clone()),
                CredentialPlace::Cookie { name } => cookies.push(name.clone()),
            }
        }
        for rule in &api.credentials {
            if let CredentialRule::Signature(rule) = rule {
                for name in [&rule.signature, &rule.project, &rule.timestamp] {
                    watched.add(name.as_str());
                }
            }
        }
        ours.iter()
            .map(HeaderName::as_str)
            .chain(OVERRIDES)
            .chain([ASSERTION])
            .for_each(|name| watched.add(name));
        Self { ours, principal, parameters, cookies, watched }
    }

    /// All headers that are ours to set.
    pub(super) fn ours(&self) -> &[HeaderName] {
        &self.ours
    }

    /// Those that only claims set.
    pub(super) fn claims(&self) -> &[HeaderName] {
        self.ours.get(self.principal..).unwrap_or_default()
    }

    /// Why a header with this name is of concern; `None` for nearly all.
    pub(super) fn concern(&self, name: &str) -> Option<Concern> {
        if !self.watched.has(name) {
            return None;
        }
        let is_taken_for = |own: &str| folds_to(name, own);
        Some(if self.ours.iter().any(|own| name.eq_ignore_ascii_case(own.as_str())) {
            Concern::Ours
        } else if is_taken_for(ASSERTION) || self.ours.iter().any(|own| is_taken_for(own.as_str())) {
            Concern::Forged
        } else if OVERRIDES.into_iter().any(is_taken_for) {
            Concern::Override
        } else {
            Concern::Credential
        })
    }
}

/// Whether an application might read the header as a credential of the API, good or bad.
pub(super) fn presents_credential(name: &str, value: &[u8], api: &Api) -> bool {
    api.credentials.iter().any(|rule| presented_by_header(name, value, rule))
}

/// A set of marks.
#[derive(Debug, Default)]
struct Marks([u64; 4]);

impl Marks {
    fn add(&mut self, name: &str) {
        let mark = mark(name);
        if let Some(word) = self.0.get_mut(usize::from(mark >> 6)) {
            *word |= 1 << (mark & 63);
        }
    }

    fn has(&self, name: &str) -> bool {
        let mark = mark(name);
        self.0.get(usize::from(mark >> 6)).is_some_and(|word| word >> (mark & 63) & 1 == 1)
    }
}

/// The mark of a name, the same for every spelling that it folds to: of its length, its middle and its end.
fn mark(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let at = |place: usize| bytes.get(place).copied().map_or(0, fold_name);
    let (middle, last) = (at(bytes.len() / 2), at(bytes.len().saturating_sub(1)));
    #[expect(clippy::cast_possible_truncation, reason = "any part of the length will do")]
    let length = bytes.len() as u8;
    length.wrapping_mul(37) ^ middle.wrapping_mul(5) ^ last.rotate_left(3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_spelling_of_a_name_has_its_mark(name in "[a-zA-Z0-9_.~-]{0,40}", cases in any::<u64>()) {
            let spelled: String = name.chars().enumerate().map(|(at, c)| match (c.is_ascii_alphanumeric(), cases >> (at % 64) & 1) {
                (true, 1) => c.to_ascii_uppercase(),
                (true, _) => c.to_ascii_lowercase(),
                (false, 1) => '_',
                (false, _) => '-',
            }).collect();
            prop_assert!(folds_to(&name, &spelled));
            prop_assert_eq!(mark(&name), mark(&spelled));
        }
    }
}
