//! The schema of the database, and bringing it up to date.

use sqlx::{PgPool, migrate::Migrator};

use super::failure::Failure;

/// What holds the right to bring the schema up to date: the bytes of `doorwdb` and the number of the lock.
const LOCK: i64 = i64::from_be_bytes(*b"doorwdb\x01");

static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// Brings the schema up to date under a lock, so that of several replicas that start together one does it and the others
/// find it done. All of it comes into force, or nothing.
pub(super) async fn migrate(pool: &PgPool) -> Result<(), Failure> {
    if is_newest(pool).await? {
        return Ok(());
    }
    let mut change = pool.begin().await?;
    // A change of a large table takes as long as it takes, and so does waiting for whoever makes it.
    for setting in ["SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0"] {
        sqlx::query(setting).execute(&mut *change).await?;
    }
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *change).await?;
    // `run` would make this future one that no task can be spawned from.
    MIGRATOR.run_direct(None, &mut *change, false).await?;
    change.commit().await?;
    Ok(())
}

/// The schema has to be that of this program.
pub(super) async fn expect_newest(pool: &PgPool) -> Result<(), Failure> {
    if is_newest(pool).await? {
        return Ok(());
    }
    Err(Failure::new(match version(pool).await? {
        None => "it is empty: `doorward serve` and `doorward keys create` make its tables",
        Some(_) => {
            "its schema is not that of this version: `doorward serve` and `doorward keys list` bring it up to date"
        }
    }))
}

/// Whether the schema is up to date. One of a newer program is none that this one can use.
async fn is_newest(pool: &PgPool) -> Result<bool, Failure> {
    let found = version(pool).await?;
    if found > newest() {
        return Err(Failure::new("a newer version of this program has written it: upgrade this program"));
    }
    Ok(found == newest())
}

/// The number of the last migration that this program knows.
pub(super) fn newest() -> Option<i64> {
    MIGRATOR.iter().map(|migration| migration.version).max()
}

/// The number of the last migration that the database has seen; `None` for a fresh one.
async fn version(pool: &PgPool) -> Result<Option<i64>, sqlx::Error> {
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(pool).await
}
