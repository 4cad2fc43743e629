//! What the upstream of an allowed request reads.

use std::collections::BTreeMap;

use doorward::domain::KeyRecord;
use envoy_types::ext_authz::v3::pb::{HeaderAppendAction, OkHttpResponse};

use crate::door::{Call, Door, allowed, reason, scopes};

/// The names of the principal headers of the API `notes`.
const NAMES: [&str; 8] =
    ["id", "kind", "organization", "project", "environment", "scopes", "plan", "credential"];

#[expect(deprecated, reason = "every released Envoy reads the older field")]
fn set(answer: &OkHttpResponse) -> BTreeMap<&str, &str> {
    let mut set = BTreeMap::new();
    for option in &answer.headers {
        let header = option.header.as_ref().expect("a header");
        assert_eq!(option.append.as_ref().map(|append| append.value), Some(false), "{header:?}");
        assert_eq!(option.append_action, HeaderAppendAction::OverwriteIfExistsOrAdd as i32, "{header:?}");
        assert!(set.insert(header.key.as_str(), header.value.as_str()).is_none(), "{header:?} twice");
    }
    set
}

#[tokio::test]
async fn every_principal_header_is_set_or_removed_and_never_both() {
    let door = Door::new().await;
    let full = door
        .key("nt_live_", |record| {
            record.organization = "Ünï 100%\u{1f511}".parse().expect("an id");
            record.project = "p 1".parse().ok();
            record.scopes = scopes(&["admin", "billing:read"]);
            record.plan = "gold".parse().ok();
        })
        .await;
    let bare = door.key("nt_live_", |record| record.scopes = scopes(&[])).await;
    for (name, call) in [
        ("full", Call::get("/notes/1").bearer(&full)),
        ("bare", Call::get("/hello").bearer(&bare)),
        ("optional", Call::get("/hello")),
        ("public", Call::get("/status").bearer(&full)),
    ] {
        let response = door.knock(call).await;
        let answer = allowed(&response);
        let set = set(answer);
        for header in NAMES.map(|name| format!("x-principal-{name}")) {
            let removed = answer.headers_to_remove.contains(&header);
            assert!(set.contains_key(header.as_str()) != removed, "{name}: {header}");
        }
        assert!(answer.headers_to_remove.iter().all(|header| !set.contains_key(header.as_str())), "{name}");
        let anonymous = name == "optional" || name == "public";
        assert_eq!(set["x-principal-kind"] == "anonymous", anonymous, "{name}");
        assert_eq!(set.len() == 1, anonymous, "{name}");
        if name == "full" {
            assert_eq!(set["x-principal-organization"], "%C3%9Cn%C3%AF%20100%25%F0%9F%94%91");
            assert_eq!(set["x-principal-project"], "p%201");
            assert_eq!(set["x-principal-scopes"], "admin billing:read read write");
            assert_eq!(set["x-principal-environment"], "live");
            assert_eq!(set["x-principal-plan"], "gold");
            assert_eq!(set["x-principal-id"], set["x-principal-credential"]);
        }
    }
}

#[tokio::test]
async fn a_forged_name_is_removed_in_every_spelling_and_ours_stays() {
    let door = Door::new().await;
    let key = door.key("nt_live_", |_| ()).await;
    let forged = [
        "x_principal_id",
        "x.principal.id",
        "x-principal_id",
        "X_PRINCIPAL-ID",
        "x_principal_plan",
        "x!principal~id",
        "x-principal-assertion",
    ];
    for path in ["/notes/1", "/status"] {
        let mut call =
            Call::get(path).bearer(&key).header("x-principal-id", "root").header("X-Principal-Kind", "user");
        for name in forged {
            call = call.header(name, "root");
        }
        let response = door.knock(call).await;
        let answer = allowed(&response);
        for name in forged {
            assert!(answer.headers_to_remove.iter().any(|removed| removed == name), "{path}: {name}");
        }
        // Envoy removes without regard to case, and after it sets.
        assert!(!answer.headers_to_remove.iter().any(|name| name.eq_ignore_ascii_case("x-principal-kind")));
        assert!(!format!("{:?}", answer.headers).contains("root"));
    }
}

