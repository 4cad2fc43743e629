//! Plans, as keys and organizations have them.

use crate::{
    domain::{Author, OrganizationRecord},
    store::{OrganizationStore, SqlStore},
};

use super::{parts::key, *};

#[tokio::test]
async fn plans_that_are_unknown_unused_or_in_vain_are_told() {
    let scene = Scene::new();
    let plan = |name: &str| Some(name.parse().expect("a name"));
    scene
        .store(&[
            key(1, |key| key.plan = plan("gold")),
            key(2, |key| key.plan = plan("gold")),
            key(3, |key| key.plan = plan("paid")),
            key(4, |key| {
                key.plan = plan("silver");
                key.revoked = Some(key.created);
            }),
        ])
        .await;
    let organization = OrganizationRecord {
        id: "acme".parse().expect("an id"),
        name: "Acme".to_owned(),
        apis: vec!["one".parse().expect("a name")],
        plan: plan("bronze"),
        entitlements: Vec::new(),
        suspended: None,
        created: scene.now,
    };
    let store = SqlStore::open_file(&scene.path("doorward.db"), SqlStore::PATIENCE).await.expect("a store");
    store.insert_organization(&organization, &Author::on_the_store(0)).await.expect("new");
    store.close().await;

    let plans = "plans: { free: [1/day], paid: [2/day], other: [3/day], more: [4/day] }\n";
    let text = api(&["limits: { by: credential, plan: free }"]) + plans;
    assert_eq!(
        scene.told(&text, "plan_unknown").await,
        [
            "warning      keys: `plans` has no `gold`, which 2 working keys have: it counts as none. Add `gold` to `plans`, or give them another.",
            "warning      organizations: `plans` has no `bronze`, which 1 organizations have: it counts as none. Add `bronze` to `plans`, or give them another.",
        ]
    );
    assert_eq!(
        scene.told(&text, "plan_unused").await,
        ["info         plans: nobody has these yet, and no API falls back on them: `more`, `other`"]
    );
    let in_vain = scene.told(&(api(&[]) + plans), "plans_in_vain").await;
    assert!(
        in_vain[0]
            .starts_with("warning      plans: no limit goes by plans, so that they have no effect. Say"),
        "{in_vain:?}"
    );
    for check in ["plan_unknown", "plan_unused", "plans_in_vain"] {
        assert!(
            scene.told(&api(&[]), check).await.is_empty(),
            "without plans they are the applications' alone"
        );
    }
}
