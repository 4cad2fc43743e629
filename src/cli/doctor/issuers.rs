//! The issuers of tokens: whether their keys can be had, and whether their clocks go as this machine's.

use std::time::Duration;

use crate::{
    check::authn::jwks::{Inquired, InquiryFault, inquire},
    config::{Config, CredentialRule, JwtCredential, JwtKeys},
    domain::{Clock, Timestamp},
};

use super::finding::{Finding, Level};

const CHECK: &str = "issuer";
/// How far an issuer's clock may be from ours without a word. Its answer tells the second, and takes its time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let rules = config.apis.iter().flat_map(|api| api.credentials.iter().map(move |rule| (api, rule)));
    let of_apis = rules.filter_map(|(api, rule)| match rule {
        CredentialRule::Jwt(jwt) => Some((api.name.as_str(), &**jwt)),
        _ => None,
    });
    let of_people = config.sign_in.iter().map(|sign_in| ("sign_in", &sign_in.tokens));
    let mut findings = Vec::new();
    for (whose, jwt) in of_apis.chain(of_people) {
        let place = format!("{whose}, issuer {}", jwt.issuer);
        let inquired = inquire(jwt).await;
        findings.extend(describe(&place, jwt, inquired, clock.now()));
    }
    findings
}

/// What is found of an issuer that answers so at `now`.
pub(super) fn describe(
    place: &str,
    rule: &JwtCredential,
    inquired: Result<Inquired, InquiryFault>,
    now: Timestamp,
) -> Vec<Finding> {
    let Inquired { count, skipped, date } = match inquired {
        Ok(inquired) => inquired,
        Err(fault) => {
            let level = match fault {
                InquiryFault::Unreachable(_) => Level::Unreachable,
                InquiryFault::Unusable(_) => Level::Failed,
            };
            return vec![Finding::new(level, CHECK, place, fault.to_string()).advise(advice(&rule.keys))];
        }
    };
    let skipped = if skipped == 0 { String::new() } else { format!(", and {skipped} that cannot be used") };
    let keys = Finding::ok(CHECK, place, format!("keys: {count}{skipped}"));
    let clock = date.map(|date| compare(place, rule, now.duration_since(date).unsigned_abs()));
    std::iter::once(keys).chain(clock).collect()
}

fn advice(keys: &JwtKeys) -> &'static str {
    match keys {
        JwtKeys::Jwks(_) | JwtKeys::Discovery(_) => {
            "Ask the address in `keys` from here; until its keys come, no token of it can be verified."
        }
        JwtKeys::File(_) | JwtKeys::Secret(_) => "Until there are keys, no token of it can be verified.",
    }
}

fn compare(place: &str, rule: &JwtCredential, difference: Duration) -> Finding {
    const CHECK: &str = "clock";
    let (seconds, leeway) = (difference.as_secs(), rule.leeway.as_secs());
    let found = format!("its clock and this machine's are {seconds} s apart (`leeway`: {leeway} s)");
    let finding = |level| {
        Finding::new(level, CHECK, place, &found)
            .advise("Set the clock that is wrong; see to it that both are kept.")
    };
    if difference <= CLOCK_TOLERANCE {
        Finding::ok(CHECK, place, found)
    } else if difference <= rule.leeway {
        finding(Level::Warning)
    } else {
        finding(Level::Failed)
    }
}
