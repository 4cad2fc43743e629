//! Limits: who is counted by what, together with what, and what is said of it.

mod headers;

use doorward::{
    domain::{Author, KeyId, KeyRecord, Membership, OrganizationRecord, SessionRecord, Timestamp},
    store::{OrganizationEdit, OrganizationStore},
};
use envoy_types::ext_authz::v3::pb::{CheckResponse, HeaderAppendAction, HeaderValueOption, HttpResponse};

use crate::{
    attempts::token,
    door::{Call, Door, reason},
};

/// An API with these limits, and these routes beside `/notes`.
fn config(limits: &str, routes: &str) -> String {
    format!(
        r"
plans:
  small: [2/minute]
  large: [5/minute, 100/hour]
sealing: {{ current: k1, keys: {{ k1: {{ env: SEALING_KEY }} }} }}
apis:
  - name: notes
    hosts: [notes.example]
    client_address: {{ hops: 1 }}
    credentials:
      - api_key: {{ prefix: nt_live_, from: [{{ header: {{ name: authorization, scheme: Bearer }} }}] }}
      - session: {{ cookie: sid }}
      - jwt:
          issuer: https://login.example
          audience: api
          keys: {{ secret: {{ env: SEALING_KEY }} }}
          from: [{{ header: {{ name: authorization, scheme: Bearer }} }}]
    limits: {limits}
    routes:
      - {{ match: /notes }}
      - {{ match: /admin, scopes: [admin] }}
      - {{ match: /status, public: true }}
{routes}
"
    )
}

async fn door(limits: &str) -> Door {
    Door::with(&config(limits, "")).await
}

/// The key of somebody, changed as the test wants it.
async fn key(door: &Door, edit: impl FnOnce(&mut KeyRecord)) -> String {
    let edit = |record: &mut KeyRecord| {
        record.environment = None;
        edit(record);
    };
    door.key("nt_live_", edit).await
}

async fn organization(door: &Door, id: &str, plan: Option<&str>) {
    let record = OrganizationRecord {
        id: id.parse().expect("an id"),
        name: id.into(),
        apis: vec!["notes".parse().expect("a name")],
        plan: plan.map(|plan| plan.parse().expect("a name")),
        entitlements: Vec::new(),
        suspended: None,
        created: Timestamp::UNIX_EPOCH,
    };
    door.store.insert_organization(&record, &Author::on_the_store(0)).await.expect("inserted");
}

fn get(path: &str) -> Call {
    from(path, "203.0.113.7")
}

fn from(path: &str, address: &str) -> Call {
    Call::get(path).header("x-forwarded-for", address)
}

#[expect(deprecated, reason = "every released Envoy reads the older field")]
fn is_overwritten(option: &HeaderValueOption) -> bool {
    option.append.as_ref().is_some_and(|append| !append.value)
        && option.append_action == HeaderAppendAction::OverwriteIfExistsOrAdd as i32
}

/// What the client is told of its quotas: limit, remaining, reset; and when to come back.
fn told(response: &CheckResponse) -> String {
    let headers = match &response.http_response {
        Some(HttpResponse::OkResponse(allowed)) => &allowed.response_headers_to_add,
        Some(HttpResponse::DeniedResponse(denied)) => &denied.headers,
        other => panic!("neither allowed nor denied: {other:?}"),
    };
    let shown = |option: &HeaderValueOption| {
        let header = option.header.as_ref().expect("a header");
        assert!(is_overwritten(option), "{option:?}");
        let name = header.key.strip_prefix("X-RateLimit-").unwrap_or(&header.key);
        let is_told = !["content-type", "www-authenticate"].contains(&name);
        is_told.then(|| format!("{name}: {}", header.value))
    };
    headers.iter().filter_map(shown).collect::<Vec<_>>().join(", ")
}

/// Knocks so often, and tells how often there was room.
async fn admitted(door: &Door, call: &Call, times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        match door.verdict(call.clone()).await.as_str() {
            "allowed" => count += 1,
            "rate_limited" => {}
            other => panic!("found {other}"),
        }
    }
    count
}

