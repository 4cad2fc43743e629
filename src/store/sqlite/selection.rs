//! Rows of a table that a filter lets through. Only the conditions that it names stand in the statement, so that each
//! can use its index.

use sqlx::{Encode, QueryBuilder, Sqlite, Type};

use crate::domain::{ApiName, Timestamp};

use super::Statement;

/// A statement that selects rows.
pub(super) struct Selection(QueryBuilder<Sqlite>);

impl Selection {
    /// All rows that `select` names, which ends before its conditions.
    pub(super) fn of(select: &'static str) -> Self {
        let mut builder = QueryBuilder::new(select);
        builder.push(" WHERE true");
        Self(builder)
    }

    /// Only rows for which `condition`, which ends before its value, holds; all, if there is no value.
    pub(super) fn only<'v, V>(mut self, condition: &'static str, value: Option<V>) -> Self
    where
        V: Encode<'v, Sqlite> + Type<Sqlite> + 'v,
    {
        if let Some(value) = value {
            self.0.push(" AND ").push(condition).push(" ").push_bind(value);
        }
        self
    }

    /// The same for a moment.
    pub(super) fn only_at(self, condition: &'static str, moment: Option<Timestamp>) -> Self {
        self.only(condition, moment.map(Timestamp::as_millisecond))
    }

    /// Only rows that serve one of these APIs.
    pub(super) fn serving(mut self, apis: Option<&[ApiName]>) -> Self {
        let Some(apis) = apis else { return self };
        self.0.push(" AND (false");
        for api in apis {
            self.0.push(" OR instr(' ' || apis || ' ', ").push_bind(format!(" {api} ")).push(") > 0");
        }
        self.0.push(")");
        self
    }

    /// In this order.
    pub(super) fn in_order(mut self, order: &'static str) -> Self {
        self.0.push(" ORDER BY ").push(order);
        self
    }

    pub(super) fn statement(&mut self) -> Statement<'_> {
        self.0.build()
    }
}