#[tokio::test]
async fn credentials_and_method_overrides_are_taken_out_and_nothing_else() {
    let door = Door::new().await;
    let key = door.key("nt_test_", |_| ()).await;
    let removed = |answer: &OkHttpResponse| {
        let names = answer.headers_to_remove.iter().filter(|name| !name.starts_with("x-principal-"));
        names.cloned().collect::<Vec<_>>()
    };
    let cases: [(&str, Call, &[&str], &[&str]); 6] = [
        ("scheme", Call::get("/notes/1").bearer(&key).header("accept", "*/*"), &["authorization"], &[]),
        (
            "another scheme stays",
            Call::get("/notes/1").header("x-api-key", &key).header("authorization", "Basic YTpi"),
            &["x-api-key"],
            &[],
        ),
        ("query", Call::get(&format!("/notes/1?a=1&api_key={key}&b")), &[], &["api_key"]),
        (
            "public, however spelled",
            Call::get("/status?api%5fkey=1&api_key=2&api_key=3").header("authorization", "Bearer rubbish"),
            &["authorization"],
            &["api%5fkey", "api_key"],
        ),
        ("public, another scheme", Call::get("/status").header("authorization", "Basic YTpi"), &[], &[]),
        (
            "method override",
            Call::get("/status")
                .header("x-http-method-override", "DELETE")
                .header("X_Method_Override", "PUT")
                .header("x-original-url", "/admin"),
            &["x-http-method-override", "X_Method_Override", "x-original-url"],
            &[],
        ),
    ];
    for (name, call, headers, parameters) in cases {
        let response = door.knock(call).await;
        let answer = allowed(&response);
        assert_eq!(removed(answer), headers, "{name}");
        assert_eq!(answer.query_parameters_to_remove, parameters, "{name}");
    }
}

#[tokio::test]
async fn another_name_for_a_principal_header_takes_the_place_of_the_first() {
    let door = Door::new().await;
    let key = door
        .key("ot_", |record| {
            record.apis = vec!["other".parse().expect("a name")];
            record.scopes = scopes(&["anything"]);
        })
        .await;
    let call = Call::new("PATCH", "OTHER.example:8443", "/a/b")
        .header("x-other-key", &key)
        .header("x_caller", "root");
    let response = door.knock(call).await;
    let answer = allowed(&response);
    assert!(set(answer).contains_key("x-caller"));
    assert!(!set(answer).contains_key("x-principal-id"));
    assert!(answer.headers_to_remove.contains(&"x_caller".to_owned()));
}

#[tokio::test]
async fn whoever_uses_a_key_that_ends_soon_is_told_when() {
    let config = r"
apis:
  - name: notes
    hosts: [notes.example]
    expiry_warning: { within: 14d, header: x-key-expires }
    credentials: [{ api_key: { prefixes: { live: nt_live_ }, from: [{ header: { name: authorization, scheme: Bearer } }] } }]
    routes: [{ match: /** }, { match: /admin/**, scopes: [admin] }]
";
    let door = Door::with(config).await;
    let ending = |moment: &'static str| move |record: &mut KeyRecord| record.expires = moment.parse().ok();
    let soon = door.key("nt_live_", ending("2026-01-16T03:04:05Z")).await;
    let later = door.key("nt_live_", ending("2026-01-16T03:04:05.001Z")).await;
    let endless = door.key("nt_live_", |_| ()).await;
    for (key, expected) in [(&soon, Some("2026-01-16T03:04:05Z")), (&later, None), (&endless, None)] {
        let response = door.knock(Call::get("/notes").bearer(key)).await;
        let told = allowed(&response).response_headers_to_add.iter().map(|option| {
            let header = option.header.as_ref().expect("a header");
            (header.key.as_str(), header.value.as_str())
        });
        let expected: Vec<_> = expected.map(|moment| ("x-key-expires", moment)).into_iter().collect();
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
    let response = door.knock(Call::get("/admin/x").bearer(&soon)).await;
    assert_eq!(reason(&response), Some("scope_missing"));
}
