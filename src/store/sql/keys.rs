//! API keys.

use std::collections::BTreeMap;

use crate::{
    domain::{
        Author, CredentialHash, CredentialStatus, Environment, KeyId, KeyRecord, PlanName, ProjectId,
        Timestamp,
    },
    store::{Finds, Found, KeyEdit, KeyFilter, KeyStore, Mark, Page, PageRequest, RecordKind, StoreError},
};

use super::{
    Change, SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored, spaced},
    selection::{Order, Selection},
    snapshot,
    statement::Value,
};

impl Stored for KeyRecord {
    const KIND: RecordKind = RecordKind::Key;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        let id: KeyId = columns.text("id")?;
        Ok(Self {
            lineage: columns.optional_text("lineage")?.unwrap_or_else(|| id.clone()),
            id,
            hash: columns.hash()?,
            hint: columns.text("hint")?,
            name: columns.value("name")?,
            kind: columns.text("kind")?,
            apis: columns.apis()?,
            organization: columns.text("organization")?,
            project: columns.optional_text("project")?,
            environment: columns.optional_text("environment")?,
            scopes: columns.scopes()?,
            plan: columns.optional_text("plan")?,
            sources: columns.list("sources")?,
            created: columns.moment("created")?,
            expires: columns.optional_moment("expires")?,
            revoked: columns.optional_moment("revoked")?,
            rotated_from: columns.optional_text("rotated_from")?,
            labels: serde_json::from_str(columns.value("labels")?)
                .map_err(|error| columns.corrupt("labels", &error))?,
        })
    }
}

/// How many keys are made ready at once.
const PART: usize = 1000;
const LABELS: &str = "INSERT INTO labels (id, name, value)";

/// The row of a key.
fn row(record: &KeyRecord) -> Vec<Value> {
    vec![
        record.id.as_str().into(),
        record.hash.as_bytes().as_slice().into(),
        record.hint.as_str().into(),
        record.name.as_str().into(),
        record.kind.principal().code().into(),
        spaced(&record.apis).into(),
        record.organization.as_str().into(),
        record.project.as_ref().map(ProjectId::as_str).into(),
        record.environment.as_ref().map(Environment::as_str).into(),
        spaced(&record.scopes).into(),
        record.plan.as_ref().map(PlanName::as_str).into(),
        spaced(&record.sources).into(),
        record.created.as_millisecond().into(),
        record.expires.map(Timestamp::as_millisecond).into(),
        record.revoked.map(Timestamp::as_millisecond).into(),
        record.rotated_from.as_ref().map(KeyId::as_str).into(),
    ]
}

/// The rows of the labels of a key.
fn label_rows(id: &KeyId, labels: &BTreeMap<String, String>) -> Vec<Vec<Value>> {
    labels.iter().map(|(name, value)| vec![id.as_str().into(), name.into(), value.into()]).collect()
}

/// The rows of the lineages of those keys that are not the first of theirs.
fn lineage_rows(records: &[KeyRecord]) -> Vec<Vec<Value>> {
    let later = records.iter().filter(|record| record.lineage != record.id);
    later.map(|record| vec![record.id.as_str().into(), record.lineage.as_str().into()]).collect()
}

/// The column of the lineage, which stands beside those of a key's row.
macro_rules! lineage {
    () => {
        "(SELECT lineage FROM lineages WHERE lineages.id = keys.id) AS lineage"
    };
}

/// What `select` selects of the keys that the filter lets through.
fn selected(filter: &KeyFilter, select: &str) -> Selection {
    let mut selection = Selection::of(select)
        .serving(filter.apis.as_deref())
        .only("organization =", filter.organization.as_ref().map(ToString::to_string))
        .only("project =", filter.project.as_ref().map(ToString::to_string))
        .only_at("created <=", filter.made_before)
        .only_at("expires <=", filter.expires_before)
        .only_at("created <=", filter.unused_since)
        .unused_since(filter.unused_since);
    if let Some((name, value)) = &filter.label {
        selection = selection.labelled(name, value.as_deref());
    }
    if let Some((status, at)) = filter.status {
        selection = match status {
            // What has an end is found between two moments of an index.
            CredentialStatus::Active if filter.expires_before.is_some() => {
                selection.that("revoked IS NULL").only_at("expires >", Some(at))
            }
            CredentialStatus::Active => selection
                .that("revoked IS NULL")
                .only_at("coalesce(expires, 9223372036854775807) >", Some(at)),
            CredentialStatus::Expired => selection.that("revoked IS NULL").only_at("expires <=", Some(at)),
            CredentialStatus::Revoked => selection.that("revoked IS NOT NULL"),
        };
    }
    selection
}

