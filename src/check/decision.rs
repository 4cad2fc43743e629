//! Stage 7, conclude: what was seen and judged → [`Decision`].

use std::borrow::Cow;

use crate::{
    config::{LimitHeaders, Route},
    domain::{KeyId, OrganizationId, PlanName, ScopeSet, Timestamp},
    store::{Inquiry, Lookups},
};

use super::{
    authn::{Belonging, Credential, Noted, Principal},
    authz::{Grant, Standing},
    rate_limit::{Admission, Arrival, Counting, Gauge},
    refusal::Refusal,
    request::InboundRequest,
    route::{GuardedApi, Matched},
};

/// How far the stages came: each notes here what it established, for those who phrase a refusal and record
/// the decision.
#[derive(Debug, Default)]
pub struct Seen<'r> {
    /// What stage 1 read.
    pub request: Option<InboundRequest<'r>>,
    /// The API that stage 2 found.
    pub api: Option<&'r GuardedApi>,
    /// The route that stage 2 found, and whether it needs a credential.
    pub matched: Option<Matched<'r>>,
    /// What stage 3 found.
    pub credential: Option<Credential<'r>>,
    /// Whom stage 4 proved.
    pub principal: Option<Principal>,
    /// For whom it acts, as stage 5 found.
    pub standing: Option<Standing>,
    /// Whether the first step of stage 6, between stages 3 and 4, let it pass.
    pub arrived: bool,
    /// Whether all of stage 5 granted it.
    pub granted: bool,
    /// Under which quotas it was counted, and how much room they have.
    pub gauge: Gauge<'r>,
}

impl<'r> Seen<'r> {
    pub(super) fn request(&mut self, request: InboundRequest<'r>) -> InboundRequest<'r> {
        *self.request.insert(request)
    }

    pub(super) fn api(&mut self, api: &'r GuardedApi) -> &'r GuardedApi {
        self.api.insert(api)
    }

    pub(super) fn matched(&mut self, matched: Matched<'r>) -> Matched<'r> {
        *self.matched.insert(matched)
    }

    pub(super) fn credential(&mut self, credential: Credential<'r>) -> Credential<'r> {
        *self.credential.insert(credential)
    }

    pub(super) fn principal(&mut self, principal: Principal) -> Principal {
        self.principal.insert(principal).clone()
    }

    pub(super) fn standing(&mut self, standing: Standing) -> Standing {
        self.standing.insert(standing).clone()
    }

    pub(super) fn arrival(&mut self, arrival: Arrival) -> Arrival {
        self.arrived = true;
        arrival
    }

    pub(super) fn grant(&mut self, grant: Grant<'r>) -> Grant<'r> {
        self.granted = true;
        grant
    }

    /// Looks at the quotas of somebody who is refused for what they may not do, so that the refusal tells of
    /// them. Nothing is taken.
    pub(super) async fn look<S: Lookups>(
        &mut self,
        refusal: &Refusal,
        counting: Counting<'r, '_>,
        store: Inquiry<'_, S>,
        now: Timestamp,
    ) {
        let is_told = |api: &GuardedApi| api.config.limits.headers != LimitHeaders::None;
        if refusal.is_forbidden()
            && self.waiver(now).is_none()
            && let (Some(api), Some(matched), Some(principal)) = (self.api, self.matched, &self.principal)
            && is_told(api)
        {
            let known = (principal, self.standing.as_ref());
            counting.look(api, matched, known, store, &mut self.gauge).await;
        }
    }

    /// The note that a signature was used, if nothing is let in by it.
    pub(super) fn noted_in_vain(&self, now: Timestamp) -> Option<&Noted> {
        self.principal.as_ref()?.noted().filter(|_| self.waiver(now).is_none())
    }

    /// The route that stage 2 found.
    #[must_use]
    pub fn route(&self) -> Option<&'r Route> {
        self.matched.map(|matched| matched.route)
    }

    /// The text, without the credential should it stand in it.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.credential.map_or(Cow::Borrowed(text), |credential| credential.redact(text))
    }

    /// The organization that the principal acts for, as far as it is known.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationId> {
        match (&self.standing, self.principal.as_ref()?.belonging()) {
            (Some(standing), _) => standing.organization(),
            (None, Belonging::To(own)) => Some(own),
            (None, _) => None,
        }
    }

    /// The plan that the principal has, as far as it is known.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanName> {
        self.standing.as_ref().map_or_else(|| self.principal.as_ref()?.plan(), Standing::plan)
    }

    /// What the principal may do, as far as it is known.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        self.standing.as_ref().map_or_else(|| self.principal.as_ref()?.scopes(), Standing::scopes)
    }
}

