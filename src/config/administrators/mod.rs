//! `administrators`: who may administer, and how each proves it.

mod name;
mod reach;
pub(super) mod sign_in;
#[cfg(test)]
mod tests;
mod token;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{ApiName, CredentialHash, OrganizationId, Scope};

use super::{
    RawConfig,
    listen::{AdminListener, ListenAddress},
    place::Place,
    problem::Report,
    secret_source::SecretOrigin,
    text::Text,
};

use self::{reach::RawRole, token::RawToken};

pub(super) use name::{AdministratorName, CertificateName};
pub(super) use sign_in::GroupName;

pub use reach::Standing;
pub use sign_in::SignIn;
pub use token::Token;

/// Somebody who may administer.
#[derive(Debug, Clone)]
pub struct KnownAdministrator {
    /// Who, as the audit log tells of them.
    pub name: String,
    /// What they may do, and with what.
    pub standing: Standing,
    /// The tokens by which they prove themselves.
    pub tokens: Vec<Token>,
    /// The names, one of which a certificate has that proves them: of the DNS, or URIs.
    pub certificates: Vec<String>,
}

/// Somebody who may administer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Administrator")]
pub(super) struct RawAdministrator {
    /// Who, as the audit log tells of them.
    name: Text<AdministratorName>,
    /// What they may do: `viewer` looks, `editor` changes things, `owner` sees secrets.
    role: RawRole,
    /// Tokens by which they prove themselves, of 32 characters at least; several while one takes the place of another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    tokens: Vec<RawToken>,
    /// Names (DNS or URI) of certificates by which they prove themselves: subject alternative names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    certificates: Vec<Text<CertificateName>>,
    /// These APIs alone; otherwise all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apis: Vec<Text<ApiName>>,
    /// This organization alone; otherwise all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Text<OrganizationId>>,
    /// The scopes that may be granted by whoever is confined to APIs or an organization: none unless listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
}

impl RawAdministrator {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> KnownAdministrator {
        let tokens_at = at.field("tokens");
        let tokens = self.tokens.iter().enumerate();
        let tokens = tokens.filter_map(|(index, raw)| raw.check(&tokens_at.item(index), report)).collect();
        if self.tokens.is_empty() && self.certificates.is_empty() {
            report.add(at, "found neither `tokens` nor `certificates`, expected a way to prove who it is");
        }
        KnownAdministrator {
            name: self.name.value.0.clone(),
            standing: Standing {
                role: self.role.into(),
                reach: reach::check(&self.apis, self.organization.as_ref(), &self.scopes, at, report),
            },
            tokens,
            certificates: self.certificates.iter().map(|name| name.value.0.clone()).collect(),
        }
    }
}

/// Checks all of them, and that nothing proves two.
pub(super) fn check(
    raw: &[RawAdministrator],
    at: &Place<'_>,
    report: &mut Report<'_>,
) -> Vec<KnownAdministrator> {
    let mut known: Vec<KnownAdministrator> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let item = at.item(index);
        let own = raw.check(&item, report);
        if let Some(first) = known.iter().position(|other| other.name == own.name) {
            let message =
                format!("found `{}` again, expected each name once: {at}[{first}] has it", own.name);
            report.add(&item.field("name"), message);
        }
        let hashes = |one: &KnownAdministrator| -> Vec<CredentialHash> {
            one.tokens.iter().map(|token| token.hash).collect()
        };
        let own_hashes = hashes(&own);
        let twin = known.iter().find(|other| hashes(other).iter().any(|hash| own_hashes.contains(hash)));
        if let Some(twin) = twin {
            let message =
                format!("found a token of `{}`, expected a token for each administrator", twin.name);
            report.add(&item.field("tokens"), message);
        }
        let twin =
            known.iter().find(|other| own.certificates.iter().any(|name| other.certificates.contains(name)));
        if let Some(twin) = twin {
            let message = format!("found a name of `{}`, expected names of its own", twin.name);
            report.add(&item.field("certificates"), message);
        }
        known.push(own);
    }
    known
}

/// Reports an admin listener over TCP that nobody could use.
pub(super) fn check_use(
    listener: &AdminListener,
    known: &[KnownAdministrator],
    signs_in: bool,
    at: &Place<'_>,
    report: &mut Report<'_>,
) {
    let by_certificate = listener.knows_certificates();
    let can_enter =
        |one: &KnownAdministrator| !one.tokens.is_empty() || (by_certificate && !one.certificates.is_empty());
    if matches!(listener.address, ListenAddress::Unix(_)) || signs_in || known.iter().any(can_enter) {
        return;
    }
    let message = format!(
        "found {}, which nobody could use; expected `administrators` with `tokens`, or with `certificates` and a \
         `client_ca` here, or `sign_in`",
        listener.address
    );
    report.add(at, message);
}

/// The APIs that administrators are confined to, each with its place.
pub(super) fn each_confined_api(config: &RawConfig, visit: &mut dyn FnMut(&ApiName, &Place<'_>)) {
    let at = Place::Root.field("administrators");
    for (index, raw) in config.administrators.iter().enumerate() {
        reach::each_api(&raw.apis, &at.item(index), visit);
    }
    let at = Place::Root.field("sign_in");
    for (index, raw) in config.sign_in.iter().enumerate() {
        raw.each_confined_api(&at.item(index), visit);
    }
}

impl KnownAdministrator {
    /// Where the tokens come from that do not stand in the configuration itself.
    pub fn origins(&self) -> impl Iterator<Item = &SecretOrigin> {
        self.tokens.iter().map(|token| &token.origin)
    }
}
