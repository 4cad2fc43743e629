//! Whose the projects of keys are.

use serde_json::json;

use crate::{
    domain::{OrganizationRecord, ProjectRecord},
    store::OrganizationStore,
};

use super::*;

#[tokio::test]
async fn a_project_that_the_store_has_is_one_of_the_keys_organization() {
    let mut scene = Scene::new().await;
    let globex = |text: &str| text.parse().expect("an id");
    let organization = OrganizationRecord {
        id: globex("globex"),
        name: "Globex".to_owned(),
        apis: Vec::new(),
        plan: None,
        entitlements: Vec::new(),
        suspended: None,
        created: moment("2029-01-01"),
    };
    let project = ProjectRecord {
        id: "gemini".parse().expect("an id"),
        name: "Gemini".to_owned(),
        apis: Vec::new(),
        organization: globex("globex"),
        created: moment("2029-01-01"),
    };
    let by = Author::on_the_store(0);
    scene.store.insert_organization(&organization, &by).await.expect("a new organization");
    scene.store.insert_project(&project, &by).await.expect("a new project");
    let within = |organization: &str, project: &str| NewKey {
        organization: organization.parse().expect("an id"),
        project: project.parse().ok(),
        ..for_api("payments", Some("live"))
    };
    let refused = scene.create(within("acme", "gemini")).await.expect_err("it is another's");
    assert_eq!(refused.to_string(), "project: found \"gemini\", expected one of the organization \"acme\"");
    for good in [within("globex", "gemini"), within("acme", "of-no-store")] {
        scene.create(good).await.expect("a key");
    }

    let line = json!({
        "hash": format!("sha256:{}", "0".repeat(64)), "api": "payments", "name": "CI", "organization": "acme",
        "project": "gemini", "environment": "live"
    });
    let refused = scene.import(&line.to_string()).await.expect_err("it is another's");
    let expected = "line 1: project: found \"gemini\", expected one of the organization \"acme\"";
    assert_eq!(refused.to_string(), format!("nothing was imported\n{expected}"));
}
