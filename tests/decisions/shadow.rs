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
      - { match: /enforced, scopes: [read], shadow: { until: 2026-01-01 } }
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
    let door = Door::with(CONFIG).await;
    assert_eq!(door.verdict(call("/enforced")).await, "credential_missing", "the route's own has ended");
    assert_eq!(door.verdict(call("/a")).await, "allowed");
    door.clock.advance(31 * 24 * 3600);
    assert_eq!(door.verdict(call("/a")).await, "credential_missing");
}

#[tokio::test]
async fn what_belongs_to_no_api_is_refused_all_the_same() {
    let door = Door::with(CONFIG).await;
    assert_eq!(door.verdict(Call::new("GET", "unknown.example", "/a")).await, "route_unknown");
    assert_eq!(door.verdict(Call::new("get", "live.example", "/a")).await, "request_malformed");
}
