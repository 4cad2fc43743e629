//! Who may do what: every role × confinement × method, in one golden file. It holds what is answered as REST, and over
//! gRPC nothing else is. `UPDATE_GOLDEN=1` writes it anew.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by ending"
)]

mod confined;
mod members;
mod office;
mod over_grpc;
mod requests;
mod usage;

use std::{fmt::Write, fs, path::Path};

use doorward::{
    admin::api::METHODS,
    domain::{Administrator, Reach, Role},
};
use tokio::task::JoinSet;
use tonic::Code;

use office::Office;
use requests::Side;

/// The confinements, by what the golden file calls them.
fn reaches() -> Vec<(&'static str, Reach)> {
    let apis = Some(["payments", "tills"].map(|api| api.parse().expect("a name")).into());
    let organization = Some("acme".parse().expect("an id"));
    let scopes = vec!["read".parse().expect("a scope")];
    vec![
        ("everything", Reach::default()),
        ("payments and tills", Reach { apis: apis.clone(), scopes: scopes.clone(), ..Reach::default() }),
        (
            "the organization acme",
            Reach { organization: organization.clone(), scopes: scopes.clone(), ..Reach::default() },
        ),
        (
            "payments and tills of acme",
            Reach { apis: apis.clone(), organization: organization.clone(), scopes },
        ),
        ("payments and tills of acme, no scope", Reach { apis, organization, scopes: Vec::new() }),
        ("no API", Reach { apis: Some(Vec::new()), ..Reach::default() }),
    ]
}

/// What one administrator is answered.
async fn column(role: Role, name: &'static str, reach: Reach) -> String {
    let office = Office::open().await;
    let by = Administrator { name: "somebody".to_owned(), role, reach, from: "127.0.0.1".to_owned() };
    let mut text = format!("## {role}, {name}\n\n");
    let sides = Side::ALL.map(|side| format!("{:<24}", side.name())).concat();
    let _ = writeln!(text, "{:<22}{}", "", sides.trim_end());
    for about in METHODS {
        let mut cells = String::new();
        for side in Side::ALL {
            let request = async || requests::of(about.name, side, &office).await;
            let (called, asked) =
                (over_grpc::ask(&office, &by, about, request().await), office.ask(&by, request().await));
            let ((code, called), asked) = (called.await, asked.await);
            let (status, told) = asked.split_once(' ').unwrap_or((&asked, ""));
            assert_eq!(
                (code == Code::Ok, called.as_str()),
                (status == "200", told),
                "{} over gRPC",
                about.name
            );
            let _ = write!(cells, "{asked:<24}");
        }
        let _ = writeln!(text, "{:<22}{}", about.name, cells.trim_end());
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn each_may_do_what_role_and_reach_say_and_nothing_else() {
    let mut columns = JoinSet::new();
    for (at, (role, (name, reach))) in Role::ALL
        .into_iter()
        .flat_map(|role| reaches().into_iter().map(move |reach| (role, reach)))
        .enumerate()
    {
        columns.spawn(async move { (at, column(role, name, reach).await) });
    }
    let mut found = columns.join_all().await;
    found.sort_by_key(|(at, _)| *at);
    let found = found.into_iter().map(|(_, column)| column).collect::<Vec<_>>().join("\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin_reach/golden.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &found).expect("it can be written");
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    let differing: Vec<String> = golden
        .lines()
        .zip(found.lines())
        .filter(|(old, new)| old != new)
        .map(|(old, new)| format!("expected: {old}\nfound:    {new}"))
        .take(20)
        .collect();
    assert!(golden == found, "{} differs:\n{}", file.display(), differing.join("\n"));
}

#[tokio::test]
async fn a_membership_that_holds_for_another_api_is_not_taken_away() {
    let office = Office::open().await;
    let put = |apis: &str| {
        let body = format!(r#"{{ "apis": [{apis}], "scopes": ["read"] }}"#);
        office::with_body("PUT", "/v1/organizations/acme/members/ada", body)
    };
    let (_, reach) = reaches().swap_remove(1);
    let by =
        Administrator { name: "somebody".to_owned(), role: Role::Editor, reach, from: "here".to_owned() };
    assert_eq!(office.ask(&by, put(r#""payments""#)).await, "200 some");
    assert_eq!(office.ask(&by, put(r#""payments""#)).await, "200 some", "it is theirs");
    office.make(put(r#""payments", "games""#)).await;
    assert_eq!(office.ask(&by, put(r#""payments""#)).await, "403 out_of_reach");
}

#[tokio::test]
async fn whoever_is_confined_is_not_told_whose_a_bad_credential_is() {
    let office = Office::open().await;
    let body = r#"{ "name": "a key", "apis": ["payments"], "organization": "globex" }"#;
    let (status, issued) = office.send(&Office::owner(), office::post("/v1/keys", body)).await;
    assert_eq!(status, 200, "{issued}");
    let id = issued["id"].as_str().expect("an id");
    office.make(office::post(format!("/v1/keys/{id}:revoke"), "{}")).await;
    for (name, reach) in reaches() {
        let is_confined = reach.is_confined();
        let by = Administrator { name: name.to_owned(), role: Role::Viewer, reach, from: "here".to_owned() };
        let body = format!(r#"{{ "api": "payments", "credential": {} }}"#, issued["key"]);
        let (_, told) = office.send(&by, office::post("/v1/credentials:verify", body)).await;
        assert!(!told.to_string().contains(id) || !is_confined, "{name}: {told}");
        assert_eq!(told["cause"].is_string(), !is_confined, "{name}: {told}");
    }
}

#[tokio::test]
async fn nothing_of_a_secret_is_kept_outside_of_its_seal() {
    let office = Office::open().await;
    let body = r#"{ "id": "apollo", "name": "Apollo", "apis": ["payments"], "organization": "acme" }"#;
    office.make(office::post("/v1/projects", body)).await;
    let secret = r#""secret": { "api": "payments", "project": "apollo", "organization": "acme" }"#;
    let with = |more: &str| office::post("/v1/secrets", format!("{{ {secret}, {more} }}"));
    let plain = r#""plain": "a-secret-made-elsewhere""#;
    let refused = office.ask(&Office::owner(), with(&format!(r#"{plain}, "request_id": "1""#))).await;
    assert_eq!(refused, "400 field_invalid");
    office.make(with(plain)).await;
    office.make(with(r#""request_id": "1""#)).await;
}

#[tokio::test]
async fn what_no_store_could_hold_is_not_looked_for() {
    let office = Office::open().await;
    for path in
        ["/v1/audit?actor=%00", "/v1/audit?kind=%00", "/v1/audit?id=a%00b", "/v1/keys?label=team%3D%00"]
    {
        assert_eq!(
            office.ask(&Office::owner(), office::plain("GET", path)).await,
            "400 field_invalid",
            "{path}"
        );
    }
    let labels = r#""labels": { "team": "a\u0000b" }"#;
    let body = format!(r#"{{ "name": "a key", "apis": ["payments"], "organization": "acme", {labels} }}"#);
    assert_eq!(office.ask(&Office::owner(), office::post("/v1/keys", body)).await, "400 field_invalid");
}
