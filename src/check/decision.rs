//! Stage 7, conclude: what was seen and judged → [`Decision`].

use crate::config::Route;

use super::{
    authn::Principal, rate_limit::Admission, refusal::Refusal, request::InboundRequest, route::GuardedApi,
};

/// How far the stages came: each notes here what it established, for those who phrase a refusal and record
/// the decision.
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
    pub verdict: Verdict<'r>,
}

/// Allowed or refused: there is no third, and "allowed" takes an [`Admission`]. A refusal is a denial or an
/// outage.
#[derive(Debug)]
pub enum Verdict<'r> {
    /// The request may go on.
    Allowed(Admission<'r>),
    /// It may not.
    Refused(Refusal),
}

/// Draws the conclusion.
#[must_use]
pub fn conclude<'r>(seen: Seen<'r>, judged: Result<Admission<'r>, Refusal>) -> Decision<'r> {
    Decision { seen, verdict: judged.map_or_else(Verdict::Refused, Verdict::Allowed) }
}
