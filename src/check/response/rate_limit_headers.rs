//! What the client is told of its quotas: `X-RateLimit-*`, the IETF's fields, `Retry-After`.
//!
//! With several quotas all but `RateLimit-Policy` speak of the one that is nearest to its end of room.

use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{
    check::{
        decision::Seen,
        rate_limit::{Measure, Rule},
        refusal::{Refusal, RefusalKind},
        wire::Message,
    },
    config::{LimitHeaders, ResetForm},
    counters::Room,
    domain::{DenialReason, Quota},
};

use super::fields::set_header;

/// What cannot stand in a string as it is.
const STRING_ESCAPES: &AsciiSet = &CONTROLS.add(b'"').add(b'\\');
const MICROSECONDS: u64 = 1_000_000;

/// Appends the headers that go with an answer to this field of it; on a refusal that is over after some time,
/// `Retry-After` is among them.
pub(super) fn write(seen: &Seen<'_>, refusal: Option<&Refusal>, field: u32, to: &mut Message<'_>) {
    let retry_after = refusal.and_then(Refusal::retry_after_seconds);
    // Whoever guesses waits for something else than a quota, whose room would contradict `Retry-After`.
    let too_many_attempts = RefusalKind::Denied(DenialReason::TooManyAttempts);
    if refusal.is_none_or(|refusal| refusal.kind != too_many_attempts)
        && let Some(api) = seen.api
        && let Some((measure, room)) = seen.gauge.nearest()
    {
        let limits = &api.config.limits;
        if matches!(limits.headers, LimitHeaders::XRateLimit | LimitHeaders::Both) {
            x_rate_limit(room, limits.reset, field, to);
        }
        if matches!(limits.headers, LimitHeaders::Ietf | LimitHeaders::Both) {
            set_header(to, field, "RateLimit-Policy", [&*policies(seen.gauge.measures())]);
            set_header(to, field, "RateLimit", [&*service_limit(measure, room, retry_after)]);
        }
    }
    if let Some(seconds) = retry_after {
        set_number(to, field, "Retry-After", seconds);
    }
}

fn x_rate_limit(room: Room, reset: ResetForm, field: u32, to: &mut Message<'_>) {
    let reset = match reset {
        ResetForm::Seconds => whole_seconds(room.reset_after),
        ResetForm::Epoch => room.reset_at_us.div_ceil(MICROSECONDS),
    };
    set_number(to, field, "X-RateLimit-Limit", room.limit);
    set_number(to, field, "X-RateLimit-Remaining", room.remaining);
    set_number(to, field, "X-RateLimit-Reset", reset);
}

fn set_number(to: &mut Message<'_>, field: u32, name: &str, number: u64) {
    set_header(to, field, name, [itoa::Buffer::new().format(number)]);
}

/// The value of `RateLimit-Policy`: a list (RFC 9651, section 3.1) with an item for each quota.
fn policies(measures: &[Measure<'_>]) -> String {
    let mut policies: Vec<String> = Vec::new();
    for Measure { rule, allowance, .. } in measures {
        for quota in &allowance.quotas {
            let (limit, window) = (quota.limit, quota.period.duration().as_secs());
            policies.push(format!("{};q={limit};w={window}", name(rule, *quota)));
        }
    }
    policies.join(", ")
}

/// The value of `RateLimit`: what is left, and in how many seconds there is more. Where the client is told when to
/// come back, that is the same moment.
fn service_limit(measure: &Measure<'_>, room: Room, retry_after: Option<u64>) -> String {
    let quota = measure.allowance.quotas.get(room.bound);
    let name = quota.map(|quota| name(measure.rule, *quota)).unwrap_or_default();
    let reset = retry_after.unwrap_or_else(|| whole_seconds(room.reset_after));
    format!("{name};r={};t={reset}", room.remaining)
}

/// What a quota is called: a string (RFC 9651, section 3.3.3), which holds visible ASCII alone.
fn name(rule: &Rule, quota: Quota) -> String {
    format!("\"{}-{}\"", utf8_percent_encode(&rule.name, STRING_ESCAPES), quota.period.name())
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
