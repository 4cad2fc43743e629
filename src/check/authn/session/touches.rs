//! Uses of sessions that the store does not know of yet.
//!
//! A Check takes a note and goes on. The notes are written beside the Checks, and what is remembered of the
//! sessions is read again then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::{CredentialHash, SessionRecord, SessionStatus, Timestamp},
    store::{CachedStore, Lookups, SessionStore, StoreError},
};

/// A use is noted when so large a part of the idle span has gone since the use that the store knows of.
const IDLE_PARTS: u32 = 16;
/// The most notes at a time: a session that finds no room is noted when it is used again.
const NOTES_MAX: usize = 16_384;
/// The most notes that are written in one change, so that others who change something wait for milliseconds.
const BATCH_MAX: usize = 512;

/// What was noted: a session by the hash of its token, and when it was used.
#[derive(Debug, Default)]
pub struct Touches(Mutex<HashMap<CredentialHash, Timestamp>>);

impl Touches {
    /// Whether the session is good at `now`, uses included that only this server knows of.
    pub(super) fn status(&self, record: &SessionRecord, now: Timestamp) -> SessionStatus {
        match record.status(now) {
            SessionStatus::Idle => {
                let noted = self.notes().get(&record.hash).copied();
                let used = noted.map_or(record.used, |noted| record.used.max(noted));
                SessionRecord { used, ..record.clone() }.status(now)
            }
            status => status,
        }
    }

    /// Notes that the session is used at `now`, if the store has to know that.
    pub(super) fn note(&self, record: &SessionRecord, now: Timestamp) {
        let part = record.idle.map(|idle| idle / IDLE_PARTS);
        if !part.is_some_and(|part| record.used.checked_add(part).is_ok_and(|due| due <= now)) {
            return;
        }
        let mut notes = self.notes();
        if notes.len() < NOTES_MAX || notes.contains_key(&record.hash) {
            notes.insert(record.hash, now);
        }
    }

    /// Writes what is noted. What could not be written stays noted.
    ///
    /// # Errors
    ///
    /// What the store could not do.
    pub async fn write<S: Lookups + SessionStore>(
        &self,
        store: &CachedStore<S>,
    ) -> Result<(), Arc<StoreError>> {
        for batch in self.noted().chunks(BATCH_MAX) {
            store.touch(batch).await?;
            self.forget(batch);
        }
        Ok(())
    }

    fn noted(&self) -> Vec<(CredentialHash, Timestamp)> {
        self.notes().iter().map(|(hash, at)| (*hash, *at)).collect()
    }

    /// Forgets what is written. A later use that was noted meanwhile stays.
    fn forget(&self, written: &[(CredentialHash, Timestamp)]) {
        let mut notes = self.notes();
        for (hash, at) in written {
            if notes.get(hash) == Some(at) {
                notes.remove(hash);
            }
        }
    }

    fn notes(&self) -> MutexGuard<'_, HashMap<CredentialHash, Timestamp>> {
        // Each change of the notes is one step, so a panic elsewhere leaves them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::fixture::Sample;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn session(number: u32) -> SessionRecord {
        SessionRecord { idle: Some(Duration::from_mins(1)), ..SessionRecord::sample(number) }
    }

    #[test]
    fn notes_are_bounded_and_the_last_use_of_each_session_counts() {
        let touches = Touches::default();
        for number in 0..=u32::try_from(NOTES_MAX).expect("it is small") {
            touches.note(&session(number), at(30));
        }
        assert_eq!(touches.notes().len(), NOTES_MAX);
        touches.note(&session(0), at(40));
        assert_eq!(touches.notes().get(&session(0).hash), Some(&at(40)), "it has its place already");
    }

    #[test]
    fn a_use_that_is_noted_while_earlier_ones_are_written_waits_for_the_next_time() {
        let touches = Touches::default();
        touches.note(&session(1), at(30));
        touches.note(&session(2), at(30));
        let written = touches.noted();
        touches.note(&session(1), at(40));
        touches.forget(&written);
        assert_eq!(touches.noted(), [(session(1).hash, at(40))]);
    }

    #[test]
    fn a_session_is_idle_when_neither_its_record_nor_its_note_says_otherwise() {
        let touches = Touches::default();
        let ended = SessionRecord { ended: Some(at(1)), ..session(1) };
        touches.note(&session(1), at(50));
        for (record, second, status) in [
            (session(1), 109, SessionStatus::Active),
            (session(1), 110, SessionStatus::Idle),
            (SessionRecord { used: at(60), ..session(1) }, 119, SessionStatus::Active),
            (SessionRecord { used: at(60), ..session(1) }, 120, SessionStatus::Idle),
            (session(2), 59, SessionStatus::Active),
            (session(2), 60, SessionStatus::Idle),
            (ended, 51, SessionStatus::Ended),
        ] {
            assert_eq!(touches.status(&record, at(second)), status, "{record:?} at {second} s");
        }
    }
}
