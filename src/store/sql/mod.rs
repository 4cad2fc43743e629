//! Records in an SQL database: one body of statements for all of them. What an engine does in its own way stands in
//! the room of its name.
//!
//! - Changes are made one at a time: each takes the right to change at its beginning, so it never has to give up
//!   half-way because somebody else came first, and versions grow in the order in which changes are committed.
//! - A commit is on the disk before it is acknowledged.
//! - Times are kept to the millisecond.

mod audit;
mod change;
mod columns;
mod copy;
mod declared;
mod engine;
mod keys;
mod members;
mod organizations;
mod projects;
mod replicas;
mod requests;
mod row;
mod secrets;
mod selection;
mod sessions;
mod statement;
mod tables;
mod usage;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::config::StoreLocation;

use super::{
    Change as Changed, Changes, Kept, Mark, Page, PageRequest, StoreError, Version, postgres::Postgres,
    sqlite::Sqlite,
};

use self::{
    change::Change,
    columns::Stored,
    declared::Declaring,
    engine::Engine,
    row::Row,
    selection::{Order, Selection},
    statement::{Statement, Value},
};

pub(super) use engine::Lane;

pub use copy::{CopyError, CopyProgress, CopyStage};
pub use declared::DocumentsRead;

/// The most changes that are read at once.
const CHANGES_MAX: i64 = 4096;

/// Selects rows of a table together with the store's version. One statement reads one snapshot; the outer join
/// gives the version even where there is no row.
macro_rules! snapshot {
    ($table:literal, $condition:literal $(, $beside:expr)?) => {
        concat!(
            "SELECT (SELECT coalesce(max(version), 0) FROM changes) AS version, ",
            $($beside, ", ",)?
            $table,
            ".* FROM (SELECT 1) AS one LEFT JOIN ",
            $table,
            " ON ",
            $condition
        )
    };
}
use snapshot;

/// Records in an SQL database, shared with any number of other processes. Clones share their connections.
#[derive(Debug, Clone)]
pub struct SqlStore {
    engine: Engine,
    /// Woken by each change that is made here.
    changed: Arc<Notify>,
    /// Where everything comes from, if it is documents.
    documents: Option<Arc<Declaring>>,
}

/// What answers statements: a store by itself, or a change within it.
trait Asks: Send {
    /// The rows that a statement selects.
    fn fetch(self, statement: Statement) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}

impl Asks for &SqlStore {
    async fn fetch(self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.engine.fetch(statement).await
    }
}

impl SqlStore {
    /// How long the server and the commands wait for a lock, or for a connection, before they give up.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens the store at its place, makes it where it is missing, and brings its schema up to date. `patience` is how
    /// long this and every later operation waits for a lock or a free connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the place: it cannot be reached or used, is locked for longer than
    /// `patience`, was written by a newer version of this program, or is a copy that is not whole.
    pub async fn open(location: &StoreLocation, patience: Duration) -> Result<Self, StoreError> {
        Self::open_target(location, patience).await?.whole().await
    }

    /// The same for an SQLite file, which is made for its owner alone (mode 0600).
    ///
    /// # Errors
    ///
    /// As with [`SqlStore::open`]: the folder is missing, the file is no database, damaged or read-only.
    pub async fn open_file(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Self::open(&StoreLocation::Sqlite(path.to_owned()), patience).await
    }

