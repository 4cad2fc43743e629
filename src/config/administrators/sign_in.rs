//! `sign_in`: issuers of tokens (`OpenID` Connect) for people, and the roles of their groups.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        credential::jwt::{ClaimPath, JwtCredential, RawAudience, RawJwtKeys, TokenName},
        place::Place,
        problem::Report,
        text::{Format, Text, names},
    },
    domain::{ApiName, OrganizationId, Reach, Scope},
};

use super::reach::{self, RawRole, Standing};

/// The longest name of a group, in bytes.
const GROUP_BYTES_MAX: usize = 256;

/// An issuer by whose tokens people administer.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// How its tokens are verified.
    pub tokens: JwtCredential,
    /// The claim with the groups: a string, or a list of strings.
    pub groups: ClaimPath,
    /// The claim with the name; `None` for `email`, and `sub` where there is none.
    pub name: Option<ClaimPath>,
    /// What the members of each group may do.
    pub roles: Vec<(String, Standing)>,
}

/// An issuer by whose tokens people administer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignIn")]
pub(in crate::config) struct RawSignIn {
    /// Who makes the tokens: exactly the claim `iss`.
    issuer: Text<TokenName>,
    /// For whom they are made: the claim `aud` names this, or one of these.
    audience: RawAudience,
    /// Where the keys come from.
    keys: RawJwtKeys,
    /// The claim with the groups: a string, or a list of strings.
    #[serde(default = "default_groups")]
    groups: Text<ClaimPath>,
    /// The claim with the name, as the audit log tells it; `email` unless it is named, and `sub` where that is missing
    /// or not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<ClaimPath>>,
    /// What the members of each group may do: a role, or a role and what it is confined to.
    #[schemars(extend("propertyNames" = names::<GroupName>()))]
    roles: BTreeMap<Text<GroupName>, RawStanding>,
}

fn default_groups() -> Text<ClaimPath> {
    ClaimPath::groups().into()
}

/// What the members of a group may do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Standing")]
enum RawStanding {
    /// With everything.
    Everywhere(RawRole),
    /// With some things.
    Confined(RawConfined),
}

/// A role, and what it is confined to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConfinedRole")]
struct RawConfined {
    /// What they may do.
    role: RawRole,
    /// These APIs alone; otherwise all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apis: Vec<Text<ApiName>>,
    /// This organization alone; otherwise all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Text<OrganizationId>>,
    /// The scopes that may be granted: none unless listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Text<Scope>>,
}

impl RawStanding {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> Standing {
        match self {
            Self::Everywhere(role) => Standing { role: (*role).into(), reach: Reach::default() },
            Self::Confined(raw) => {
                let RawConfined { role, apis, organization, scopes } = raw;
                let reach = reach::check(apis, organization.as_ref(), scopes, at, report);
                Standing { role: (*role).into(), reach }
            }
        }
    }
}

impl RawSignIn {
    fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> SignIn {
        let roles_at = at.field("roles");
        if self.roles.is_empty() {
            report.add(&roles_at, "found no group, expected one at least");
        }
        let role = |(group, raw): (&Text<GroupName>, &RawStanding)| {
            let group = group.value.0.clone();
            let standing = raw.check(&roles_at.field(&group), report);
            (group, standing)
        };
        let roles = self.roles.iter().map(role).collect();
        let keys = self.keys.check(&at.field("keys"), report);
        SignIn {
            tokens: JwtCredential::for_people(&self.issuer.value, &self.audience, keys),
            groups: self.groups.value.clone(),
            name: self.name.as_ref().map(|name| name.value.clone()),
            roles,
        }
    }

    /// The APIs that its groups are confined to, each with its place.
    pub(super) fn each_confined_api(&self, at: &Place<'_>, visit: &mut dyn FnMut(&ApiName, &Place<'_>)) {
        let at = at.field("roles");
        for (group, standing) in &self.roles {
            if let RawStanding::Confined(raw) = standing {
                reach::each_api(&raw.apis, &at.field(&group.value.0), visit);
            }
        }
    }
}

/// Checks all of them, and that each issuer stands there once.
pub(in crate::config) fn check(raw: &[RawSignIn], at: &Place<'_>, report: &mut Report<'_>) -> Vec<SignIn> {
    let mut all: Vec<SignIn> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let item = at.item(index);
        let own = raw.check(&item, report);
        if all.iter().any(|other| other.tokens.issuer == own.tokens.issuer) {
            let message = format!("found `{}` again, expected each issuer once", own.tokens.issuer);
            report.add(&item.field("issuer"), message);
        }
        all.push(own);
    }
    all
}

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct GroupName(String);

impl Format for GroupName {
    const NAME: &'static str = "group-name";
    const WHAT: &'static str = "the name of a group such as `platform`";

    fn read(text: &str) -> Result<Self, String> {
        if (1..=GROUP_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("expected 1 to {GROUP_BYTES_MAX} bytes without control characters"))
        }
    }
}
