//! All records of one store into another, of whatever engine.
//!
//! Nothing can be changed in the source meanwhile; Checks go on, and what they note of uses is not copied: all is read in
//! one view. What is copied goes into the target in parts, in the order of their places, and a mark in the target says until
//! the end that it is not whole: nobody opens it before. A copy that broke off goes on where it was, as long as the source
//! holds what it held; tables whose rows change untold are copied anew.

use sha2::{Digest, Sha256};

use crate::store::{Changes, StoreError};

use super::{
    Asks, Change, SqlStore, Statement, Version,
    statement::Value,
    tables::{Kind, TABLES, Table},
};

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// What is done.
    pub stage: CopyStage,
    /// How many rows are done.
    pub done: u64,
    /// Of how many.
    pub all: u64,
}

/// What a copy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStage {
    /// Rows are written into the target.
    Copying,
    /// What both hold is compared.
    Comparing,
}

/// Why a store was not copied. The source is as it was; nobody opens the target.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target is no place for a copy.
    #[error("{0} holds something already, expected an empty store: a copy replaces nothing")]
    Occupied(String),
    /// The source is not any more what was copied in part.
    #[error(
        "{0} holds a part of what the source was before: it has changed since, or was another one. Make the target anew, and \
         copy again"
    )]
    Outdated(String),
    /// The target does not hold what the source holds.
    #[error("the table {table} is not the same on both sides: make the target anew, and copy again")]
    Differs {
        /// The table.
        table: &'static str,
    },
    /// One of the stores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqlStore {
    /// Copies all records into `target`, and compares what both hold. While it goes on nothing can be changed here.
    /// `progress` is told how far it has come. Returns how many rows there are.
    ///
    /// # Errors
    ///
    /// The target holds something else, or one of the stores failed. A copy that broke off can be gone on with.
    pub async fn copy_into(
        &self,
        target: &Self,
        mut progress: impl FnMut(CopyProgress),
    ) -> Result<u64, CopyError> {
        // Documents are changed by nobody here.
        let held = match self.may_change() {
            Ok(()) => Some(self.engine.begin_long().await?),
            Err(_) => None,
        };
        target.mark_unfinished(&self.state().await?).await?;
        let mut view = self.engine.begin_view().await?;
        let mut all = 0;
        for table in TABLES {
            all += self.count_of(table.counted(), &mut view).await?;
        }
        let mut tell = |stage, done| progress(CopyProgress { stage, done, all });
        let mut done = 0;
        for table in TABLES {
            if table.is_untold {
                let mut change = target.begin_note().await?;
                change.run(Statement::built(format!("DELETE FROM {}", table.name), Vec::new())).await?;
                change.commit().await?;
            }
            done += target.count_of(table.counted(), target).await?;
            let mut after = target.last_place(table).await?;
            loop {
                tell(CopyStage::Copying, done);
                let rows = view.fetch(table.selection(after.take())).await?;
                let Some(last) = rows.last() else { break };
                after = Some(table.place_of(last)?);
                let mut change = target.begin_note().await?;
                target.put_rows(&table.insertion(), table.values(&rows)?, &mut change).await?;
                change.commit().await?;
                done += rows.len() as u64;
            }
        }
        target.compare(&mut view, |done| tell(CopyStage::Comparing, done)).await?;
        target.finish().await?;
        drop((view, held));
        Ok(all)
    }

    /// Compares what the copy holds with what is seen of the source; `tell` is told how many rows are done.
    async fn compare(&self, source: &mut Change, mut tell: impl FnMut(u64)) -> Result<(), CopyError> {
        let mut view = self.engine.begin_view().await?;
        let mut done = 0;
        for table in TABLES {
            let mut count = |rows: u64| {
                done += rows;
                tell(done);
            };
            if digest(source, table, &mut count).await? != digest(&mut view, table, &mut |_| {}).await? {
                return Err(CopyError::Differs { table: table.name });
            }
        }
        Ok(())
    }

    /// Takes away the mark that it is not whole.
    async fn finish(&self) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        for table in TABLES {
            if let [(column, Kind::Integer), ..] = table.columns
                && let Some(numbering) = self.engine.numbering(table.name, column)
            {
                let _ = change.fetch(Statement::built(numbering, Vec::new())).await?;
            }
        }
        change.run(Statement::new("DELETE FROM copies")).await?;
        change.commit().await.map(drop)
    }

    /// What a store holds, as far as a row of `changes` tells of it.
    async fn state(&self) -> Result<Vec<u8>, StoreError> {
        let version = self.version().await?;
        let last = self.changes(Version(version.0.saturating_sub(1))).await?;
        let mut digest = Sha256::new();
        digest.update(version.0.to_be_bytes());
        for change in last {
            digest.update(change.mark.as_bytes());
        }
        Ok(digest.finalize().to_vec())
    }

    /// Marks a target as not whole, unless it is a copy of the same state already.
    async fn mark_unfinished(&self, state: &[u8]) -> Result<(), CopyError> {
        let found = self.engine.fetch(Statement::new("SELECT state FROM copies")).await?;
        if let Some(begun) = found.first() {
            let is_same = begun.bytes("state")? == state;
            return if is_same { Ok(()) } else { Err(CopyError::Outdated(self.engine.place())) };
        }
        for table in TABLES {
            if self.count_of(table.counted(), self).await? > 0 {
                return Err(CopyError::Occupied(self.engine.place()));
            }
        }
        let mut change = self.begin().await?;
        change.run(Statement::new("INSERT INTO copies (state) VALUES ($1)").bind(state)).await?;
        Ok(change.commit().await.map(drop)?)
    }

    /// Whether it is the target of a copy that is not whole.
    pub(super) async fn is_unfinished(&self) -> Result<bool, StoreError> {
        let copies = Statement::new("SELECT count(*) AS count FROM copies");
        self.count_of(copies, self).await.map(|count| count > 0)
    }

    /// The place of a table's last row.
    async fn last_place(&self, table: Table) -> Result<Option<Vec<Value>>, StoreError> {
        let places = table.places();
        let order: Vec<String> = places.iter().map(|place| format!("{place} DESC")).collect();
        let last =
            format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", places.join(", "), table.name, order.join(", "));
        let rows = self.engine.fetch(Statement::built(last, Vec::new())).await?;
        rows.first().map(|row| table.place_of(row)).transpose()
    }
}

/// What is seen of a table, as a digest; `count` is told of the rows.
async fn digest(
    view: &mut Change,
    table: Table,
    count: &mut impl FnMut(u64),
) -> Result<[u8; 32], StoreError> {
    let (mut digest, mut after) = (Sha256::new(), None);
    loop {
        let rows = view.fetch(table.selection(after.take())).await?;
        for row in &rows {
            for (column, kind) in table.columns {
                kind.of(row, column)?.update(&mut digest);
            }
        }
        count(rows.len() as u64);
        let Some(last) = rows.last() else { return Ok(digest.finalize().into()) };
        after = Some(table.place_of(last)?);
    }
}

impl Value {
    fn update(&self, digest: &mut Sha256) {
        let integer;
        let bytes = match self {
            Self::Text(text) => text.as_ref().map(String::as_bytes),
            Self::Bytes(bytes) => bytes.as_deref(),
            Self::Integer(value) => {
                integer = value.map(i64::to_be_bytes);
                integer.as_ref().map(<[u8; 8]>::as_slice)
            }
        };
        // The length keeps columns apart, and nothing apart from an empty text.
        digest.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
        digest.update(bytes.unwrap_or_default());
    }
}
