//! Whom a request is counted by.

use ipnet::IpNet;

use crate::{
    check::{authn::Principal, authz::Standing},
    config::LimitBy,
    counters::CounterName,
    domain::{ApiName, OrganizationId, PlanName, PrincipalKind, ProjectId},
};

use super::rules::{Allowance, Rule};

/// For whom a request is made, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Caller<'a> {
    /// Whence it comes.
    pub(super) network: Option<IpNet>,
    /// Who was proven.
    pub(super) principal: Option<&'a Principal>,
    /// The organization that it acts for.
    pub(super) organization: Option<&'a OrganizationId>,
    /// The project that it acts in.
    pub(super) project: Option<&'a ProjectId>,
    /// The plan of its organization.
    pub(super) organization_plan: Option<&'a PlanName>,
    /// Whether it is known if its organization has one.
    pub(super) knows_plan: bool,
}

impl<'a> Caller<'a> {
    /// Somebody who acts for others as it was found out.
    pub(super) fn standing(standing: &'a Standing) -> Self {
        Self {
            network: None,
            principal: Some(standing.principal()),
            organization: standing.organization(),
            project: standing.project(),
            organization_plan: standing.organization_plan(),
            knows_plan: true,
        }
    }

    /// The counter that it is counted by under a rule of an API; `None` if it is not counted so.
    pub(super) fn counter(&self, api: &ApiName, rule: &Rule) -> Option<CounterName> {
        let api = api.as_str();
        let of = |subject: &str| CounterName::new(api, &rule.name, subject);
        let of_kind = |(kind, id): (&str, &str)| CounterName::of_kind(api, &rule.name, kind, id);
        match rule.by {
            LimitBy::Credential => by_credential(self.principal?).map(of_kind),
            LimitBy::Principal => by_principal(self.principal?).map(of_kind),
            LimitBy::Organization => self.organization.map(|organization| of(organization.as_str())),
            LimitBy::Project => self.project.map(|project| of(project.as_str())),
            LimitBy::ClientAddress => Some(CounterName::of_address(api, &rule.name, self.network?)),
        }
    }

    /// How much it may under a rule; `None` if its plan matters and is not known.
    pub(super) fn allowance<'r>(&self, rule: &'r Rule) -> Option<&'r Allowance> {
        let depends = rule.is_by_plan() && rule.by != LimitBy::ClientAddress;
        (!depends || self.knows_plan).then(|| rule.allowance(self.plans(rule.by)))
    }

    /// The plans that it has for what is counted in this way, the first before the second.
    fn plans(&self, by: LimitBy) -> [Option<&'a PlanName>; 2] {
        let organization = self.organization_plan;
        match by {
            LimitBy::Credential | LimitBy::Principal => {
                [self.principal.and_then(Principal::plan), organization]
            }
            // What all credentials of an organization do together is not for one of them to extend.
            LimitBy::Organization | LimitBy::Project => [organization, None],
            LimitBy::ClientAddress => [None, None],
        }
    }
}

/// Keys by the first of their chain, so that a rotation resets nothing; sessions each by itself.
fn by_credential(principal: &Principal) -> Option<(&str, &str)> {
    match (principal.kind(), principal.credential()) {
        (PrincipalKind::User, Some(session)) => Some(("session", session)),
        _ => by_principal(principal),
    }
}

/// Ids of different kinds may be alike: the kind is told with each.
fn by_principal(principal: &Principal) -> Option<(&str, &str)> {
    Some(match (principal.key(), principal.kind()) {
        (Some(key), _) => ("key", key.lineage.as_str()),
        (None, kind) => (kind.code(), principal.id()?),
    })
}