impl SqlStore {
    /// Selects keys with all that is known of them.
    fn select_keys(&self) -> String {
        let labels = self.engine.labels();
        format!("SELECT {}, {labels} AS labels, keys.* FROM keys", lineage!())
    }

    fn key_by_id(&self, id: &str) -> Statement {
        Statement::built(format!("{} WHERE id = $1", self.select_keys()), vec![id.into()])
    }

    /// Adds keys, all in one go as far as a statement has room.
    async fn add_keys(
        &self,
        records: &[KeyRecord],
        verb: &'static str,
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        self.put_keys(records, change).await?;
        for part in records.chunks(PART) {
            let turns = part.iter().map(|record| Turn {
                verb,
                at: record.created,
                before: None,
                after: Some(record),
            });
            let turns: Vec<_> = turns.collect();
            self.audit_turns(&turns, by, change).await?;
        }
        Ok(())
    }

    /// Puts the rows of keys, and marks them as changed.
    pub(super) async fn put_keys(
        &self,
        records: &[KeyRecord],
        change: &mut Change,
    ) -> Result<(), StoreError> {
        for part in records.chunks(PART) {
            let insertion = "INSERT INTO keys (id, hash, hint, name, kind, apis, organization, project, environment, scopes, \
                             plan, sources, created, expires, revoked, rotated_from)";
            self.put_rows(insertion, part.iter().map(row).collect(), change).await?;
            self.put_rows("INSERT INTO lineages (id, lineage)", lineage_rows(part), change).await?;
            let labels = part.iter().flat_map(|record| label_rows(&record.id, &record.labels)).collect();
            self.put_rows(LABELS, labels, change).await?;
            let marks: Vec<Mark> = part.iter().map(|record| Mark::of_hash(&record.hash)).collect();
            self.note_all(&marks, change).await?;
        }
        Ok(())
    }

    /// Gives a key these labels, and no others.
    async fn put_labels(
        &self,
        id: &KeyId,
        labels: &BTreeMap<String, String>,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let removal = Statement::new("DELETE FROM labels WHERE id = $1").bind(id.as_str());
        self.run(removal, change).await?;
        self.put_rows(LABELS, label_rows(id, labels), change).await
    }

    /// Changes one field of a key.
    async fn edit_key(&self, id: &KeyId, edit: &KeyEdit, change: &mut Change) -> Result<(), StoreError> {
        let edition = |sql: &'static str| Statement::new(sql).bind(id.as_str());
        let edition = match edit {
            KeyEdit::Name(name) => edition("UPDATE keys SET name = $2 WHERE id = $1").bind(name),
            KeyEdit::Scopes(scopes) => {
                edition("UPDATE keys SET scopes = $2 WHERE id = $1").bind(spaced(scopes))
            }
            KeyEdit::Plan(plan) => {
                edition("UPDATE keys SET plan = $2 WHERE id = $1").bind(plan.as_ref().map(PlanName::as_str))
            }
            KeyEdit::Expires(expires) => edition("UPDATE keys SET expires = $2 WHERE id = $1")
                .bind(expires.map(Timestamp::as_millisecond)),
            KeyEdit::Labels(labels) => return self.put_labels(id, labels, change).await,
        };
        self.run(edition, change).await.map(drop)
    }

    /// Adds all these keys, or none of them.
    async fn add_all_keys(
        &self,
        records: &[KeyRecord],
        verb: &'static str,
        by: &Author,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        if let [record] = records {
            self.remember_request(record, by, record.created, &mut change).await?;
        }
        self.add_keys(records, verb, by, &mut change).await?;
        self.commit(change).await
    }
}

