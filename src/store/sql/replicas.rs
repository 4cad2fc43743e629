//! The servers that share the store.

use std::time::Duration;

use crate::store::{ReplicaStore, Spread, StoreError, Version};

use super::{SqlStore, Statement};

/// After how long a server is silent that says every [`SqlStore::ATTENDING`] that it is there, in milliseconds.
const SILENT_MS: i64 = 5_000;

/// How many changes are kept. Whoever is further behind forgets all that they remember.
const CHANGES_KEPT: i64 = 1_000_000;

impl SqlStore {
    /// How often a server says that it is there.
    pub const ATTENDING: Duration = Duration::from_secs(2);
}

impl ReplicaStore for SqlStore {
    async fn attend(&self, server: &str, reached: Version, remembers: Duration) -> Result<(), StoreError> {
        let now = self.engine.now();
        let mut note = self.engine.begin_attendance().await?;
        let attending = format!(
            "INSERT INTO replicas (id, reached, seen, until) VALUES ($1, $2, {now}, {now} + $3) \
             ON CONFLICT (id) DO UPDATE SET reached = excluded.reached, seen = excluded.seen, until = excluded.until"
        );
        let values = vec![
            server.into(),
            i64::try_from(reached.0).unwrap_or(i64::MAX).into(),
            i64::try_from(remembers.as_millis()).unwrap_or(i64::MAX).into(),
        ];
        note.run(Statement::built(attending, values)).await?;
        let forgetting = format!("DELETE FROM replicas WHERE until <= {now} AND id <> $1");
        note.run(Statement::built(forgetting, vec![server.into()])).await?;
        let pruning =
            Statement::new("DELETE FROM changes WHERE version <= (SELECT max(version) FROM changes) - $1");
        note.run(pruning.bind(CHANGES_KEPT)).await?;
        note.commit().await.map(drop)
    }

    async fn leave(&self, server: &str) -> Result<(), StoreError> {
        let mut note = self.engine.begin_attendance().await?;
        note.run(Statement::new("DELETE FROM replicas WHERE id = $1").bind(server)).await?;
        note.commit().await.map(drop)
    }

    async fn spread(&self, version: Version) -> Result<Spread, StoreError> {
        let now = self.engine.now();
        let counting = format!("SELECT reached, {now} - seen AS silence FROM replicas WHERE until > {now}");
        let mut spread = Spread::default();
        for row in self.engine.fetch_changes(Statement::built(counting, Vec::new())).await? {
            spread.servers += 1;
            if u64::try_from(row.integer("reached")?).is_ok_and(|reached| reached >= version.0) {
                spread.reached += 1;
            } else if row.integer("silence")? > SILENT_MS {
                spread.silent += 1;
            }
        }
        Ok(spread)
    }
}
