//! A key's record as a row, and back.

use std::{fmt::Display, str::FromStr};

use sqlx::{
    Decode, Row, Sqlite, Type,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::domain::{
    CredentialHash, Environment, KeyId, KeyRecord, PlanName, ProjectId, Scope, ScopeSet, Timestamp,
};

use super::StoreError;

/// The statement that adds a record.
pub(super) fn insert(record: &KeyRecord) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(
        "INSERT INTO keys (id, hash, hint, name, kind, apis, organization, project, environment, scopes, plan, \
         sources, created, expires, revoked, rotated_from) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )
    .bind(record.id.as_str())
    .bind(record.hash.as_bytes().as_slice())
    .bind(record.hint.as_str())
    .bind(&record.name)
    .bind(record.kind.principal().code())
    .bind(spaced(&record.apis))
    .bind(record.organization.as_str())
    .bind(record.project.as_ref().map(ProjectId::as_str))
    .bind(record.environment.as_ref().map(Environment::as_str))
    .bind(spaced(&record.scopes))
    .bind(record.plan.as_ref().map(PlanName::as_str))
    .bind(spaced(&record.sources))
    .bind(record.created.as_millisecond())
    .bind(record.expires.map(Timestamp::as_millisecond))
    .bind(record.revoked.map(Timestamp::as_millisecond))
    .bind(record.rotated_from.as_ref().map(KeyId::as_str))
}

fn spaced<T: Display>(list: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = list.into_iter().map(|element| element.to_string()).collect();
    texts.join(" ")
}

/// Whether an outer join found no key.
pub(super) fn is_absent(row: &SqliteRow) -> bool {
    matches!(row.try_get("number"), Ok(None::<i64>))
}

/// The record in a row; [`StoreError::Corrupt`] names the key and the column that make no sense.
pub(super) fn read(row: &SqliteRow) -> Result<KeyRecord, StoreError> {
    let columns = Columns { row, key: row.try_get("id").unwrap_or("?") };
    let scopes: Vec<Scope> = columns.list("scopes")?;
    Ok(KeyRecord {
        id: columns.text("id")?,
        hash: columns.hash()?,
        hint: columns.text("hint")?,
        name: columns.value("name")?,
        kind: columns.text("kind")?,
        apis: columns.list("apis")?,
        organization: columns.text("organization")?,
        project: columns.optional_text("project")?,
        environment: columns.optional_text("environment")?,
        scopes: ScopeSet::new(scopes).map_err(|error| columns.corrupt("scopes", &error))?,
        plan: columns.optional_text("plan")?,
        sources: columns.list("sources")?,
        created: columns.moment("created", columns.value("created")?)?,
        expires: columns.optional_moment("expires")?,
        revoked: columns.optional_moment("revoked")?,
        rotated_from: columns.optional_text("rotated_from")?,
    })
}

struct Columns<'r> {
    row: &'r SqliteRow,
    key: &'r str,
}

impl<'r> Columns<'r> {
    fn corrupt(&self, column: &str, why: &dyn Display) -> StoreError {
        StoreError::Corrupt(format!("key {:?}, column {column}: {why}", self.key))
    }

    fn value<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, &error))
    }

    fn parse<T: FromStr<Err: Display>>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|error| self.corrupt(column, &error))
    }

    fn text<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.parse(column, self.value(column)?)
    }

    fn optional_text<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(|text| self.parse(column, text)).transpose()
    }

    fn list<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Vec<T>, StoreError> {
        let text: &str = self.value(column)?;
        text.split_ascii_whitespace().map(|element| self.parse(column, element)).collect()
    }

    fn hash(&self) -> Result<CredentialHash, StoreError> {
        CredentialHash::from_bytes(self.value("hash")?).map_err(|error| self.corrupt("hash", &error))
    }

    fn moment(&self, column: &str, milliseconds: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(milliseconds).map_err(|error| self.corrupt(column, &error))
    }

    fn optional_moment(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let milliseconds: Option<i64> = self.value(column)?;
        milliseconds.map(|milliseconds| self.moment(column, milliseconds)).transpose()
    }
}
