//! Requests as Envoy tells of them.

use envoy_types::{
    ext_authz::v3::pb::CheckRequest,
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
    },
};

/// A request as a browser's or an SDK's comes through Envoy: 18 headers and those that are `presented`, about
/// 950 bytes beside the body.
pub(crate) fn call(presented: &[(&str, String)], body: &str) -> CheckRequest {
    let mut headers: Vec<(&str, String)> = vec![
        (":authority", "api.cortex-edr.com".into()),
        (":path", "/v1/scans?page=2&per_page=50".into()),
        (":method", "GET".into()),
        (":scheme", "https".into()),
        ("accept", "application/json".into()),
        ("accept-encoding", "gzip, deflate, br".into()),
        ("accept-language", "en-GB,en;q=0.9".into()),
        ("cache-control", "no-cache".into()),
        ("content-type", "application/json".into()),
        ("pragma", "no-cache".into()),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        ("user-agent", "example-sdk/3.2.1 (linux; x86_64) http/2".into()),
        ("x-client-version", "3.2.1".into()),
        ("x-envoy-expected-rq-timeout-ms", "15000".into()),
        ("x-forwarded-for", "203.0.113.7".into()),
        ("x-forwarded-proto", "https".into()),
        ("x-request-id", "6f1c2f0e-93c5-4f6e-8b1d-0d5f1c0a7e55".into()),
        ("x-session", "c2Vzc2lvbi1vZi1hLWNsaWVudA".into()),
    ];
    headers.extend(presented.iter().cloned());
    if !body.is_empty() {
        headers.push(("x-envoy-auth-partial-body", "false".into()));
    }
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let http = HttpRequest {
        id: "1234567890123456789".into(),
        method: "GET".into(),
        headers,
        path: "/v1/scans?page=2&per_page=50".into(),
        host: "api.cortex-edr.com".into(),
        scheme: "https".into(),
        protocol: "HTTP/2".into(),
        raw_body: body.into(),
        ..Default::default()
    };
    let request = Request { http: Some(http), ..Default::default() };
    CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
}