/// The answer to a Check, before it is put into words.
#[derive(Debug)]
pub struct Decision<'r> {
    /// How far the stages came.
    pub seen: Seen<'r>,
    /// Which way it went.
    pub verdict: Verdict<'r>,
    /// The moment of the Check.
    pub at: Timestamp,
    /// Whether refusals are not enforced at this time: then the credential stays in the request, for whoever
    /// enforces them now.
    pub in_shadow: bool,
    /// Whether headers by which the application may take the request for another stay in it: nothing that it could
    /// become is enforced at this time either.
    pub leaves_overrides: bool,
    /// When the key ends that proved who is asking, if that is soon and the API wants it told.
    pub ends_soon: Option<Timestamp>,
}

impl Decision<'_> {
    /// The key that opened the door: the request was allowed, and a key proved who is asking.
    #[must_use]
    pub fn opened_by(&self) -> Option<&KeyId> {
        match self.verdict {
            Verdict::Allowed(_) => Some(&self.seen.principal.as_ref()?.key()?.id),
            Verdict::Refused(_) | Verdict::Waived(..) => None,
        }
    }
}

/// Allowed, refused, or refused and waived: there is nothing else, and "allowed" takes an [`Admission`]. A refusal
/// is a denial or an outage.
#[derive(Debug)]
pub enum Verdict<'r> {
    /// The request may go on.
    Allowed(Admission<'r>),
    /// It may not.
    Refused(Refusal),
    /// It may not, but refusals of its API or route are not enforced yet.
    Waived(Waiver<'r>, Refusal),
}

/// The proof that refusals of this API or route are not enforced at the time of the Check. Only this stage makes
/// one.
#[derive(Debug)]
pub struct Waiver<'r> {
    request: InboundRequest<'r>,
    api: &'r GuardedApi,
}

impl<'r> Waiver<'r> {
    /// The request that goes on.
    #[must_use]
    pub fn request(&self) -> &InboundRequest<'r> {
        &self.request
    }

    /// The API that it is made of.
    #[must_use]
    pub fn api(&self) -> &'r GuardedApi {
        self.api
    }
}

impl<'r> Seen<'r> {
    fn ends_soon(&self, now: Timestamp) -> Option<Timestamp> {
        let warning = self.api?.config.expiry_warning.as_ref()?;
        let end = self.principal.as_ref()?.key()?.expires?;
        let soon = now.checked_add(warning.within);
        soon.is_ok_and(|soon| end <= soon).then_some(end)
    }

    /// The waiver for what stages 2 to 6 refuse, where the route or its API stands in the shadow. What could be a
    /// request to a route whose refusals are enforced already has none.
    #[must_use]
    pub fn waiver(&self, now: Timestamp) -> Option<Waiver<'r>> {
        let (request, api) = (self.request?, self.api?);
        let shadow = match self.route() {
            Some(route) => route.shadow.or(api.config.shadow)?,
            None => api.config.shadow.filter(|_| !api.could_enforce(&request, now))?,
        };
        (now < shadow.until).then_some(Waiver { request, api })
    }
}

/// Draws the conclusion.
#[must_use]
pub fn conclude<'r>(seen: Seen<'r>, judged: Result<Admission<'r>, Refusal>, now: Timestamp) -> Decision<'r> {
    let waiver = seen.waiver(now);
    let in_shadow = waiver.is_some();
    let leaves_overrides = waiver.as_ref().is_some_and(|waiver| !waiver.api.enforces(now));
    let verdict = match (judged, waiver) {
        (Ok(admission), _) => Verdict::Allowed(admission),
        (Err(refusal), Some(waiver)) => Verdict::Waived(waiver, refusal),
        (Err(refusal), None) => Verdict::Refused(refusal),
    };
    let ends_soon = seen.ends_soon(now);
    Decision { seen, verdict, at: now, in_shadow, leaves_overrides, ends_soon }
}
