//! Statements with their values, for any engine.

use sqlx::{
    AssertSqlSafe, Database, Encode, SqlSafeStr, SqlStr, Type, database::HasStatementCache, query::Query,
};

/// The most values of a statement that connections keep ready.
const KEPT_VALUES_MAX: usize = 256;

/// A statement, and the values of its places `$1`, `$2` and so on.
#[derive(Debug)]
pub(in crate::store) struct Statement {
    sql: SqlStr,
    values: Vec<Value>,
    /// Whether connections keep it ready for the next time.
    is_kept: bool,
}

/// A value: of one of the three types that columns have, or nothing.
#[derive(Debug)]
pub(in crate::store) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Statement {
    /// A statement that was written whole.
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql: sql.into_sql_str(), values: Vec::new(), is_kept: true }
    }

    /// A statement that was put together, of texts that all were written here.
    pub(super) fn built(sql: String, values: Vec<Value>) -> Self {
        Self { sql: AssertSqlSafe(sql).into_sql_str(), values, is_kept: true }
    }

    /// A statement that puts rows into the columns that `insertion` names, which ends before its values. Many rows make
    /// a long statement that is not kept ready.
    pub(super) fn of_rows(insertion: &str, rows: Vec<Vec<Value>>) -> Self {
        let mut sql = format!("{insertion} VALUES ");
        let mut values = Vec::new();
        for row in rows {
            sql.push_str(if values.is_empty() { "(" } else { "), (" });
            let first = values.len() + 1;
            values.extend(row);
            sql.push_str(&places(first, values.len()));
        }
        sql.push(')');
        let is_kept = values.len() <= KEPT_VALUES_MAX;
        Self { is_kept, ..Self::built(sql, values) }
    }

    /// The same with the value of the next place.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

/// The places of values from the first to the last.
pub(super) fn places(first: usize, last: usize) -> String {
    (first..=last).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

/// A statement as a database takes it.
pub(in crate::store) fn query<DB: Database + HasStatementCache>(
    statement: Statement,
) -> Query<'static, DB, DB::Arguments>
where
    Option<String>: Encode<'static, DB> + Type<DB>,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'static, DB> + Type<DB>,
{
    let query = sqlx::query(statement.sql).persistent(statement.is_kept);
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<Option<i64>> for Value {
    fn from(integer: Option<i64>) -> Self {
        Self::Integer(integer)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_owned()))
    }
}
