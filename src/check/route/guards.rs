//! Guards that need no credential: plain HTTP, and preflights.

use crate::{
    check::{
        refusal::Refusal,
        request::{Body, InboundRequest},
    },
    domain::DenialReason,
};

/// Refuses what came over plain HTTP. Envoy tells the scheme twice: of its own connection or of the proxy before
/// it that it trusts. Both have to say `https`.
pub(super) fn judge_transport(request: &InboundRequest<'_>) -> Result<(), Refusal> {
    let is_https = |value: &[u8]| value.eq_ignore_ascii_case(b"https");
    if is_https(request.scheme.as_bytes()) && request.headers.values("x-forwarded-proto").all(is_https) {
        return Ok(());
    }
    Err(Refusal::denied(DenialReason::TransportInsecure, "the request came over plain HTTP"))
}

/// The method that a CORS preflight asks for (Fetch standard, section 4.8), if the request is one.
pub(super) fn preflight<'r>(request: &InboundRequest<'r>) -> Option<&'r str> {
    let is_preflight = request.method == "OPTIONS"
        && request.headers.has("origin")
        && request.body == Body::Whole(&[])
        && !request.headers.has("transfer-encoding");
    if !is_preflight {
        return None;
    }
    let mut asked = request.headers.values("access-control-request-method");
    let method = asked.next().filter(|_| asked.next().is_none())?;
    std::str::from_utf8(method).ok()
}
