//! Shadow mode: what would be refused goes on as it came, for a time.

use envoy_types::pb::google::protobuf::value::Kind;

use crate::door::{Call, Door, allowed};

const CONFIG: &str = r"
apis:
  - name: live
    hosts: [live.example]
    shadow: { until: 2026-02-01 }
    credentials:
      - api_key: { prefix: lv_, from: [{ header: { name: authorization, scheme: Bearer } }, { query: { name: api_key } }] }
    routes:
      - { match: /a, scopes: [read] }
      - { match: /public, public: true }
";

fn call(path: &str) -> Call {
    Call::new("GET", "live.example", path)
}

fn shadow_reason(response: &envoy_types::ext_authz::v3::pb::CheckResponse) -> Option<String> {
    let metadata = response.dynamic_metadata.as_ref().expect("every answer has metadata");
    metadata.fields.get("shadow_reason").map(|value| match &value.kind {
        Some(Kind::StringValue(text)) => text.clone(),
        other => panic!("the reason is {other:?}"),
    })
}

async fn key(door: &Door, held: &[&str]) -> String {
    let edit = |record: &mut doorward::domain::KeyRecord| {
        record.apis = vec!["live".parse().expect("a name")];
        record.environment = None;
        record.scopes = crate::door::scopes(held);
    };
    door.key("lv_", edit).await
}

#[tokio::test]
async fn a_would_be_refusal_goes_on_without_forgeries_and_with_its_credential() {
    let door = Door::with(CONFIG).await;
    let reader = key(&door, &[]).await;
    for (ask, reason) in [
        (call("/a"), "credential_missing"),
        (call("/a").bearer("rubbish"), "credential_malformed"),
        (call("/a").bearer(&reader), "scope_missing"),
        (call("/nowhere").bearer(&reader), "route_unknown"),
        (call("/a//b"), "request_malformed"),
    ] {
        let ask = ask.header("x-principal-id", "forged").header("X_Principal_Kind", "forged");
        let response = door.knock(ask).await;
        let changes = allowed(&response);
        assert_eq!(shadow_reason(&response).as_deref(), Some(reason));
        assert!(changes.headers.is_empty() && changes.query_parameters_to_remove.is_empty(), "{changes:?}");
        for gone in ["x-principal-id", "x-principal-kind", "x-principal-scopes", "X_Principal_Kind"] {
            assert!(changes.headers_to_remove.iter().any(|name| name == gone), "{gone}: {changes:?}");
        }
        assert!(!changes.headers_to_remove.iter().any(|name| name == "authorization"), "{changes:?}");
    }
}

#[tokio::test]
async fn whoever_would_be_let_in_is_named_and_keeps_the_credential() {
    let door = Door::with(CONFIG).await;
    let reader = key(&door, &["read"]).await;
    let response = door.knock(call(&format!("/a?api_key={reader}")).bearer(&reader)).await;
    let changes = allowed(&response);
    assert_eq!(shadow_reason(&response), None);
    assert!(changes.headers.iter().any(|it| it.header.as_ref().is_some_and(|it| it.key == "x-principal-id")));
    assert!(changes.query_parameters_to_remove.is_empty());
    assert!(!changes.headers_to_remove.iter().any(|name| name == "authorization"), "{changes:?}");
}

#[tokio::test]
async fn a_shadow_ends_by_itself() {
    let door = Door::with(STEPWISE).await;
    let enforced = secure("/b/enforced");
    assert_eq!(door.verdict(enforced).await, "credential_missing", "the route's own has ended");
    assert_eq!(door.verdict(secure("/a")).await, "allowed");
    door.clock.advance(31 * 24 * 3600);
    assert_eq!(door.verdict(secure("/a")).await, "credential_missing");
}

#[tokio::test]
async fn what_belongs_to_no_api_is_refused_all_the_same() {
    let door = Door::with(CONFIG).await;
    assert_eq!(door.verdict(Call::new("GET", "unknown.example", "/a")).await, "route_unknown");
    assert_eq!(door.verdict(Call::new("get", "live.example", "/a")).await, "request_malformed");
}

/// One route is enforced before the rest of its API.
const STEPWISE: &str = r#"
apis:
  - name: live
    hosts: [live.example]
    shadow: { until: 2026-02-01 }
    guards: { plain_http: refuse }
    credentials:
      - api_key: { prefix: lv_, from: [{ header: { name: authorization, scheme: Bearer } }] }
    routes:
      - { match: /a, scopes: [read] }
      - { match: "/b/**", scopes: [read] }
      - { match: /b/enforced, scopes: [read], shadow: { until: 2026-01-01 } }
"#;

fn secure(path: &str) -> Call {
    call(path).header("x-forwarded-proto", "https")
}

#[tokio::test]
async fn no_way_leads_through_the_shadow_to_a_route_that_is_enforced_already() {
    let door = Door::with(STEPWISE).await;
    for (ask, expected) in [
        (secure("/b/enforced"), "credential_missing"),
        (call("/b/enforced"), "transport_insecure"),
        (secure("/b//enforced"), "request_malformed"),
        (secure("/b/x/%2e%2e/enforced"), "request_malformed"),
        (secure("/b/enforced/"), "request_malformed"),
        (secure("/b/ENFORCED"), "request_malformed"),
        (secure("/B/enforced"), "route_unknown"),
        (secure("/b/other"), "allowed"),
        (secure("/A"), "allowed"),
        (secure("/nowhere"), "allowed"),
        (call("/a"), "allowed"),
    ] {
        let name = format!("{:?}", ask.0);
        assert_eq!(door.verdict(ask).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_an_application_could_take_for_a_route_in_the_shadow_has_no_part_in_it_if_the_path_is_an_enforced_ones()
 {
    let config = STEPWISE.replace(
        "      - { match: /a, scopes: [read] }\n",
        "      - { match: /reports }\n      - { match: \"/reports/**\", scopes: [admin], shadow: { until: 2026-01-01 } }\n      - { match: /open, public: true }\n      - { match: \"/open/**\", shadow: { until: 2026-01-01 } }\n",
    );
    let door = Door::with(&config).await;
    for (ask, expected) in [
        (secure("/reports"), "allowed"),
        (secure("/reports/"), "request_malformed"),
        (secure("/open/"), "request_malformed"),
    ] {
        let name = format!("{:?}", ask.0);
        assert_eq!(door.verdict(ask).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_header_that_makes_another_request_of_it_stays_only_where_nothing_is_enforced() {
    let whole = STEPWISE.replace(", shadow: { until: 2026-01-01 }", "");
    for (config, stays) in [(STEPWISE, false), (whole.as_str(), true)] {
        let door = Door::with(config).await;
        let reader = key(&door, &["read"]).await;
        for ask in [secure("/a"), secure("/a").bearer(&reader), secure("/nowhere")] {
            let ask = ask.header("x-original-url", "/b/enforced").header("X_HTTP_Method_Override", "DELETE");
            let response = door.knock(ask).await;
            let removed = &allowed(&response).headers_to_remove;
            for name in ["x-original-url", "X_HTTP_Method_Override"] {
                assert_eq!(!removed.iter().any(|removed| removed == name), stays, "{name}: {removed:?}");
            }
            assert!(!removed.iter().any(|name| name == "authorization"), "{removed:?}");
        }
    }
}