impl Finds<KeyRecord> for SqlStore {
    async fn find(&self, hash: &CredentialHash) -> Result<Found<KeyRecord>, StoreError> {
        let snapshot =
            Statement::new(snapshot!("keys", "keys.hash = $1", concat!(lineage!(), ", '{}' AS labels")))
                .bind(hash.as_bytes().as_slice());
        let (records, version) = self.look_up(snapshot).await?;
        if records.is_empty() {
            self.no_key(hash)?;
        }
        Ok(Found { record: records.into_iter().next(), version })
    }
}

impl KeyStore for SqlStore {
    async fn get(&self, id: &KeyId) -> Result<KeyRecord, StoreError> {
        self.one(self.key_by_id(id.as_str()), self).await
    }

    async fn list(&self, filter: &KeyFilter, page: &PageRequest) -> Result<Page<KeyRecord>, StoreError> {
        self.page(selected(filter, &self.select_keys()), Order::Oldest, page).await
    }

    async fn count(&self, filter: &KeyFilter) -> Result<u64, StoreError> {
        let selection = selected(filter, "SELECT count(*) AS count FROM keys");
        self.count_of(selection.statement(), self).await
    }

    async fn made_for(&self, by: &Author, at: Timestamp) -> Result<Option<KeyRecord>, StoreError> {
        let Some(id) = self.made_by_request::<KeyRecord>(by, at, self).await? else { return Ok(None) };
        self.one(self.key_by_id(&id), self).await.map(Some)
    }

    async fn insert(&self, records: &[KeyRecord], by: &Author) -> Result<(), StoreError> {
        self.add_all_keys(records, "create", by).await
    }

    async fn import(&self, records: &[KeyRecord], by: &Author) -> Result<(), StoreError> {
        self.add_all_keys(records, "import", by).await
    }

    async fn update(
        &self,
        id: &KeyId,
        edits: &[KeyEdit],
        at: Timestamp,
        by: &Author,
    ) -> Result<KeyRecord, StoreError> {
        let mut change = self.begin().await?;
        let before: KeyRecord = self.one(self.key_by_id(id.as_str()), &mut change).await?;
        if before.revoked.is_some() {
            return Err(StoreError::Revoked(RecordKind::Key));
        }
        for edit in edits {
            self.edit_key(id, edit, &mut change).await?;
        }
        let after = self.one(self.key_by_id(id.as_str()), &mut change).await?;
        if after == before {
            return Ok(after);
        }
        let turn = Turn { verb: "update", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<KeyRecord>(&before.hash, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }

    async fn rotate(
        &self,
        old: &KeyRecord,
        successor: &KeyRecord,
        overlap_ends: Timestamp,
        by: &Author,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.remember_request(successor, by, successor.created, &mut change).await?;
        let before: KeyRecord = self.one(self.key_by_id(old.id.as_str()), &mut change).await?;
        if before.revoked.is_some() {
            return Err(StoreError::Revoked(RecordKind::Key));
        }
        let ending = Statement::new(
            "UPDATE keys SET expires = CASE WHEN expires < $2 THEN expires ELSE $2 END WHERE id = $1",
        )
        .bind(old.id.as_str())
        .bind(overlap_ends.as_millisecond());
        self.run(ending, &mut change).await?;
        let after = self.one(self.key_by_id(old.id.as_str()), &mut change).await?;
        let turn = Turn { verb: "rotate", at: successor.created, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note::<KeyRecord>(&before.hash, &mut change).await?;
        self.add_keys(std::slice::from_ref(successor), "create", by, &mut change).await?;
        if before != *old {
            return Err(StoreError::Changed(RecordKind::Key));
        }
        self.commit(change).await
    }

    async fn revoke(&self, id: &KeyId, at: Timestamp, by: &Author) -> Result<KeyRecord, StoreError> {
        let mut change = self.begin().await?;
        let before: KeyRecord = self.one(self.key_by_id(id.as_str()), &mut change).await?;
        if before.revoked.is_some() {
            return Ok(before);
        }
        let revoking = Statement::new("UPDATE keys SET revoked = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(at.as_millisecond());
        self.run(revoking, &mut change).await?;
        self.note::<KeyRecord>(&before.hash, &mut change).await?;
        let after = self.one(self.key_by_id(id.as_str()), &mut change).await?;
        let turn = Turn { verb: "revoke", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }
}
