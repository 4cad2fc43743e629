//! How keys are used.

use std::collections::HashMap;

use crate::{
    domain::{KeyId, KeyUsage},
    store::{RecordKind, StoreError, UsageStore},
};

use super::{
    SqliteStore,
    columns::{Columns, Stored},
};

/// How one key was used.
struct Used(KeyId, KeyUsage);

impl Stored for Used {
    const KIND: RecordKind = RecordKind::Key;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let uses: i64 = columns.value("uses")?;
        let uses = u64::try_from(uses).map_err(|error| columns.corrupt("uses", &error))?;
        Ok(Self(columns.text("id")?, KeyUsage { uses, used: columns.moment("used")? }))
    }
}

impl UsageStore for SqliteStore {
    async fn add_uses(&self, uses: &[(KeyId, KeyUsage)]) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        for (id, KeyUsage { uses, used }) in uses {
            // A sum beyond the column would be refused, and all that comes with it.
            let adding = sqlx::query(
                "INSERT INTO key_usage (id, used, uses) SELECT id, ?2, ?3 FROM keys WHERE id = ?1 \
                 ON CONFLICT (id) DO UPDATE SET used = max(used, excluded.used), \
                 uses = min(uses, 9223372036854775807 - excluded.uses) + excluded.uses",
            );
            let adding = adding
                .bind(id.as_str())
                .bind(used.as_millisecond())
                .bind(i64::try_from(*uses).unwrap_or(i64::MAX));
            self.run(adding, &mut change).await?;
        }
        self.commit(change).await
    }

    async fn usage(&self, ids: &[KeyId]) -> Result<HashMap<KeyId, KeyUsage>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(KeyId::as_str).collect();
        let ids = serde_json::to_string(&ids).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let among = "SELECT * FROM key_usage WHERE id IN (SELECT value FROM json_each(?1))";
        let used: Vec<Used> = self.all(sqlx::query(among).bind(ids)).await?;
        Ok(used.into_iter().map(|Used(id, usage)| (id, usage)).collect())
    }
}
