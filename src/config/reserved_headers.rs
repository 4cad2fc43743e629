//! Headers that no configuration may give another meaning.

use crate::domain::{HeaderName, folds_to};

/// Headers that belong to the connection or to the framing of the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Families that proxies write and read.
const FAMILIES: [&str; 2] = ["x-envoy-", "x-forwarded-"];

/// Why a name cannot be chosen, as a sentence after "found …, "; `None` if it can. What an application
/// would take for a reserved name is as bad as the name itself.
pub(super) fn fault(name: &HeaderName) -> Option<&'static str> {
    let name = name.as_str();
    if HOP_BY_HOP.iter().any(|reserved| folds_to(name, reserved)) {
        return Some("expected a header that does not steer the connection");
    }
    let of_family = |family: &&str| name.get(..family.len()).is_some_and(|start| folds_to(start, family));
    if FAMILIES.iter().any(of_family) {
        return Some("expected a header outside `x-envoy-*` and `x-forwarded-*`, which proxies write");
    }
    None
}
