//! Somebody who may read, under a limit that nobody reaches.

use std::path::Path;

use doorward::{
    admin::{Keys, NewKey},
    config::{ClientAddress, Config, Fragments, LimitBy, LimitRule, Quotas},
    domain::{Author, KeyKind, SystemClock, WindowKind},
    store::SqlStore,
};
use rand::{SeedableRng, rngs::StdRng};

/// The example's configuration, but with a limit of its own that counts by `by`; a store in `folder`; and a key in it
/// that may read.
pub(crate) async fn reader(folder: &Path, by: LimitBy) -> (Config, SqlStore, String) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cortex-edr.yaml");
    let mut config = Config::load(&example, &[], &Fragments::default()).expect("the example is good").config;
    let quota = "1000000000/minute".parse().expect("a quota");
    for api in &mut config.apis {
        api.client_address = Some(ClientAddress::Hops(1));
        api.limits.rules = vec![LimitRule {
            name: by.name().to_owned(),
            by,
            quotas: Quotas::Fixed([quota].into()),
            window: WindowKind::Sliding,
        }];
    }
    let store = SqlStore::open_file(&folder.join("keys.db"), SqlStore::PATIENCE).await.expect("a store");
    let wanted = NewKey {
        apis: config.apis.iter().map(|api| api.name.clone()).collect(),
        name: "bench".into(),
        kind: KeyKind::ApiKey,
        organization: "acme".parse().expect("an id"),
        project: None,
        environment: "live".parse().ok(),
        scopes: vec!["read".parse().expect("a scope")],
        preset: None,
        plan: None,
        expires: None,
        sources: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    let keys = Keys::new(&store, &config.apis, &config.plans, &SystemClock);
    let issued =
        keys.create(wanted, &mut StdRng::seed_from_u64(1), &Author::on_the_store(0)).await.expect("a key");
    (config, store, issued.key.expect("it is new").expose().to_owned())
}
