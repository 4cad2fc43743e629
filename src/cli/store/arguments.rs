//! What `doorward store` is told.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{ConfigFile, Output};

const BACKUP_EXAMPLES: &str = "\
The backup is one file, whole, as the store was at one moment; servers go on meanwhile. Keep it
as well as the store itself: it has the hashes of keys and the sealed secrets, but not the
sealing keys. Keep those elsewhere.

Example:
  doorward store backup /backups/doorward-$(date +%F).db";

const RESTORE_EXAMPLES: &str = "\
Stop all servers on the store first. What was revoked, suspended or ended after the backup was
made is good again: the logs of servers tell of it (target `doorward::audit`).

Example:
  doorward store restore /backups/doorward-2030-01-31.db";

const COPY_EXAMPLES: &str = "\
While it goes on nothing can be changed in the store, and Checks are answered as before. If
it is cut off, asking again goes on where it was, as long as nobody has changed anything
since. No server opens a copy that is not whole. Servers use the copy once their
configuration names it.

Example:
  doorward store copy --config doorward.yaml --into with-postgres.yaml";

const MIGRATE_EXAMPLES: &str = "\
Servers do the same when they start. Where they may not change the schema of a database, run
this before them, as somebody who may: what is up to date already is left alone.

Example:
  DOORWARD_STORE=postgres://owner@db.example.com/doorward doorward store migrate";

/// Back up the store of the configuration, put a backup back, and move to another store.
#[derive(Debug, Args)]
pub(in crate::cli) struct StoreCommand {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// How to answer: for people or for programs.
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(super) output: Output,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Write all that the store holds into a new file, while servers use it.
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        /// The file, which is not there yet.
        file: PathBuf,
    },
    /// Copy all that the store holds into another one, such as from SQLite to PostgreSQL.
    #[command(after_help = COPY_EXAMPLES)]
    Copy {
        /// A configuration whose `store` is the other one, which is empty. The environment says nothing of it.
        #[arg(long, value_name = "FILE")]
        into: PathBuf,
    },
    /// Bring the schema of the store up to date, or make the store if it is not there yet.
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate,
    /// Put a backup in the place of the store, which nobody uses.
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore {
        /// A file that `doorward store backup` made.
        file: PathBuf,
    },
}
