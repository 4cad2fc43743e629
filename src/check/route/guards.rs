//! Guards that need no credential: plain HTTP, and preflights.

use crate::{
    check::{
        refusal::Refusal,
        request::{Body, InboundRequest},
    },
    domain::DenialReason,
};

/// Refuses what came over plain HTTP. Envoy tells it in `x-forwarded-proto`: of its own connection, or in the
/// words of the proxy before it that it was told to trust. The scheme is not asked, since clients choose it: by
/// `:scheme` in HTTP/2, by a whole URL in HTTP/1 (measured on Envoy 1.36 to 1.40).
pub(super) fn judge_transport(request: &InboundRequest<'_>) -> Result<(), Refusal> {
    let mut protocols = request.headers.values("x-forwarded-proto");
    let cause = match (protocols.next(), protocols.next()) {
        (Some(protocol), None) if protocol.eq_ignore_ascii_case(b"https") => return Ok(()),
        (Some(_), _) => "the request came over plain HTTP",
        (None, _) => "Envoy does not tell over what the request came: there is no x-forwarded-proto",
    };
    Err(Refusal::denied(DenialReason::TransportInsecure, cause))
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
