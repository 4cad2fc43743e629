//! Where the reach of whoever is confined ends, in what the golden file has no cell for.

use doorward::domain::{Administrator, Reach, Role};
use http::StatusCode;
use serde_json::Value;

use crate::office::{Office, plain, post, with_body};

fn editor(reach: Reach) -> Administrator {
    Administrator { name: "somebody".to_owned(), role: Role::Editor, reach, from: "here".to_owned() }
}

/// Confined to these APIs.
fn at(apis: &[&str]) -> Reach {
    let apis = apis.iter().map(|api| api.parse().expect("a name")).collect();
    Reach { apis: Some(apis), scopes: vec!["read".parse().expect("a scope")], ..Reach::default() }
}

/// Confined to this organization.
fn of(organization: &str) -> Reach {
    Reach { organization: Some(organization.parse().expect("an id")), apis: None, ..at(&[]) }
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().expect("a message")
}

#[tokio::test]
async fn a_session_goes_as_far_as_whoever_begins_it_and_no_further_later_on() {
    let office = Office::open().await;
    let member = with_body(
        "PUT",
        "/v1/organizations/globex/members/ada",
        r#"{ "apis": ["payments"], "scopes": ["write"] }"#,
    );
    office.make(member).await;
    let begin = |more: &str| {
        post("/v1/sessions?lifetime=3600s", format!(r#"{{ "user": "ada", "apis": ["payments"]{more} }}"#))
    };
    for reach in [at(&["payments"]), of("acme"), Reach { apis: at(&["payments"]).apis, ..of("acme") }] {
        let (status, answer) = office.send(&editor(reach.clone()), begin("")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{reach:?}: {answer}");
        assert!(message(&answer).contains("name the organizations"), "{reach:?}: {answer}");
        let named = begin(r#", "organizations": [{ "organization": "acme", "scopes": ["read"] }]"#);
        assert_eq!(office.ask(&editor(reach.clone()), named).await, "200", "{reach:?}");
        // What the store knows of the user adds nothing to what is named.
        let named = begin(r#", "organizations": [{ "organization": "acme", "scopes": ["write"] }]"#);
        assert_eq!(office.ask(&editor(reach.clone()), named).await, "403 out_of_reach", "{reach:?}");
    }
    assert_eq!(office.ask(&editor(Reach::default()), begin("")).await, "200");
}

#[tokio::test]
async fn the_scopes_that_the_configuration_gives_are_granted_by_whoever_holds_them() {
    let office = Office::open().await;
    let project = r#"{ "id": "apollo", "name": "Apollo", "apis": ["tills"], "organization": "acme" }"#;
    office.make(post("/v1/projects", project)).await;
    let holding =
        |scope: &str| Reach { scopes: vec![scope.parse().expect("a scope")], ..at(&["tills", "absent"]) };
    let secret = |api: &str| {
        let what = format!(r#"{{ "api": "{api}", "project": "apollo", "organization": "acme" }}"#);
        post("/v1/secrets", format!(r#"{{ "secret": {what} }}"#))
    };
    let (status, answer) = office.send(&editor(holding("read")), secret("tills")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    let expected = "the scope `write`, which the API `tills` gives";
    assert!(message(&answer).contains(expected), "{answer}");
    assert_eq!(office.ask(&editor(holding("write")), secret("tills")).await, "200");
    let (status, answer) = office.send(&editor(holding("write")), secret("absent")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    assert!(message(&answer).contains("`absent` may do: it is not configured just now"), "{answer}");
}

#[tokio::test]
async fn an_api_that_is_not_configured_just_now_hides_no_other() {
    let office = Office::open().await;
    let key = r#"{ "name": "a key", "apis": ["payments"], "organization": "acme" }"#;
    office.make(post("/v1/keys", key)).await;
    let by = editor(at(&["absent", "payments"]));
    for list in ["keys", "secrets", "sessions", "organizations"] {
        let path = format!("/v1/{list}");
        let expected = if matches!(list, "secrets" | "sessions") { "200 none" } else { "200 some" };
        assert_eq!(office.ask(&by, plain("GET", &path)).await, expected, "{list}");
        assert_eq!(office.ask(&editor(at(&["absent"])), plain("GET", &path)).await, "200 none", "{list}");
        let asked = |api: &str| plain("GET", format!("{path}?api={api}"));
        assert_eq!(office.ask(&by, asked("absent")).await, "400 field_invalid", "{list}");
        assert_eq!(
            office.ask(&editor(Reach::default()), asked("nothing")).await,
            "400 field_invalid",
            "{list}"
        );
    }
}

#[tokio::test]
async fn an_api_of_others_is_answered_like_one_that_is_not_there() {
    let office = Office::open().await;
    let by = editor(at(&["payments"]));
    let verify = |api: &str| {
        post("/v1/credentials:verify", format!(r#"{{ "api": "{api}", "credential": "pay_nothing" }}"#))
    };
    for (there, not) in [
        (plain("GET", "/v1/keys?api=games"), plain("GET", "/v1/keys?api=nothing")),
        (plain("GET", "/v1/organizations?api=games"), plain("GET", "/v1/organizations?api=nothing")),
        (verify("games"), verify("nothing")),
    ] {
        let (status, there) = office.send(&by, there).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{there}");
        let (_, not) = office.send(&by, not).await;
        assert_eq!(message(&there).replace("games", "nothing"), message(&not));
    }
}

#[tokio::test]
async fn the_plan_of_a_key_is_not_for_whoever_is_confined_to_its_organization() {
    let office = Office::open().await;
    let key = r#"{ "name": "a key", "apis": ["payments"], "organization": "acme", "scopes": ["read"], "plan": "free" }"#;
    let id = office.make(post("/v1/keys", key)).await;
    let update = |mask: &str, body: &str| {
        with_body("PATCH", format!("/v1/keys/{id}?update_mask={mask}"), body.to_owned())
    };
    let by = editor(of("acme"));
    assert_eq!(office.ask(&by, update("plan", "{}")).await, "403 out_of_reach", "taking it away");
    assert_eq!(office.ask(&by, update("plan", r#"{ "plan": "large" }"#)).await, "403 out_of_reach");
    assert_eq!(office.ask(&by, update("plan", r#"{ "plan": "free" }"#)).await, "200", "as it is");
    assert_eq!(office.ask(&by, update("name", r#"{ "name": "another" }"#)).await, "200");
    assert_eq!(office.ask(&editor(at(&["payments"])), update("plan", "{}")).await, "200");
    assert_eq!(office.ask(&by, update("plan", "{}")).await, "200", "none, as it is");
}

#[tokio::test]
async fn an_outage_is_no_empty_list_of_organizations() {
    let office = Office::open().await;
    let list = || plain("GET", "/v1/organizations");
    assert_eq!(office.ask(&editor(of("acme")), list()).await, "200 some");
    assert_eq!(office.ask(&editor(of("elsewhere")), list()).await, "200 none");
    office.tamper("ALTER TABLE organizations RENAME TO elsewhere").await;
    let everybody = office.ask(&editor(Reach::default()), list()).await;
    assert_ne!(everybody.split_whitespace().next(), Some("200"), "{everybody}");
    assert_eq!(office.ask(&editor(of("acme")), list()).await, everybody);
}

#[tokio::test]
async fn whoever_is_confined_to_an_organization_is_not_told_who_owns_a_project() {
    let office = Office::open().await;
    let project = r#"{ "id": "apollo", "name": "Apollo", "apis": ["payments"], "organization": "globex" }"#;
    office.make(post("/v1/projects", project)).await;
    let secret = r#"{ "secret": { "api": "payments", "project": "apollo", "organization": "acme" } }"#;
    for (reach, is_told) in [(of("acme"), false), (at(&["payments"]), true), (Reach::default(), true)] {
        let (status, answer) = office.send(&editor(reach.clone()), post("/v1/secrets", secret)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{reach:?}: {answer}");
        assert_eq!(answer.to_string().contains("globex"), is_told, "{reach:?}: {answer}");
    }
}
