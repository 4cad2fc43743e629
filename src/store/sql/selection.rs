//! Rows of a table that a filter lets through. Only the conditions that it names stand in the statement, so that each
//! can use its index.

use crate::{
    domain::{ApiName, Timestamp},
    store::{Cursor, PageRequest, StoreError},
};

use super::{
    row::Row,
    statement::{Statement, Value},
};

/// A statement that selects rows.
pub(super) struct Selection {
    sql: String,
    values: Vec<Value>,
}

impl Selection {
    /// All rows that `select` names, which ends before its conditions.
    pub(super) fn of(select: &str) -> Self {
        Self { sql: format!("{select} WHERE true"), values: Vec::new() }
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// The place of a value.
    fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.push(&place)
    }

    /// Only rows for which `condition`, which ends before its value, holds; all, if there is no value.
    pub(super) fn only(mut self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.push(" AND ").push(condition).push(" ").push_bind(value);
        }
        self
    }

    /// The same for a moment.
    pub(super) fn only_at(self, condition: &'static str, moment: Option<Timestamp>) -> Self {
        self.only(condition, moment.map(Timestamp::as_millisecond))
    }

    /// Only rows whose `column` holds one of these values.
    pub(super) fn among(mut self, column: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return self.that("false") };
        self.push(" AND ").push(column).push(" IN (").push_bind(first);
        for value in values {
            self.push(", ").push_bind(value);
        }
        self.push(")");
        self
    }

    /// Only keys with a label of this name, and of this value if there is one.
    pub(super) fn labelled(mut self, name: &str, value: Option<&str>) -> Self {
        self.push(" AND keys.id IN (SELECT labels.id FROM labels WHERE labels.name = ");
        self.push_bind(name.to_owned());
        if let Some(value) = value {
            self.push(" AND labels.value = ").push_bind(value.to_owned());
        }
        self.push(")");
        self
    }

    /// Only keys that were not used after this moment.
    pub(super) fn unused_since(mut self, moment: Option<Timestamp>) -> Self {
        if let Some(moment) = moment {
            self.push(
                " AND NOT EXISTS (SELECT 1 FROM key_usage WHERE key_usage.id = keys.id AND key_usage.used > ",
            );
            self.push_bind(moment.as_millisecond()).push(")");
        }
        self
    }

    /// Only rows that serve one of these APIs.
    pub(super) fn serving(mut self, apis: Option<&[ApiName]>) -> Self {
        let Some(apis) = apis else { return self };
        self.push(" AND (false");
        for api in apis {
            // Every engine has `replace`, and each another name for where a text stands in another.
            self.push(" OR replace(' ' || apis || ' ', ").push_bind(format!(" {api} "));
            self.push(", '') <> ' ' || apis || ' '");
        }
        self.push(")");
        self
    }

    /// The rows for which this holds, which takes no value.
    pub(super) fn that(mut self, condition: &'static str) -> Self {
        self.push(" AND ").push(condition);
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
                self.push(" AND (created, number) > (").push_bind(*created);
                self.push(", ").push_bind(*number).push(")");
            }
            (Order::Latest, Some(Cursor::Row { number, .. })) => {
                self.push(" AND number < ").push_bind(*number);
            }
            (Order::Members, Some(Cursor::Names([user, organization]))) => {
                self.push(" AND (user_id, organization) > (").push_bind(user.clone());
                self.push(", ").push_bind(organization.clone()).push(")");
            }
            _ => return Err(StoreError::Misplaced),
        }
        let most = i64::try_from(size(page)).unwrap_or(i64::MAX);
        self.push(" ORDER BY ").push(order.columns()).push(" LIMIT ").push_bind(most.saturating_add(1));
        Ok(self)
    }

    pub(super) fn statement(self) -> Statement {
        Statement::built(self.sql, self.values)
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
    pub(super) fn place(self, row: &Row) -> Result<Cursor, StoreError> {
        Ok(match self {
            Self::Oldest => Cursor::Row { created: row.integer("created")?, number: row.integer("number")? },
            Self::Latest => Cursor::Row { created: 0, number: row.integer("number")? },
            Self::Members => Cursor::Names([row.text("user_id")?, row.text("organization")?]),
        })
    }
}