    /// The same for what is to be copied into.
    ///
    /// # Errors
    ///
    /// As with [`SqlStore::open`]; a copy that is not whole is none.
    pub async fn open_target(location: &StoreLocation, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self::of(match location {
            StoreLocation::Sqlite(path) => Engine::Sqlite(Sqlite::open(path, patience).await?),
            StoreLocation::Postgres(server) => Engine::Postgres(Postgres::open(server, patience).await?),
            StoreLocation::Files(folder) => return Self::of_documents(folder).await,
        }))
    }

    /// An empty store in the memory of this process, which ends with it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: there is no memory for it.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::of(Engine::Sqlite(Sqlite::in_memory(Path::new("memory")).await?)))
    }

    /// Opens the store without changing anything: it has to be there, and its schema to be that of this program.
    /// Waits as [`SqlStore::open`] does.
    ///
    /// # Errors
    ///
    /// As [`SqlStore::open`]; also a store that is missing or was written by an older version of this program.
    pub async fn open_as_it_is(location: &StoreLocation, patience: Duration) -> Result<Self, StoreError> {
        let store = Self::of(match location {
            StoreLocation::Sqlite(path) => Engine::Sqlite(Sqlite::open_as_it_is(path, patience).await?),
            StoreLocation::Postgres(server) => {
                Engine::Postgres(Postgres::open_as_it_is(server, patience).await?)
            }
            StoreLocation::Files(folder) => return Self::of_documents(folder).await,
        });
        store.whole().await
    }

    /// The store, unless it is a copy that is not whole.
    async fn whole(self) -> Result<Self, StoreError> {
        if self.is_unfinished().await? {
            let place = self.engine.place();
            self.close().await;
            let why = "a copy into it is not whole: `doorward store copy` goes on with it";
            return Err(StoreError::Unavailable(format!("{place}: {why}")));
        }
        Ok(self)
    }

    fn of(engine: Engine) -> Self {
        Self { engine, changed: Arc::new(Notify::new()), documents: None }
    }

    /// The number of the schema that this program reads and writes there.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        self.engine.schema_version()
    }

    /// Whether anything could be changed now: takes the right to change, and gives it back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the place: it is read-only, or locked for too long. [`StoreError::ReadOnly`] for
    /// documents.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        self.may_change()?;
        self.engine.try_to_write().await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// Begins a change.
    async fn begin(&self) -> Result<Change, StoreError> {
        self.may_change()?;
        self.engine.begin().await
    }

    /// Begins to write what no other change depends on and nobody is told of. It waits for no change.
    async fn begin_note(&self) -> Result<Change, StoreError> {
        self.engine.begin_note().await
    }

    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        if change.commit().await? {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// The one record that a statement selects.
    async fn one<T: Stored>(&self, statement: Statement, on: impl Asks) -> Result<T, StoreError> {
        let rows = on.fetch(statement).await?;
        columns::read(rows.first().ok_or(StoreError::NotFound(T::KIND))?)
    }

    /// All records that a statement selects.
    async fn all<T: Stored>(&self, statement: Statement, on: impl Asks) -> Result<Vec<T>, StoreError> {
        on.fetch(statement).await?.iter().map(columns::read).collect()
    }

    /// The number that a statement selects as `count`.
    async fn count_of(&self, statement: Statement, on: impl Asks) -> Result<u64, StoreError> {
        let rows = on.fetch(statement).await?;
        let row = rows.first().ok_or_else(|| StoreError::Corrupt("it counts nothing".to_owned()))?;
        u64::try_from(row.integer("count")?).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// A page of what is selected.
    async fn page<T: Stored>(
        &self,
        selection: Selection,
        order: Order,
        page: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let rows = self.fetch(selection.page(order, page)?.statement()).await?;
        let size = selection::size(page);
        let last = rows.get(size - 1).filter(|_| rows.len() > size);
        let next = last.map(|row| order.place(row)).transpose()?;
        let records: Result<_, _> = rows.iter().take(size).map(columns::read).collect();
        Ok(Page { records: records?, next })
    }

    /// All records that a `snapshot!` selects, and its version.
    async fn look_up<T: Stored>(&self, snapshot: Statement) -> Result<(Vec<T>, Version), StoreError> {
        let rows = self.fetch(snapshot).await?;
        let first = rows.first().ok_or_else(|| StoreError::Corrupt("it tells no version".to_owned()))?;
        let version = version_in(first)?;
        if columns::is_absent(first) {
            return Ok((Vec::new(), version));
        }
        let records: Result<_, _> = rows.iter().map(columns::read).collect();
        Ok((records?, version))
    }

    /// Runs a statement that changes something; returns how many rows it did.
    async fn run(&self, statement: Statement, change: &mut Change) -> Result<u64, StoreError> {
        change.run(statement).await
    }

    /// Puts rows into the columns that `insertion` names, which ends before its values.
    async fn put_rows(
        &self,
        insertion: &str,
        rows: Vec<Vec<Value>>,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        for statement in self.insertions(insertion, rows) {
            self.run(statement, change).await?;
        }
        Ok(())
    }

    /// The statements that put rows, each as many as the engine takes well.
    fn insertions(&self, insertion: &str, rows: Vec<Vec<Value>>) -> Vec<Statement> {
        let at_once = self.engine.rows_at_once(rows.first().map_or(1, Vec::len));
        let mut rows = rows.into_iter();
        let mut statements = Vec::new();
        loop {
            let part: Vec<_> = rows.by_ref().take(at_once).collect();
            if part.is_empty() {
                return statements;
            }
            statements.push(Statement::of_rows(insertion, part));
        }
    }

    /// Writes down that the record with this name has changed.
    async fn note<R: Kept>(&self, name: &R::Name, change: &mut Change) -> Result<(), StoreError> {
        self.note_all(&[R::mark(name)], change).await
    }

    /// Writes down that the records with these marks have changed.
    async fn note_all(&self, marks: &[Mark], change: &mut Change) -> Result<(), StoreError> {
        let rows = marks.iter().map(|mark| vec![mark.as_bytes()[..].into()]).collect();
        for statement in self.insertions("INSERT INTO changes (hash)", rows) {
            change.note(statement).await?;
        }
        Ok(())
    }
}

fn version_in(row: &Row) -> Result<Version, StoreError> {
    let version = row.integer("version")?;
    u64::try_from(version)
        .map(Version)
        .map_err(|_| StoreError::Corrupt(format!("the change table has the version {version}")))
}

impl Changes for SqlStore {
    async fn changes(&self, since: Version) -> Result<Vec<Changed>, StoreError> {
        let statement =
            Statement::new("SELECT version, hash FROM changes WHERE version > $1 ORDER BY version LIMIT $2");
        let statement = statement.bind(i64::try_from(since.0).unwrap_or(i64::MAX)).bind(CHANGES_MAX);
        let change = |row: &Row| {
            let version = version_in(row)?;
            let mark = Mark::from_bytes(row.bytes("hash")?).map_err(|error| {
                StoreError::Corrupt(format!("change {}, column hash: {error}", version.0))
            })?;
            Ok(Changed { version, mark })
        };
        self.engine.fetch_changes(statement).await?.iter().map(change).collect()
    }

    async fn version(&self) -> Result<Version, StoreError> {
        let statement = Statement::new("SELECT coalesce(max(version), 0) AS version FROM changes");
        let rows = self.engine.fetch_changes(statement).await?;
        version_in(rows.first().ok_or_else(|| StoreError::Corrupt("it tells no version".to_owned()))?)
    }

    async fn woken(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = self.engine.woken() => {}
        }
    }
}
