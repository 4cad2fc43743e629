//! Stage 6, admit: grant → [`Admission`], counted against every quota that applies.
//!
//! It has two steps. Quotas by client address are counted between stages 3 and 4, so that requests with a bad
//! credential count too: that makes an [`Arrival`]. All other quotas are counted when everything else is granted:
//! all of them together, or none if one has no room. Tokens that an arrival took are not given back when a later
//! stage refuses.
//!
//! Where refusals are not enforced yet, one that would be given counts nothing: there the quotas by client address wait
//! for the others.

mod counting;
mod gauge;
mod rules;
mod subject;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::{
    config::LimitBy,
    domain::DenialReason,
    store::{Inquiry, Lookups},
};

use super::{
    authn::{Belonging, Principal},
    authz::{self, Grant, Standing},
    refusal::Refusal,
    request::InboundRequest,
    route::{GuardedApi, Matched},
};

use self::subject::Caller;

pub use counting::Counting;
pub use gauge::{Gauge, Measure};
pub use rules::{Allowance, Rule, Rules};

/// The proof that the request was counted by its client's address, or waits for that. Only this stage makes one.
#[derive(Debug)]
pub struct Arrival {
    is_counted: bool,
}

/// The proof that the request was counted and there was room. Only this stage makes one.
#[derive(Debug)]
pub struct Admission<'r> {
    grant: Grant<'r>,
}

impl<'r> Admission<'r> {
    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant<'r> {
        &self.grant
    }
}

impl<'r> Counting<'r, '_> {
    /// Counts a request by its client's address; `waits` puts it off until everything else is granted.
    ///
    /// # Errors
    ///
    /// `rate_limited` if the address has no room, `request_malformed` if a rule needs the address and it cannot be told,
    /// unavailable if the counters are and the API says so.
    pub async fn arrive(
        self,
        request: &InboundRequest<'_>,
        api: &GuardedApi,
        matched: Matched<'_>,
        waits: bool,
        gauge: &mut Gauge<'r>,
    ) -> Result<Arrival, Refusal> {
        if !waits && self.rules.count_by_address(api, matched) {
            let network = Some(network(request, api)?);
            let caller = Caller { network, ..Caller::default() };
            let counted = self.measure(api, matched, caller, |by| by == LimitBy::ClientAddress, gauge);
            // The other half of the time is for what comes after.
            let now = Instant::now();
            let deadline = now + self.deadline.saturating_duration_since(now) / 2;
            Self { deadline, ..self }.take(api, counted, gauge).await?;
        }
        Ok(Arrival { is_counted: !waits })
    }

    /// Admits a granted request.
    ///
    /// # Errors
    ///
    /// `rate_limited` if one quota has no room: then nothing is taken of the others. As with
    /// [`Counting::arrive`] otherwise.
    pub async fn admit(
        self,
        grant: Grant<'r>,
        matched: Matched<'_>,
        arrival: Arrival,
        gauge: &mut Gauge<'r>,
    ) -> Result<Admission<'r>, Refusal> {
        let api = grant.api();
        let mut caller = Caller::standing(grant.standing());
        if !arrival.is_counted && self.rules.count_by_address(api, matched) {
            caller.network = Some(network(grant.request(), api)?);
        }
        let is_left = |by| !(arrival.is_counted && by == LimitBy::ClientAddress);
        let counted = self.measure(api, matched, caller, is_left, gauge);
        self.take(api, counted, gauge).await?;
        Ok(Admission { grant })
    }

    /// Looks at the quotas of somebody who was proven and is refused for what they may not do, without taking anything.
    /// What is not known is left out.
    pub async fn look<S: Lookups>(
        self,
        api: &GuardedApi,
        matched: Matched<'_>,
        (principal, standing): (&Principal, Option<&Standing>),
        store: Inquiry<'_, S>,
        gauge: &mut Gauge<'r>,
    ) {
        let own;
        let caller = if let Some(standing) = standing {
            Caller::standing(standing)
        } else {
            own = authz::own_organization(principal, &api.config, store).await;
            let record = own.as_ref().and_then(Option::as_deref);
            let organization = match principal.belonging() {
                Belonging::To(own) => Some(own),
                _ => None,
            };
            Caller {
                network: None,
                principal: Some(principal),
                organization,
                project: principal.project(),
                organization_plan: record.and_then(|record| record.plan.as_ref()),
                knows_plan: own.is_some(),
            }
        };
        let counted = self.measure(api, matched, caller, |by| by != LimitBy::ClientAddress, gauge);
        self.look_at(counted, gauge).await;
    }
}

/// Whence a request comes that is counted by that.
fn network(request: &InboundRequest<'_>, api: &GuardedApi) -> Result<IpNet, Refusal> {
    request.client_network(api.config.client_address).ok_or_else(|| {
        let cause = "the client's address could not be told, and a limit counts by it";
        Refusal::denied(DenialReason::RequestMalformed, cause)
    })
}
