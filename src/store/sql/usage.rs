//! How keys are used.

use std::collections::HashMap;

use crate::{
    domain::{KeyId, KeyUsage},
    store::{RecordKind, StoreError, UsageStore},
};

use super::{
    SqlStore, Statement,
    columns::{Columns, Stored},
    selection::Selection,
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

impl UsageStore for SqlStore {
    async fn add_uses(&self, uses: &[(KeyId, KeyUsage)]) -> Result<(), StoreError> {
        let mut change = self.begin_note().await?;
        // In one order, so that several who write at once never wait for each other in a circle.
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        for (id, KeyUsage { uses, used }) in uses {
            // A sum beyond the column would be refused, and all that comes with it.
            let adding = Statement::new(
                "INSERT INTO key_usage (id, used, uses) SELECT id, $2, $3 FROM keys WHERE id = $1 \
                 ON CONFLICT (id) DO UPDATE SET \
                 used = CASE WHEN key_usage.used < excluded.used THEN excluded.used ELSE key_usage.used END, \
                 uses = CASE WHEN key_usage.uses > 9223372036854775807 - excluded.uses THEN 9223372036854775807 \
                 ELSE key_usage.uses + excluded.uses END",
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
        let among = Selection::of("SELECT * FROM key_usage").among("id", ids.iter().map(ToString::to_string));
        let used: Vec<Used> = self.all(among.statement(), self).await?;
        Ok(used.into_iter().map(|Used(id, usage)| (id, usage)).collect())
    }
}
