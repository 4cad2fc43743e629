//! The secrets with which projects sign.

use crate::{
    domain::{
        ApiName, Author, ProjectId, ProjectSecrets, SealedSecret, SealingKeyId, SecretId, SecretRecord,
        Timestamp,
    },
    store::{
        ACTIVE_SECRETS_MAX, Finds, Found, Page, PageRequest, RecordKind, SecretFilter, SecretStore,
        StoreError,
    },
};

use super::{
    Change, SqlStore, Statement,
    audit::Turn,
    columns::{Columns, Stored},
    selection::{Order, Selection},
    snapshot,
};

impl Stored for SecretRecord {
    const KIND: RecordKind = RecordKind::Secret;

    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text("id")?,
            api: columns.text("api")?,
            organization: columns.text("organization")?,
            project: columns.text("project")?,
            sealed: SealedSecret { key: columns.text("sealing_key")?, bytes: columns.value("sealed")? },
            created: columns.moment("created")?,
            expires: columns.optional_moment("expires")?,
            revoked: columns.optional_moment("revoked")?,
            rotated_from: columns.optional_text("rotated_from")?,
        })
    }
}

pub(super) fn insertion(record: &SecretRecord) -> Statement {
    Statement::new(
        "INSERT INTO secrets (id, api, organization, project, sealing_key, sealed, created, expires, revoked, \
         rotated_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(record.id.as_str())
    .bind(record.api.as_str())
    .bind(record.organization.as_str())
    .bind(record.project.as_str())
    .bind(record.sealed.key.as_str())
    .bind(record.sealed.bytes.as_slice())
    .bind(record.created.as_millisecond())
    .bind(record.expires.map(Timestamp::as_millisecond))
    .bind(record.revoked.map(Timestamp::as_millisecond))
    .bind(record.rotated_from.as_ref().map(SecretId::as_str))
}

fn by_id(id: &SecretId) -> Statement {
    Statement::new("SELECT * FROM secrets WHERE id = $1").bind(id.as_str())
}

impl SqlStore {
    /// Adds a secret, unless too many would be active when it is created.
    async fn add_secret(
        &self,
        record: &SecretRecord,
        by: &Author,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        self.run(insertion(record), change).await?;
        let active = Statement::new(
            "SELECT count(*) AS count FROM secrets WHERE project = $1 AND api = $2 AND revoked IS NULL \
             AND (expires IS NULL OR expires > $3)",
        )
        .bind(record.project.as_str())
        .bind(record.api.as_str())
        .bind(record.created.as_millisecond());
        if self.count_of(active, &mut *change).await? > u64::from(ACTIVE_SECRETS_MAX) {
            return Err(StoreError::TwoSecretsActive);
        }
        let turn = Turn { verb: "create", at: record.created, before: None, after: Some(record) };
        self.audit_turn(turn, by, change).await?;
        self.note_secret(record, change).await
    }

    async fn note_secret(&self, record: &SecretRecord, change: &mut Change) -> Result<(), StoreError> {
        self.note::<ProjectSecrets>(&(record.api.clone(), record.project.clone()), change).await
    }
}

impl Finds<ProjectSecrets> for SqlStore {
    async fn find(&self, owner: &(ApiName, ProjectId)) -> Result<Found<ProjectSecrets>, StoreError> {
        let (api, project) = owner;
        let snapshot = Statement::new(concat!(
            snapshot!("secrets", "secrets.project = $1 AND secrets.api = $2"),
            " ORDER BY secrets.created DESC, secrets.number DESC"
        ));
        let snapshot = snapshot.bind(project.as_str()).bind(api.as_str());
        let (secrets, version) = self.look_up::<SecretRecord>(snapshot).await?;
        if secrets.is_empty() {
            self.no_secret(owner)?;
        }
        let record = (!secrets.is_empty()).then(|| ProjectSecrets { secrets: secrets.into() });
        Ok(Found { record, version })
    }
}

impl SecretStore for SqlStore {
    async fn secret_made_for(&self, by: &Author, at: Timestamp) -> Result<Option<SecretRecord>, StoreError> {
        let Some(id) = self.made_by_request::<SecretRecord>(by, at, self).await? else {
            return Ok(None);
        };
        let statement = Statement::new("SELECT * FROM secrets WHERE id = $1").bind(id);
        self.one(statement, self).await.map(Some)
    }

    async fn insert_secret(&self, record: &SecretRecord, by: &Author) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.remember_request(record, by, record.created, &mut change).await?;
        self.add_secret(record, by, &mut change).await?;
        self.commit(change).await
    }

    async fn secret(&self, id: &SecretId) -> Result<SecretRecord, StoreError> {
        self.one(by_id(id), self).await
    }

    async fn secrets(
        &self,
        filter: &SecretFilter,
        page: &PageRequest,
    ) -> Result<Page<SecretRecord>, StoreError> {
        let mut selection = Selection::of("SELECT * FROM secrets")
            .only("organization =", filter.organization.as_ref().map(ToString::to_string))
            .only("project =", filter.project.as_ref().map(ToString::to_string));
        if let Some(apis) = &filter.apis {
            selection = selection.among("api", apis.iter().map(ToString::to_string));
        }
        self.page(selection, Order::Oldest, page).await
    }

    async fn rotate_secret(
        &self,
        old: &SecretId,
        successor: &SecretRecord,
        overlap_ends: Timestamp,
        by: &Author,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        self.remember_request(successor, by, successor.created, &mut change).await?;
        let before: SecretRecord = self.one(by_id(old), &mut change).await?;
        if before.revoked.is_some() {
            return Err(StoreError::Revoked(RecordKind::Secret));
        }
        let ending = Statement::new(
            "UPDATE secrets SET expires = CASE WHEN expires < $2 THEN expires ELSE $2 END WHERE id = $1",
        )
        .bind(old.as_str())
        .bind(overlap_ends.as_millisecond());
        self.run(ending, &mut change).await?;
        let after = self.one(by_id(old), &mut change).await?;
        let turn = Turn { verb: "rotate", at: successor.created, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note_secret(&before, &mut change).await?;
        self.add_secret(successor, by, &mut change).await?;
        self.commit(change).await
    }

    async fn revoke_secret(
        &self,
        id: &SecretId,
        at: Timestamp,
        by: &Author,
    ) -> Result<SecretRecord, StoreError> {
        let mut change = self.begin().await?;
        let before: SecretRecord = self.one(by_id(id), &mut change).await?;
        if before.revoked.is_some() {
            return Ok(before);
        }
        let revoking = Statement::new("UPDATE secrets SET revoked = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(at.as_millisecond());
        self.run(revoking, &mut change).await?;
        self.note_secret(&before, &mut change).await?;
        let after = self.one(by_id(id), &mut change).await?;
        let turn = Turn { verb: "revoke", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.commit(change).await?;
        Ok(after)
    }

    async fn reseal(
        &self,
        id: &SecretId,
        expected: &SealedSecret,
        new: &SealedSecret,
        at: Timestamp,
        by: &Author,
    ) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let before: SecretRecord = match self.one(by_id(id), &mut change).await {
            Ok(before) => before,
            Err(StoreError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if before.sealed != *expected {
            return Ok(false);
        }
        let sealing = Statement::new("UPDATE secrets SET sealing_key = $2, sealed = $3 WHERE id = $1")
            .bind(id.as_str())
            .bind(new.key.as_str())
            .bind(new.bytes.as_slice());
        self.run(sealing, &mut change).await?;
        let after = SecretRecord { sealed: new.clone(), ..before.clone() };
        let turn = Turn { verb: "reseal", at, before: Some(&before), after: Some(&after) };
        self.audit_turn(turn, by, &mut change).await?;
        self.note_secret(&before, &mut change).await?;
        self.commit(change).await?;
        Ok(true)
    }

    async fn secrets_not_sealed_under(&self, key: &SealingKeyId) -> Result<Vec<SecretRecord>, StoreError> {
        let statement =
            Statement::new("SELECT * FROM secrets WHERE sealing_key <> $1 ORDER BY created, number");
        self.all(statement.bind(key.as_str()), self).await
    }
}
