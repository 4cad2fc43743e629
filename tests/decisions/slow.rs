//! A store that takes its time.

use std::{path::Path, sync::Arc, time::Duration};

use doorward::{
    check::{Checker, Policy},
    config::Config,
    domain::{
        KeyRecord, ManualClock, MemberRecord, OrganizationRecord, ProjectRecord, ProjectSecrets,
        SessionRecord,
    },
    store::{CachedStore, Change, Changes, Finds, Found, Kept, SqlStore, StoreError, Version},
};

use crate::door::{Call, Door, NOW, ask, reason};

/// What one answer takes: less than the budget, but two of them take more.
const DELAY: Duration = Duration::from_millis(400);

const CONFIG: &str = r#"
budget: 600ms
apis:
  - name: notes
    hosts: [notes.example]
    credentials: [{ api_key: { prefix: nt_, from: [{ header: { name: x-key } }] } }]
    routes: [{ match: "/projects/{project}", project: path }]
"#;

#[derive(Debug)]
struct Slow(SqlStore);

macro_rules! slow {
    ($($record:ty)*) => {
        $(impl Finds<$record> for Slow {
            async fn find(&self, name: &<$record as Kept>::Name) -> Result<Found<$record>, StoreError> {
                tokio::time::sleep(DELAY).await;
                Finds::<$record>::find(&self.0, name).await
            }
        })*
    };
}

slow!(KeyRecord SessionRecord OrganizationRecord ProjectRecord MemberRecord ProjectSecrets);

impl Changes for Slow {
    async fn changes(&self, since: Version) -> Result<Vec<Change>, StoreError> {
        self.0.changes(since).await
    }

    async fn version(&self) -> Result<Version, StoreError> {
        self.0.version().await
    }
}

#[tokio::test]
async fn the_budget_bounds_all_answers_of_a_check_together() {
    let config = Config::parse(CONFIG, Path::new("doorward.yaml"), &[]).expect("it is good").config;
    let door = Door::of(&config).await;
    let key = door.key("nt_", |_| ()).await;
    let cached = CachedStore::new(Slow(door.store.clone()), config.cache, config.budget);
    let clock = Arc::new(ManualClock::at(NOW.parse().expect("a moment")));
    let checker = Checker::new(Policy::new(&config), cached, clock);
    let verdict = async || {
        let call = Call::get("/projects/apollo").header("x-key", &key);
        let response = ask(&checker, &call).await;
        reason(&response).unwrap_or("allowed").to_owned()
    };
    assert_eq!(verdict().await, "unavailable", "the key was told in time, and then the project was not");
    // What came too late is remembered all the same, so that asking again leads further.
    tokio::time::sleep(2 * DELAY).await;
    assert_eq!(verdict().await, "project_mismatch");
}
