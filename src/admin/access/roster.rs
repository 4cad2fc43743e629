//! Those who may administer, and what proves each.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_json::Value;

use crate::{
    config::{Config, KnownAdministrator, SignIn, Standing},
    domain::{Administrator, CredentialHash, Reach, Role},
};

use super::{Caller, Refusal};

/// The longest name that a token of an issuer may bring, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// The claim with the name, unless the configuration names one, and the one that says whether it was verified.
const EMAIL: [&str; 2] = ["email", "email_verified"];
/// The claim that every token has.
const SUBJECT: &str = "sub";

/// Those who may administer.
#[derive(Debug, Default)]
pub struct Roster {
    known: Vec<KnownAdministrator>,
}

impl Roster {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { known: config.administrators.clone() }
    }

    /// Whose token it is. It takes as long whoever that is.
    #[must_use]
    pub fn by_token(&self, token: &str, caller: &Caller) -> Option<Administrator> {
        let hash = CredentialHash::of(token);
        let mut found = None;
        for known in &self.known {
            for own in &known.tokens {
                if verify_slices_are_equal(own.hash.as_bytes(), hash.as_bytes()).is_ok() {
                    found = Some(known);
                }
            }
        }
        found.map(|known| admit(known.name.clone(), &known.standing, caller))
    }

    /// Whom a certificate with these names proves.
    ///
    /// # Errors
    ///
    /// Nobody, or two.
    pub fn by_certificate(&self, names: &[String], caller: &Caller) -> Result<Administrator, Refusal> {
        let is_named = |known: &&KnownAdministrator| known.certificates.iter().any(|own| names.contains(own));
        let mut proven = self.known.iter().filter(is_named);
        match (proven.next(), proven.next()) {
            (Some(known), None) => Ok(admit(known.name.clone(), &known.standing, caller)),
            (None, _) => Err(Refusal::invalid("no administrator has a name of the certificate")),
            (Some(one), Some(other)) => {
                let cause = format!("the certificate has names of {} and {}", one.name, other.name);
                Err(Refusal::invalid(cause))
            }
        }
    }

    /// Whom the claims of a proven token of this issuer make.
    ///
    /// # Errors
    ///
    /// The groups have no role, or it cannot be told which; the name is none.
    pub fn by_claims(
        &self,
        rule: &SignIn,
        claims: &Value,
        caller: &Caller,
    ) -> Result<Administrator, Refusal> {
        let name = name(rule, claims)?;
        if self.known.iter().any(|known| known.name == name) {
            return Err(Refusal::invalid(
                "the name in the token is that of an administrator who is configured",
            ));
        }
        Ok(admit(name, &standing(rule, claims)?, caller))
    }
}

/// Whoever may connect to a Unix socket owns it all.
#[must_use]
pub fn owner(uid: u32, caller: &Caller) -> Administrator {
    let standing = Standing { role: Role::Owner, reach: Reach::default() };
    admit(format!("uid {uid}"), &standing, caller)
}

fn admit(name: String, standing: &Standing, caller: &Caller) -> Administrator {
    Administrator { name, role: standing.role, reach: standing.reach.clone(), from: caller.to_string() }
}

/// The name in a token. An address that the issuer says it did not verify could be anybody's.
fn name(rule: &SignIn, claims: &Value) -> Result<String, Refusal> {
    let [email, is_verified] = EMAIL;
    let named = match &rule.name {
        Some(path) => path.find(claims),
        None if claims.get(is_verified) == Some(&Value::Bool(false)) => claims.get(SUBJECT),
        None => claims.get(email).or_else(|| claims.get(SUBJECT)),
    };
    // Without a space, so that it is never taken for a user of a Unix socket (`uid 0`).
    let is_legal = |name: &&str| {
        (1..=NAME_BYTES_MAX).contains(&name.len())
            && !name.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    let name = named.and_then(Value::as_str).filter(is_legal);
    name.map(str::to_owned)
        .ok_or_else(|| Refusal::invalid("the token has no name, or one that is too long or has spaces in it"))
}

/// What the groups in a token may do: what reaches furthest of it. Whoever is confined in two ways is not let in: the role
/// of the one must not count where the other is.
fn standing(rule: &SignIn, claims: &Value) -> Result<Standing, Refusal> {
    let groups: Vec<&str> = match rule.groups.find(claims) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let own = rule.roles.iter().filter(|(group, _)| groups.contains(&group.as_str()));
    let (confined, free): (Vec<&Standing>, Vec<&Standing>) =
        own.map(|(_, standing)| standing).partition(|standing| standing.reach.is_confined());
    let furthest = if free.is_empty() { confined } else { free };
    let Some(first) = furthest.first() else {
        return Err(Refusal::no_role("none of your groups has a role here"));
    };
    if furthest.iter().any(|other| other.reach != first.reach) {
        return Err(Refusal::no_role(
            "your groups are confined in different ways: have one group alone for administering",
        ));
    }
    let highest = furthest.iter().max_by_key(|standing| standing.role).unwrap_or(first);
    Ok((*highest).clone())
}
