//! Rows of a table that a filter lets through. Only the conditions that it names stand in the statement, so that each
//! can use its index.

use sqlx::{Encode, QueryBuilder, Row, Sqlite, Type, sqlite::SqliteRow};

use crate::{
    domain::{ApiName, Timestamp},
    store::{Cursor, PageRequest, StoreError},
};

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

    /// Only rows whose `column` holds one of these values.
    pub(super) fn among(mut self, column: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        self.0.push(" AND (false");
        for value in values {
            self.0.push(" OR ").push(column).push(" = ").push_bind(value);
        }
        self.0.push(")");
        self
    }

    /// Only keys with a label of this name, and of this value if there is one.
    pub(super) fn labelled(mut self, name: &str, value: Option<&str>) -> Self {
        self.0.push(" AND keys.id IN (SELECT labels.id FROM labels WHERE labels.name = ");
        self.0.push_bind(name.to_owned());
        if let Some(value) = value {
            self.0.push(" AND labels.value = ").push_bind(value.to_owned());
        }
        self.0.push(")");
        self
    }

    /// Only keys that were not used after this moment.
    pub(super) fn unused_since(mut self, moment: Option<Timestamp>) -> Self {
        if let Some(moment) = moment {
            self.0.push(
                " AND NOT EXISTS (SELECT 1 FROM key_usage WHERE key_usage.id = keys.id AND key_usage.used > ",
            );
            self.0.push_bind(moment.as_millisecond()).push(")");
        }
        self
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

    /// The rows for which this holds, which takes no value.
    pub(super) fn that(mut self, condition: &'static str) -> Self {
        self.0.push(" AND ").push(condition);
        self
    }

    /// The rows of a page in this order, and the first of the next page.
    ///
    /// # Errors
    ///
    /// [`StoreError::Misplaced`] if the page begins at a place of another order.
    pub(super) fn page(mut self, order: Order, page: &PageRequest) -> Result<Self, StoreError> {
        match (order, &page.after) {
            (_, None) => {}
            (Order::Oldest, Some(Cursor::Row { created, number })) => {
                self.0.push(" AND (created, number) > (").push_bind(*created);
                self.0.push(", ").push_bind(*number).push(")");
            }
            (Order::Latest, Some(Cursor::Row { number, .. })) => {
                self.0.push(" AND number < ").push_bind(*number);
            }
            (Order::Members, Some(Cursor::Names([user, organization]))) => {
                self.0.push(" AND (user_id, organization) > (").push_bind(user.clone());
                self.0.push(", ").push_bind(organization.clone()).push(")");
            }
            _ => return Err(StoreError::Misplaced),
        }
        let most = i64::try_from(size(page)).unwrap_or(i64::MAX);
        self.0.push(" ORDER BY ").push(order.columns()).push(" LIMIT ").push_bind(most.saturating_add(1));
        Ok(self)
    }

    pub(super) fn statement(&mut self) -> Statement<'_> {
        self.0.build()
    }
}

/// The most records that a page may have.
pub(super) fn size(page: &PageRequest) -> usize {
    page.size.max(1)
}

/// The order of a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// By creation.
    Oldest,
    /// By number, the last first.
    Latest,
    /// By user and organization.
    Members,
}

impl Order {
    fn columns(self) -> &'static str {
        match self {
            Self::Oldest => "created, number",
            Self::Latest => "number DESC",
            Self::Members => "user_id, organization",
        }
    }

    /// The place of a row.
    pub(super) fn place(self, row: &SqliteRow) -> Result<Cursor, sqlx::Error> {
        Ok(match self {
            Self::Oldest => Cursor::Row { created: row.try_get("created")?, number: row.try_get("number")? },
            Self::Latest => Cursor::Row { created: 0, number: row.try_get("number")? },
            Self::Members => Cursor::Names([row.try_get("user_id")?, row.try_get("organization")?]),
        })
    }
}
