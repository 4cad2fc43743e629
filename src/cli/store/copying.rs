//! `doorward store copy`: to another store, of whatever engine.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    cli::{Exit, Failure, Output, render},
    config::{Config, Fragments, StoreLocation},
    store::{CopyError, CopyProgress, CopyStage, SqlStore},
};

/// How often it is told how far it has come.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// The variables that say in every configuration where the store is.
const OVERRIDES: &str = "DOORWARD_STORE";

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => error.into(),
            other => Self::new(Exit::Failure, other),
        }
    }
}

/// Copies the store at `from` into that of the configuration `into`; gives the answer as it is printed.
///
/// # Errors
///
/// The configuration is wrong or names the same store, the other store holds something else, or one of them failed.
pub(super) async fn copy(
    from: &StoreLocation,
    into: &Path,
    env: &[(String, String)],
    output: Output,
) -> Result<String, Failure> {
    let is_about_stores = |name: &str| name == OVERRIDES || name.starts_with("DOORWARD_STORE__");
    let env: Vec<_> = env.iter().filter(|(name, _)| !is_about_stores(name)).cloned().collect();
    let to = Config::load(into, &env, &Fragments::default())?.config.store;
    if to == *from {
        let message =
            format!("found {to} in both configurations, expected another store in {}", into.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    let source = SqlStore::open(from, SqlStore::PATIENCE).await?;
    let copied = into_target(&source, &to).await;
    source.close().await;
    let rows = copied?;
    let facts = json!({ "from": from.to_string(), "to": to.to_string(), "rows": rows });
    render(output, &facts, || {
        vec![
            format!("{to} holds what {from} holds: {rows} rows, compared one by one."),
            format!("Servers use it once their configuration names it, as {} does.", into.display()),
        ]
    })
}

async fn into_target(source: &SqlStore, to: &StoreLocation) -> Result<u64, Failure> {
    let target = SqlStore::open_target(to, SqlStore::PATIENCE).await?;
    let mut told = Instant::now();
    let copied = source
        .copy_into(&target, |progress| {
            if told.elapsed() >= PROGRESS_PAUSE {
                told = Instant::now();
                tell(progress);
            }
        })
        .await;
    target.close().await;
    Ok(copied?)
}

/// Tells a person how far it has come.
fn tell(CopyProgress { stage, done, all }: CopyProgress) {
    if io::stderr().is_terminal() {
        let what = match stage {
            CopyStage::Copying => "copied",
            CopyStage::Comparing => "compared",
        };
        // Whoever cannot see it misses nothing that the answer does not say.
        let _ = writeln!(io::stderr(), "{done} of {all} rows {what}");
    }
}
