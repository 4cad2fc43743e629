//! A store for tests of commands.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    admin::fixture,
    cli::Failure,
    config::{Config, StoreLocation},
    domain::{ManualClock, parse_moment},
};

use super::Office;

/// An empty store in a folder of its own, and a clock that shows the beginning of 2030.
pub(in crate::cli) struct Premises {
    pub(in crate::cli) config: Config,
    pub(in crate::cli) clock: Arc<ManualClock>,
    pub(in crate::cli) folder: tempfile::TempDir,
    rng: StdRng,
}

impl Premises {
    pub(in crate::cli) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = StoreLocation::Sqlite(folder.path().join("doorward.db"));
        Self {
            config: Config { store, ..fixture::config() },
            clock: Arc::new(ManualClock::at(parse_moment("2030-01-01").expect("a moment"))),
            folder,
            rng: StdRng::seed_from_u64(7),
        }
    }

    /// Does something in an office on the store, which is closed again.
    pub(in crate::cli) async fn work<T>(
        &mut self,
        work: impl AsyncFnOnce(&Office) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let random = StdRng::from_rng(&mut self.rng);
        Office::on_the_store(self.config.clone(), self.clock.clone(), random).await?.work(work).await
    }
}
