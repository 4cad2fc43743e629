//! The store, to be read only.

use crate::{
    config::StoreLocation,
    store::{Change, Changes, Finds, Found, Kept, SqlStore, StoreError, Version},
};

/// The store as it is, without a way to change it. Where it cannot be opened, every look-up says why, as a server
/// does that has lost its store: what needs no look-up is decided all the same.
#[derive(Debug)]
pub(super) enum Reading {
    /// It can be asked.
    Opened(SqlStore),
    /// It cannot: the reason.
    Failed(String),
}

impl Reading {
    pub(super) async fn open(location: &StoreLocation) -> Self {
        match SqlStore::open_as_it_is(location, SqlStore::PATIENCE).await {
            Ok(store) => Self::Opened(store),
            Err(StoreError::Unavailable(reason)) => Self::Failed(reason),
            Err(error) => Self::Failed(error.to_string()),
        }
    }

    pub(super) async fn close(&self) {
        if let Self::Opened(store) = self {
            store.close().await;
        }
    }

    fn opened(&self) -> Result<&SqlStore, StoreError> {
        match self {
            Self::Opened(store) => Ok(store),
            Self::Failed(reason) => Err(StoreError::Unavailable(reason.clone())),
        }
    }
}

impl<R: Kept> Finds<R> for Reading
where
    SqlStore: Finds<R>,
{
    async fn find(&self, name: &R::Name) -> Result<Found<R>, StoreError> {
        self.opened()?.find(name).await
    }
}

impl Changes for Reading {
    async fn changes(&self, since: Version) -> Result<Vec<Change>, StoreError> {
        self.opened()?.changes(since).await
    }

    async fn version(&self) -> Result<Version, StoreError> {
        self.opened()?.version().await
    }
}