#[tokio::test]
async fn each_way_of_counting_tells_the_same_callers_apart() {
    // For each way: who has the room of the first caller, and who has room of their own.
    for (by, together, apart) in [
        ("credential", &["itself"][..], &["twin", "colleague", "stranger", "session", "second session"][..]),
        ("principal", &["itself"], &["twin", "stranger", "session"]),
        ("organization", &["itself", "twin", "colleague", "session"], &["stranger"]),
        ("project", &["itself", "twin"], &["colleague"]),
        ("client_address", &["itself", "twin", "stranger", "nobody"], &["elsewhere"]),
    ] {
        let door = door(&format!("{{ by: {by}, quotas: [2/minute] }}")).await;
        let of = |organization: &'static str, project: &'static str| {
            move |record: &mut KeyRecord| {
                record.organization = organization.parse().expect("an id");
                record.project = Some(project.parse().expect("an id"));
            }
        };
        let first = key(&door, of("acme", "apollo")).await;
        let twin = key(&door, of("acme", "apollo")).await;
        let colleague = key(&door, of("acme", "gemini")).await;
        let stranger = key(&door, of("zenith", "mercury")).await;
        let of_acme = |record: &mut SessionRecord| record.memberships = [membership("acme")].into();
        let (session, second) = (door.session(of_acme).await, door.session(of_acme).await);
        let call = |who: &str| match who {
            "itself" => get("/notes").bearer(&first),
            "twin" => get("/notes").bearer(&twin),
            "colleague" => get("/notes").bearer(&colleague),
            "stranger" => get("/notes").bearer(&stranger),
            "session" => get("/notes").cookie("sid", &session),
            "second session" => get("/notes").cookie("sid", &second),
            "nobody" => get("/status"),
            "elsewhere" => from("/notes", "203.0.113.8").bearer(&first),
            other => panic!("nobody is called {other}"),
        };
        assert_eq!(admitted(&door, &call("itself"), 3).await, 2, "{by}");
        for who in together {
            assert_eq!(admitted(&door, &call(who), 1).await, 0, "{by}: {who}");
        }
        for who in apart {
            assert_eq!(admitted(&door, &call(who), 1).await, 1, "{by}: {who}");
        }
        door.clock.advance(62);
        assert_eq!(admitted(&door, &call("itself"), 3).await, 2, "{by}, a minute later");
    }
}

#[tokio::test]
async fn a_person_is_the_same_principal_however_they_prove_themselves() {
    for (by, by_session) in [("principal", 1), ("credential", 2)] {
        let door = door(&format!("{{ by: {by}, quotas: [2/minute] }}")).await;
        let session = door.session(|_| ()).await;
        for (user, left) in [("ada", 1), ("grace", 2)] {
            let call = get("/notes").bearer(&token(user));
            assert_eq!(admitted(&door, &call, if user == "ada" { 1 } else { 3 }).await, left, "{by}: {user}");
        }
        assert_eq!(admitted(&door, &get("/notes").cookie("sid", &session), 3).await, by_session, "{by}");
    }
}

fn membership(organization: &str) -> Membership {
    Membership { organization: organization.parse().expect("an id"), scopes: crate::door::scopes(&[]) }
}

#[tokio::test]
async fn an_ipv6_address_counts_by_its_first_64_bits_and_one_that_cannot_be_told_is_refused() {
    let door = door("{ by: client_address, quotas: [2/minute] }").await;
    for address in ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"] {
        assert_eq!(door.verdict(from("/status", address)).await, "allowed");
    }
    assert_eq!(door.verdict(from("/status", "2001:db8:1:2::3")).await, "rate_limited");
    assert_eq!(door.verdict(from("/status", "2001:db8:1:3::1")).await, "allowed");
    let unknown = door.cause(&Call::get("/status")).await;
    assert_eq!(
        unknown,
        "request_malformed: the client's address could not be told, and a limit counts by it"
    );
}

#[tokio::test]
async fn a_rotated_key_goes_on_with_the_counters_of_its_first() {
    let door = door("{ by: credential, quotas: [2/minute] }").await;
    let first = key(&door, |_| ()).await;
    let second = key(&door, |record| record.lineage = "key_0".parse::<KeyId>().expect("an id")).await;
    assert_eq!(admitted(&door, &get("/notes").bearer(&first), 1).await, 1);
    assert_eq!(admitted(&door, &get("/notes").bearer(&second), 2).await, 1);
    assert_eq!(admitted(&door, &get("/notes").bearer(&first), 1).await, 0);
}

