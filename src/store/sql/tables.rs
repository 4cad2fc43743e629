//! All tables with records, and their columns: what a copy goes through.

use crate::store::StoreError;

use super::{
    Statement,
    row::Row,
    statement::{Value, places},
};

/// How many rows are read and written at once.
const ROWS: usize = 500;

/// The type of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Integer,
    Bytes,
}

use Kind::{Bytes, Integer, Text};

/// A table with all of its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many of the columns, from the first, tell one row from all others, and give the rows their order.
    place: usize,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// Whether its rows change without a row in `changes`.
    pub(super) is_untold: bool,
}

const fn table(name: &'static str, place: usize, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, place, columns, is_untold: false }
}

const fn untold(name: &'static str, place: usize, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, place, columns, is_untold: true }
}

/// All tables with records: what others refer to comes first.
pub(super) const TABLES: [Table; 12] = [
    table(
        "organizations",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("name", Text),
            ("apis", Text),
            ("plan", Text),
            ("entitlements", Text),
            ("suspended", Integer),
            ("created", Integer),
        ],
    ),
    table(
        "projects",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("name", Text),
            ("apis", Text),
            ("organization", Text),
            ("created", Integer),
        ],
    ),
    table(
        "members",
        1,
        &[("number", Integer), ("user_id", Text), ("organization", Text), ("apis", Text), ("scopes", Text)],
    ),
    table(
        "keys",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("hash", Bytes),
            ("hint", Text),
            ("name", Text),
            ("kind", Text),
            ("apis", Text),
            ("organization", Text),
            ("project", Text),
            ("environment", Text),
            ("scopes", Text),
            ("plan", Text),
            ("sources", Text),
            ("created", Integer),
            ("expires", Integer),
            ("revoked", Integer),
            ("rotated_from", Text),
        ],
    ),
    table("lineages", 1, &[("id", Text), ("lineage", Text)]),
    table("labels", 2, &[("id", Text), ("name", Text), ("value", Text)]),
    untold("key_usage", 1, &[("id", Text), ("used", Integer), ("uses", Integer)]),
    untold(
        "sessions",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("hash", Bytes),
            ("apis", Text),
            ("user_id", Text),
            ("memberships", Text),
            ("scopes", Text),
            ("created", Integer),
            ("expires", Integer),
            ("idle", Integer),
            ("used", Integer),
            ("ended", Integer),
        ],
    ),
    table(
        "secrets",
        1,
        &[
            ("number", Integer),
            ("id", Text),
            ("api", Text),
            ("organization", Text),
            ("project", Text),
            ("sealing_key", Text),
            ("sealed", Bytes),
            ("created", Integer),
            ("expires", Integer),
            ("revoked", Integer),
            ("rotated_from", Text),
        ],
    ),
    table(
        "audit",
        1,
        &[
            ("number", Integer),
            ("at", Integer),
            ("actor", Text),
            ("role", Text),
            ("origin", Text),
            ("action", Text),
            ("kind", Text),
            ("id", Text),
            ("organization", Text),
            ("apis", Text),
            ("before", Text),
            ("after", Text),
        ],
    ),
    untold(
        "requests",
        2,
        &[("actor", Text), ("id", Text), ("digest", Bytes), ("kind", Text), ("made", Text), ("at", Integer)],
    ),
    table("changes", 1, &[("version", Integer), ("hash", Bytes)]),
];

impl Kind {
    pub(super) fn of(self, row: &Row, column: &str) -> Result<Value, StoreError> {
        let value = match self {
            Self::Text => row.get(column).map(Value::Text),
            Self::Integer => row.get(column).map(Value::Integer),
            Self::Bytes => row.get(column).map(Value::Bytes),
        };
        value.map_err(|error| StoreError::Corrupt(format!("column {column}: {error}")))
    }
}

impl Table {
    pub(super) fn places(&self) -> Vec<&'static str> {
        self.columns.iter().take(self.place).map(|(name, _)| *name).collect()
    }

    pub(super) fn counted(&self) -> Statement {
        Statement::built(format!("SELECT count(*) AS count FROM {}", self.name), Vec::new())
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The next rows after a place.
    pub(super) fn selection(&self, after: Option<Vec<Value>>) -> Statement {
        let order = self.places().join(", ");
        let values = after.unwrap_or_default();
        let condition = if values.is_empty() {
            String::new()
        } else {
            format!(" WHERE ({order}) > ({})", places(1, values.len()))
        };
        let (names, table) = (self.names(), self.name);
        Statement::built(
            format!("SELECT {names} FROM {table}{condition} ORDER BY {order} LIMIT {ROWS}"),
            values,
        )
    }

    pub(super) fn place_of(&self, row: &Row) -> Result<Vec<Value>, StoreError> {
        self.columns.iter().take(self.place).map(|(name, kind)| kind.of(row, name)).collect()
    }

    /// What begins a statement that puts rows into it.
    pub(super) fn insertion(&self) -> String {
        format!("INSERT INTO {} ({})", self.name, self.names())
    }

    /// The values of these rows, as they are put.
    pub(super) fn values(&self, rows: &[Row]) -> Result<Vec<Vec<Value>>, StoreError> {
        let values = |row| self.columns.iter().map(|(column, kind)| kind.of(row, column)).collect();
        rows.iter().map(values).collect()
    }
}
