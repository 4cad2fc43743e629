//! Stage 7, conclude: what was seen and judged → [`Decision`].

use crate::{
    config::{Denials, Route},
    domain::{DenialReason, UNAVAILABLE},
};

use super::{
    authn::Principal,
    rate_limit::Admission,
    refusal::{Refusal, RefusalKind},
    request::InboundRequest,
    route::GuardedApi,
};

/// How far the stages came: each notes here what it established, for those who phrase and record the answer.
#[derive(Debug, Default)]
pub struct Seen<'r> {
    /// What stage 1 read.
    pub request: Option<InboundRequest<'r>>,
    /// The API that stage 2 found.
    pub api: Option<&'r GuardedApi>,
    /// The route that stage 2 found.
    pub route: Option<&'r Route>,
    /// Whom stage 4 proved.
    pub principal: Option<Principal>,
}

impl<'r> Seen<'r> {
    pub(super) fn request(&mut self, request: InboundRequest<'r>) -> InboundRequest<'r> {
        *self.request.insert(request)
    }

    pub(super) fn api(&mut self, api: &'r GuardedApi) -> &'r GuardedApi {
        self.api.insert(api)
    }

    pub(super) fn route(&mut self, route: &'r Route) -> &'r Route {
        self.route.insert(route)
    }

    pub(super) fn principal(&mut self, principal: Principal) -> Principal {
        self.principal.insert(principal).clone()
    }
}

/// The answer to a Check, before it is put into words.
#[derive(Debug)]
pub struct Decision<'r> {
    /// How far the stages came.
    pub seen: Seen<'r>,
    /// Which way it went.
    pub verdict: Verdict,
}

/// Allowed, denied or unavailable: there is no fourth, and "allowed" takes an [`Admission`].
#[derive(Debug)]
pub enum Verdict {
    /// The request may go on.
    Allowed(Admission),
    /// The caller may not.
    Denied {
        /// What the client is told.
        reason: DenialReason,
        /// What happened, for the audit line alone.
        cause: std::borrow::Cow<'static, str>,
    },
    /// It could not be found out.
    Unavailable {
        /// What happened, for the audit line alone.
        cause: std::borrow::Cow<'static, str>,
    },
}

impl Verdict {
    /// The code of a refusal: the denial reason's, or `unavailable`.
    #[must_use]
    pub fn refusal_code(&self) -> Option<&'static str> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied { reason, .. } => Some(reason.code()),
            Self::Unavailable { .. } => Some(UNAVAILABLE),
        }
    }
}

impl Decision<'_> {
    /// How the API in question refuses, if the stages came as far as to know it.
    #[must_use]
    pub fn denials(&self) -> Option<&Denials> {
        self.seen.api.map(|api| &api.config.denials)
    }
}

/// Draws the conclusion.
#[must_use]
pub fn conclude(seen: Seen<'_>, judged: Result<Admission, Refusal>) -> Decision<'_> {
    let verdict = match judged {
        Ok(admission) => Verdict::Allowed(admission),
        Err(Refusal {
            kind: RefusalKind::Denied(reason),
            cause,
        }) => Verdict::Denied { reason, cause },
        Err(Refusal {
            kind: RefusalKind::Unavailable,
            cause,
        }) => Verdict::Unavailable { cause },
    };
    Decision { seen, verdict }
}