#[tokio::test]
async fn the_plan_of_the_key_comes_before_that_of_its_organization_and_the_default() {
    let planned = |plan: &str| Some(plan.parse().expect("a name"));
    for (by, of_key, of_organization, limit) in [
        ("credential", None, None, 2),
        ("credential", None, Some("large"), 5),
        ("credential", planned("large"), Some("small"), 5),
        ("credential", planned("gone"), Some("large"), 5),
        ("credential", planned("gone"), Some("gone"), 2),
        ("principal", planned("large"), None, 5),
        ("organization", planned("large"), None, 2),
        ("organization", planned("large"), Some("large"), 5),
        ("organization", planned("large"), Some("gone"), 2),
        ("client_address", planned("large"), Some("large"), 2),
    ] {
        let door = door(&format!("{{ by: {by}, plan: small }}")).await;
        let name = format!("{by} {of_key:?} {of_organization:?}");
        organization(&door, "acme", of_organization).await;
        let key = key(&door, |record| record.plan = of_key).await;
        assert_eq!(admitted(&door, &get("/notes").bearer(&key), 7).await, limit, "{name}");
    }
}

#[tokio::test]
async fn another_plan_of_an_organization_acts_on_what_was_counted_already() {
    let door = door("{ by: credential, plan: small }").await;
    organization(&door, "acme", None).await;
    let key = key(&door, |_| ()).await;
    let call = get("/notes").bearer(&key);
    assert_eq!(admitted(&door, &call, 3).await, 2);
    let plan = |name: &str| [OrganizationEdit::Plan(Some(name.parse().expect("a name")))];
    let id = "acme".parse().expect("an id");
    door.store
        .update_organization(&id, &plan("large"), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("updated");
    door.settles(call.clone(), "allowed").await;
    assert_eq!(told(&door.knock(call.clone()).await), "Limit: 5, Remaining: 1, Reset: 61");
    door.store
        .update_organization(&id, &plan("small"), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("updated");
    door.settles(call, "rate_limited").await;
}

#[tokio::test]
async fn if_one_rule_refuses_nothing_is_taken_of_the_others() {
    let limits =
        "{ rules: [{ by: credential, quotas: [2/minute] }, { by: organization, quotas: [4/second] }] }";
    let door = door(limits).await;
    let (one, other) = (key(&door, |_| ()).await, key(&door, |_| ()).await);
    assert_eq!(admitted(&door, &get("/notes").bearer(&one), 10).await, 2, "the other's room is left");
    let allowed = door.knock(get("/notes").bearer(&other)).await;
    assert_eq!(told(&allowed), "Limit: 2, Remaining: 1, Reset: 61", "the nearest to its end is told");
    let last = key(&door, |_| ()).await;
    assert_eq!(admitted(&door, &get("/notes").bearer(&last), 1).await, 1);
    for _ in 0..5 {
        let refused = door.knock(get("/notes").bearer(&other)).await;
        assert_eq!(told(&refused), "Limit: 4, Remaining: 0, Reset: 2, Retry-After: 2");
    }
    door.clock.advance(2);
    assert_eq!(admitted(&door, &get("/notes").bearer(&other), 3).await, 1, "its own room was left, too");
    assert_eq!(admitted(&door, &get("/notes").bearer(&last), 3).await, 1);
}

/// Beside the API's: a route that costs more, one that costs nothing, one with a rule of its own beside the API's and
/// one with a rule of its own in its place.
const ROUTES: &str = "      \
      - { match: /search, cost: 3 }
      - { match: /ping, cost: 0 }
      - { match: /both, limits: { by: credential, quotas: [1/minute] } }
      - { match: /own, cost: 0, limits: [{ by: credential, quotas: [1/minute] }, { by: organization, quotas: [9/minute] }] }
";

#[tokio::test]
async fn a_route_costs_what_it_says_and_has_its_own_rules_beside_those_of_the_api() {
    for (path, times, expected, left) in [
        ("/search", 3, 2, 1),
        ("/ping", 20, 20, 7),
        ("/both", 3, 1, 6),
        ("/own", 3, 1, 7),
        ("/notes", 10, 7, 0),
    ] {
        let door = Door::with(&config("{ by: credential, quotas: [7/minute] }", ROUTES)).await;
        let key = key(&door, |_| ()).await;
        assert_eq!(admitted(&door, &get(path).bearer(&key), times).await, expected, "{path}");
        assert_eq!(admitted(&door, &get("/notes").bearer(&key), 10).await, left, "{path}");
    }
    let door = Door::with(&config("{ by: credential, quotas: [7/minute] }", ROUTES)).await;
    let key = key(&door, |_| ()).await;
    assert_eq!(told(&door.knock(get("/ping").bearer(&key)).await), "", "what is exempt is not told of");
    assert_eq!(told(&door.knock(get("/search").bearer(&key)).await), "Limit: 7, Remaining: 4, Reset: 61");
    assert_eq!(told(&door.knock(get("/search").bearer(&key)).await), "Limit: 7, Remaining: 1, Reset: 61");
    let refused = door.knock(get("/search").bearer(&key)).await;
    assert_eq!(told(&refused), "Limit: 7, Remaining: 1, Reset: 61, Retry-After: 61");
    let cause = door.cause(&get("/search").bearer(&key)).await;
    assert_eq!(cause, "rate_limited: 7/minute under the rule `credential`: 1 left, 3 needed");
}

#[tokio::test]
async fn an_address_is_counted_for_refused_credentials_and_on_public_routes_too() {
    let door = door("{ by: client_address, quotas: [5/minute] }").await;
    let key = key(&door, |_| ()).await;
    let unknown = crate::door::unknown_key("nt_live_", 77);
    for (call, expected, left) in [
        (get("/notes").bearer(&key), "allowed", "Remaining: 4, "),
        (get("/status"), "allowed", "Remaining: 3, "),
        // What has no credential, or the form of none, is refused before.
        (get("/notes"), "credential_missing", ""),
        (get("/notes").bearer("rubbish"), "credential_malformed", ""),
        (get("/notes").bearer(&unknown), "credential_invalid", "Remaining: 2, "),
        (get("/admin").bearer(&key), "scope_missing", "Remaining: 1, "),
        (get("/notes").bearer(&unknown), "credential_invalid", "Remaining: 0, "),
        (get("/notes").bearer(&unknown), "rate_limited", "Remaining: 0, "),
        (get("/status"), "rate_limited", "Remaining: 0, "),
    ] {
        let response = door.knock(call).await;
        assert_eq!(reason(&response).unwrap_or("allowed"), expected);
        let told = told(&response);
        assert!(if left.is_empty() { told.is_empty() } else { told.contains(left) }, "{expected}: {told}");
    }
}

#[tokio::test]
async fn in_the_shadow_a_would_be_refusal_counts_nothing_and_too_much_is_waived() {
    let limits =
        "{ rules: [{ by: client_address, quotas: [3/minute] }, { by: credential, quotas: [2/minute] }] }";
    let text = config(limits, "").replace("    limits:", "    shadow: { until: 2026-02-01 }\n    limits:");
    let door = Door::with(&text).await;
    let key = key(&door, |_| ()).await;
    let unknown = crate::door::unknown_key("nt_live_", 77);
    for _ in 0..9 {
        for call in [get("/notes").bearer(&unknown), get("/admin").bearer(&key), get("/notes")] {
            assert_eq!(door.cause(&call).await, "waived");
        }
    }
    let call = get("/notes").bearer(&key);
    assert_eq!(told(&door.knock(call.clone()).await), "Limit: 2, Remaining: 1, Reset: 61");
    assert_eq!(door.cause(&call).await, "allowed");
    // What is refused for the credential's quota takes nothing of the address's.
    for _ in 0..5 {
        assert_eq!(door.cause(&call).await, "waived");
    }
    assert_eq!(told(&door.knock(get("/status")).await), "Limit: 3, Remaining: 0, Reset: 61");
    assert_eq!(told(&door.knock(call).await), "", "a waived refusal tells nothing");
}

#[test]
fn what_was_admitted_and_refused_is_counted_by_whom_the_rule_counts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let limits =
                "{ rules: [{ by: credential, quotas: [2/minute] }, { by: organization, quotas: [9/day] }] }";
            let door = door(limits).await;
            let key = key(&door, |_| ()).await;
            assert_eq!(admitted(&door, &get("/notes").bearer(&key), 5).await, 2);
        });
    });
    let counted = recorder.handle().render();
    for (by, decision, times) in
        [("credential", "admitted", 2), ("credential", "refused", 3), ("organization", "admitted", 2)]
    {
        let line =
            format!("doorward_limits_total{{api=\"notes\",by=\"{by}\",decision=\"{decision}\"}} {times}");
        assert!(counted.contains(&line), "{line} is not in\n{counted}");
    }
}
