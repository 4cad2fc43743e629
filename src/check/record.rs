//! Stage 9, record: decision → metrics, and a line in the audit log for each refusal.
//!
//! Counters are resolved when the configuration is loaded, so that recording is an index and an addition.
//! Labels are the names of APIs and the closed set of reasons: bounded, whatever clients send.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::domain::{ApiName, DenialReason, OrganizationId, UNAVAILABLE};

use super::{
    authn::Principal,
    decision::{Decision, Seen, Verdict},
    refusal::{Refusal, RefusalKind},
};

/// Counts Checks by API, decision and reason.
pub(crate) const CHECKS: &str = "doorward_checks_total";
/// Measures how long Checks take, in seconds.
const CHECK_SECONDS: &str = "doorward_check_duration_seconds";

/// The label of Checks that belong to no API; no API can have this name.
const NO_API: &str = "-";
/// The most of a text from the client that an audit line shows, in bytes.
const SHOWN_BYTES_MAX: usize = 256;

/// The counters of every API.
#[derive(Debug)]
pub(super) struct Recorder {
    by_api: Vec<Counters>,
    no_api: Counters,
}

#[derive(Debug)]
struct Counters {
    allowed: Counter,
    refused: Refusals,
    waived: Refusals,
    seconds: Histogram,
}

/// What was refused, or would have been.
#[derive(Debug)]
struct Refusals {
    /// One for each denial reason, in their order.
    denied: [Counter; DenialReason::ALL.len()],
    unavailable: Counter,
}

impl Counters {
    fn new(api: &str) -> Self {
        let checks = |decision: &'static str, reason: &'static str| {
            let labels =
                [("api", api.to_owned()), ("decision", decision.to_owned()), ("reason", reason.to_owned())];
            counter!(CHECKS, &labels)
        };
        let refusals = |denied: &'static str, unavailable: &'static str| Refusals {
            denied: DenialReason::ALL.map(|reason| checks(denied, reason.code())),
            unavailable: checks(unavailable, UNAVAILABLE),
        };
        Self {
            allowed: checks("allowed", ""),
            refused: refusals("denied", "unavailable"),
            waived: refusals("waived", "waived"),
            seconds: histogram!(CHECK_SECONDS, "api" => api.to_owned()),
        }
    }
}

impl Refusals {
    #[expect(clippy::indexing_slicing, reason = "there is one counter for each reason")]
    fn of(&self, refusal: &Refusal) -> &Counter {
        match refusal.kind {
            RefusalKind::Denied(reason) => &self.denied[reason as usize],
            RefusalKind::Unavailable => &self.unavailable,
        }
    }
}

impl Recorder {
    /// Resolves the counters of these APIs, in their order.
    pub(super) fn new<'a>(apis: impl Iterator<Item = &'a ApiName>) -> Self {
        describe_counter!(CHECKS, "Checks, by API, decision and reason of refusal.");
        describe_histogram!(CHECK_SECONDS, Unit::Seconds, "How long Checks took.");
        Self {
            by_api: apis.map(|name| Counters::new(name.as_str())).collect(),
            no_api: Counters::new(NO_API),
        }
    }

    /// Records one decision and how long it took.
    pub(super) fn record(&self, decision: &Decision<'_>, took: Duration) {
        let counters = decision.seen.api.and_then(|api| self.by_api.get(api.index)).unwrap_or(&self.no_api);
        counters.seconds.record(took.as_secs_f64());
        match &decision.verdict {
            Verdict::Allowed(_) => counters.allowed.increment(1),
            Verdict::Refused(refusal) => {
                counters.refused.of(refusal).increment(1);
                audit(&decision.seen, refusal, false);
            }
            Verdict::Waived(_, refusal) => {
                counters.waived.of(refusal).increment(1);
                audit(&decision.seen, refusal, true);
            }
        }
    }
}

/// Writes the line of one refusal: who, what, why. Query and headers are left out, since a credential may stand
/// in them.
fn audit(seen: &Seen<'_>, refusal: &Refusal, waived: bool) {
    let principal = seen.principal.as_ref();
    tracing::info!(
        target: "doorward::audit",
        // Texts of their own cost less than what has to be formatted.
        message = "refused",
        reason = refusal.kind.code(),
        cause = &*seen.redact(&refusal.cause),
        api = seen.api.map(|api| api.config.name.as_str()),
        route = seen.route().map(|route| route.pattern.as_str()),
        method = seen.request.map(|request| shown(request.method)),
        host = seen.request.map(|request| shown(request.host)),
        path = seen.request.map(|request| seen.redact(request.path)).as_deref().map(shown),
        peer = seen.request.and_then(|request| request.peer).map(shown),
        principal = principal.and_then(Principal::id),
        organization = seen.organization().map(OrganizationId::as_str),
        retry_after = refusal.retry_after_seconds(),
        waived = waived.then_some(true),
    );
}

fn shown(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default()
}
