//! Where somebody is a member, whoever asks.

use doorward::domain::{Administrator, Reach, Role};
use http::StatusCode;
use serde_json::Value;

use crate::office::{Office, plain, with_body};

/// `ada` belongs to `acme` at `payments`, and to `globex` at `games`.
async fn furnished() -> Office {
    let office = Office::open().await;
    for (organization, api) in [("acme", "payments"), ("globex", "games")] {
        let path = format!("/v1/organizations/{organization}/members/ada");
        let put = with_body("PUT", path, format!(r#"{{ "apis": ["{api}"] }}"#));
        let (status, answer) = office.send(&Office::owner(), put).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    office
}

async fn asked(office: &Office, reach: Reach, path: &str) -> (StatusCode, Value) {
    let by = Administrator { name: "somebody".to_owned(), role: Role::Viewer, reach, from: String::new() };
    office.send(&by, plain("GET", path)).await
}

fn organizations(answer: &Value) -> Vec<&str> {
    let members = answer["members"].as_array().expect("a list");
    members.iter().map(|member| member["organization"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn of_a_user_everybody_sees_what_is_within_their_reach() {
    let office = furnished().await;
    let everywhere = "/v1/organizations/-/members?user=ada";
    let of = |id: &str| Reach { organization: Some(id.parse().expect("an id")), ..Reach::default() };
    let at = |api: &str| Reach { apis: Some(vec![api.parse().expect("a name")]), ..Reach::default() };
    for (reach, expected) in [
        (Reach::default(), &["acme", "globex"][..]),
        (of("acme"), &["acme"]),
        (of("elsewhere"), &[]),
        (at("games"), &["globex"]),
        (Reach { organization: of("acme").organization, ..at("games") }, &[]),
    ] {
        let (status, answer) = asked(&office, reach.clone(), everywhere).await;
        assert_eq!((status, &*organizations(&answer)), (StatusCode::OK, expected), "{reach:?}");
    }
}

#[tokio::test]
async fn every_organization_is_meant_where_a_user_is_named_alone() {
    let office = furnished().await;
    let (status, answer) = asked(&office, Reach::default(), "/v1/organizations/-/members").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    let (status, answer) =
        asked(&office, Reach::default(), "/v1/organizations/acme/members?user=grace").await;
    assert_eq!((status, organizations(&answer).len()), (StatusCode::OK, 0));
    let (status, _) = asked(&office, Reach::default(), "/v1/organizations/-/members?user=%07").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
