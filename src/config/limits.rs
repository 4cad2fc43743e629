//! `limits`: how much may be done in how long a time, and what is said of it.

use std::sync::Arc;

use crate::domain::{PlanName, Quota, WindowKind};

/// The limits of an API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// By what requests are counted. All rules must have room.
    pub rules: Vec<LimitRule>,
    /// How a moment is told in `X-RateLimit-Reset`.
    pub reset: ResetForm,
    /// Which headers tell of the limits.
    pub headers: LimitHeaders,
    /// What is done where shared counters do not answer.
    pub without_counters: WithoutCounters,
    /// How many bad credentials may come from one address; empty is any number.
    pub attempts: Vec<Quota>,
}

/// One way of counting requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// Its name among the counters: the same for as long as it counts the same.
    pub name: String,
    /// Whom it counts by.
    pub by: LimitBy,
    /// How much each of them may.
    pub quotas: Quotas,
    /// How its windows lie.
    pub window: WindowKind,
}

/// Whom requests are counted by. A request that has none of it is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitBy {
    /// The credential: a key with all that it was rotated from, a session, the person of a token, the project of a signature.
    Credential,
    /// The principal: a key with all that it was rotated from, the person of a session or token, the project of a signature.
    Principal,
    /// The organization that the principal acts for.
    Organization,
    /// The project that it acts in.
    Project,
    /// The client's address; of IPv6 the first 64 bits.
    ClientAddress,
}

/// How much somebody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quotas {
    /// What their plan says, or else this plan. `Config::plans` has it.
    Plan(PlanName),
    /// The same for everybody.
    Fixed(Arc<[Quota]>),
}

/// How a moment is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResetForm {
    /// By the seconds until then.
    #[default]
    Seconds,
    /// By the seconds since the Unix epoch.
    Epoch,
}

/// Which headers tell of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LimitHeaders {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    #[default]
    XRateLimit,
    /// The fields `RateLimit` and `RateLimit-Policy` of the IETF's draft.
    Ietf,
    /// Both.
    Both,
    /// None on allowed answers, for callers that reject them; `Retry-After` alone on refusals.
    None,
}

/// What is done where shared counters do not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WithoutCounters {
    /// This replica counts for itself, with its share of the limit.
    #[default]
    Local,
    /// Everything is admitted.
    Allow,
    /// Everything is unavailable.
    Deny,
}
