//! A record as a row, and back: what every kind shares.

use std::{fmt::Display, str::FromStr};

use crate::{
    domain::{ApiName, CredentialHash, Scope, ScopeSet, Timestamp},
    store::{RecordKind, StoreError},
};

use super::row::{Cell, Row};

/// What a row of a table holds.
pub(super) trait Stored: Sized {
    /// Its kind.
    const KIND: RecordKind;

    /// The record in a row.
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError>;
}

/// The record in a row; [`StoreError::Corrupt`] names the record and the column that make no sense.
pub(super) fn read<T: Stored>(row: &Row) -> Result<T, StoreError> {
    T::read(&Columns { row, kind: T::KIND })
}

/// Whether an outer join found no row.
pub(super) fn is_absent(row: &Row) -> bool {
    matches!(row.get("number"), Ok(None::<i64>))
}

/// A list as it stands in a column.
pub(super) fn spaced<T: Display>(list: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = list.into_iter().map(|element| element.to_string()).collect();
    texts.join(" ")
}

/// The columns of one row.
pub(super) struct Columns<'r> {
    row: &'r Row,
    kind: RecordKind,
}

impl<'r> Columns<'r> {
    /// The error that names this row and `column`.
    pub(super) fn corrupt(&self, column: &str, why: &dyn Display) -> StoreError {
        let name = if self.kind == RecordKind::Member { "user_id" } else { "id" };
        let name: &str = self.row.get(name).unwrap_or("?");
        StoreError::Corrupt(format!("{} {name:?}, column {column}: {why}", self.kind))
    }

    pub(super) fn value<T: Cell<'r>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.get(column).map_err(|error| self.corrupt(column, &error))
    }

    fn parse<T: FromStr<Err: Display>>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|error| self.corrupt(column, &error))
    }

    pub(super) fn text<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.parse(column, self.value(column)?)
    }

    pub(super) fn optional_text<T: FromStr<Err: Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(|text| self.parse(column, text)).transpose()
    }

    pub(super) fn list<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Vec<T>, StoreError> {
        let text: &str = self.value(column)?;
        text.split_ascii_whitespace().map(|element| self.parse(column, element)).collect()
    }

    pub(super) fn apis(&self) -> Result<Vec<ApiName>, StoreError> {
        self.list("apis")
    }

    pub(super) fn scopes(&self) -> Result<ScopeSet, StoreError> {
        let scopes: Vec<Scope> = self.list("scopes")?;
        ScopeSet::new(scopes).map_err(|error| self.corrupt("scopes", &error))
    }

    pub(super) fn hash(&self) -> Result<CredentialHash, StoreError> {
        CredentialHash::from_bytes(self.value("hash")?).map_err(|error| self.corrupt("hash", &error))
    }

    pub(super) fn moment(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.moment_of(column, self.value(column)?)
    }

    pub(super) fn optional_moment(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let milliseconds: Option<i64> = self.value(column)?;
        milliseconds.map(|milliseconds| self.moment_of(column, milliseconds)).transpose()
    }

    fn moment_of(&self, column: &str, milliseconds: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(milliseconds).map_err(|error| self.corrupt(column, &error))
    }
}
