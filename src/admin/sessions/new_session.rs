//! What is wanted of a new session, and whether the configuration allows it.

use std::time::Duration;

use crate::{
    admin::{
        field,
        problem::{Problem, quoted},
    },
    config::{Api, CredentialRule},
    domain::{
        ApiName, CredentialHash, Membership, Scope, SessionId, SessionRecord, Timestamp, UserId,
        to_the_millisecond,
    },
};

/// The longest life of a session: a year, leap years included.
const LIFETIME_MAX: Duration = Duration::from_hours(366 * 24);
/// The shortest time for which a session may live without being used.
const IDLE_MIN: Duration = Duration::from_mins(1);
/// The most organizations in which one session may act.
const ORGANIZATIONS_MAX: usize = 64;

/// What is wanted of a new session; the fields of [`SessionRecord`] that its creator chooses.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The APIs that it serves, at least one.
    pub apis: Vec<ApiName>,
    /// Who signed in.
    pub user: UserId,
    /// The organizations in which they may act, at most 64 and each once. If there is none, the store knows where
    /// they belong.
    pub memberships: Vec<Membership>,
    /// What they may do in each of them.
    pub scopes: Vec<Scope>,
    /// How long it lives in any case: at most 366 days.
    pub lifetime: Duration,
    /// How long it lives without being used: from a minute to its lifetime.
    pub idle: Option<Duration>,
    /// The hash of its token, if that was made elsewhere.
    pub hash: Option<CredentialHash>,
}

impl NewSession {
    /// Everything about the session that the configuration does not allow.
    pub(super) fn problems(&self, configured: &[Api]) -> Vec<Problem> {
        let mut problems = field::api_problems(configured, &self.apis);
        let serving = configured.iter().filter(|api| self.apis.contains(&api.name));
        problems.extend(serving.filter(|api| !accepts_sessions(api)).map(|api| {
            Problem::new("apis", quoted(api.name.as_str()), "expected an API that accepts sessions")
        }));
        problems.extend(self.membership_problems());
        problems.extend(field::scope_set(self.scopes.clone()).err());
        problems.extend(self.time_problem());
        problems.extend(self.secrets_in_clear(configured));
        problems
    }

    fn membership_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.memberships.len() > ORGANIZATIONS_MAX {
            let found = format!("{} organizations", self.memberships.len());
            problems.push(Problem::new(
                "organizations",
                found,
                format!("expected at most {ORGANIZATIONS_MAX}"),
            ));
        }
        for (at, membership) in self.memberships.iter().enumerate() {
            let mut earlier = self.memberships.iter().take(at);
            if earlier.any(|other| other.organization == membership.organization) {
                let found = format!("{} twice", quoted(membership.organization.as_str()));
                problems.push(Problem::new("organizations", found, "expected each organization once"));
            }
        }
        problems
    }

    fn time_problem(&self) -> Option<Problem> {
        let (field, span, bounds) = if self.lifetime.is_zero() || self.lifetime > LIFETIME_MAX {
            ("lifetime", self.lifetime, "expected more than nothing and at most 366 days")
        } else {
            let idle = self.idle.filter(|idle| *idle < IDLE_MIN || *idle > self.lifetime)?;
            ("idle", idle, "expected from one minute to the lifetime")
        };
        Some(Problem::new(field, humantime::format_duration(span).to_string(), bounds))
    }

    /// The fields in which a credential stands by mistake; it would be stored and shown in clear.
    fn secrets_in_clear(&self, configured: &[Api]) -> impl Iterator<Item = Problem> {
        let organizations =
            self.memberships.iter().map(|membership| ("organizations", membership.organization.as_str()));
        let held = self.memberships.iter().flat_map(|membership| &membership.scopes);
        let scopes = self.scopes.iter().chain(held).map(|scope| ("scopes", scope.as_str()));
        let fields = std::iter::once(("user", self.user.as_str())).chain(organizations).chain(scopes);
        field::secrets_in_clear(configured, fields)
    }

    /// The record of a session with this identity.
    ///
    /// # Errors
    ///
    /// The scopes or the lifetime do not fit; [`NewSession::problems`] says so, too.
    pub(super) fn into_record(
        self,
        id: SessionId,
        hash: CredentialHash,
        created: Timestamp,
    ) -> Result<SessionRecord, Problem> {
        let expires = created.checked_add(self.lifetime).map_err(|_| {
            let found = humantime::format_duration(self.lifetime).to_string();
            Problem::new("lifetime", found, "expected a time that calendars reach")
        })?;
        Ok(SessionRecord {
            id,
            hash,
            apis: self.apis,
            user: self.user,
            memberships: self.memberships.into(),
            scopes: field::scope_set(self.scopes)?,
            created,
            expires: to_the_millisecond(expires),
            // Stores keep it to the millisecond.
            idle: self.idle.map(|idle| Duration::new(idle.as_secs(), idle.subsec_millis() * 1_000_000)),
            used: created,
            ended: None,
        })
    }
}

fn accepts_sessions(api: &Api) -> bool {
    api.credentials.iter().any(|rule| matches!(rule, CredentialRule::Session(_)))
}
