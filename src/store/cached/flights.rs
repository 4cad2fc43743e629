//! Loads under way: who asks for what is being loaded waits for that load.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::store::{Kept, StoreError};

use super::memory::Known;

/// What a load brought.
pub(super) type Loaded<R> = Result<Known<R>, Arc<StoreError>>;

/// The loads of one kind that are under way, at most one for each name.
#[derive(Debug)]
pub(super) struct Flights<R: Kept>(Mutex<HashMap<R::Name, Flight<R>>>);

/// One load, as those see it who wait for it: it has brought nothing yet, or this.
type Flight<R> = watch::Receiver<Option<Loaded<R>>>;

impl<R: Kept> Flights<R> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The load of this name that is under way, or else what `remembered` finds, or else the load that `begin` begins.
    ///
    /// # Errors
    ///
    /// What is remembered already.
    pub(super) fn join(
        &self,
        name: &R::Name,
        remembered: impl FnOnce() -> Option<Known<R>>,
        begin: impl FnOnce(watch::Sender<Option<Loaded<R>>>),
    ) -> Result<Flight<R>, Known<R>> {
        let mut flights = self.flights();
        // One that broke off has no sender any more, and is begun anew.
        if let Some(flight) = flights.get(name).filter(|flight| flight.has_changed().is_ok()) {
            return Ok(flight.clone());
        }
        // A load is remembered before it ends. So one that ended since the caller looked is seen here.
        if let Some(known) = remembered() {
            return Err(known);
        }
        let (sender, flight) = watch::channel(None);
        flights.insert(name.clone(), flight.clone());
        begin(sender);
        Ok(flight)
    }

    /// The load of this name has ended: whoever asks from now on does not wait for it.
    pub(super) fn land(&self, name: &R::Name) {
        self.flights().remove(name);
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<R::Name, Flight<R>>> {
        // Whoever panicked with the lock had nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
