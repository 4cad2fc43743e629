//! Once-only: what was used is remembered for as long as it could be used again, by all replicas where they share
//! counters, otherwise by this process.

mod memory;

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::time::{Instant, timeout_at};

use crate::{
    config::Once,
    counters::Redis,
    domain::{ApiName, ProjectId, Timestamp},
};

use self::memory::{Answer, Memory};

/// How much longer than needed a use is remembered, in seconds: a clock that is set back by less brings nothing
/// back that was forgotten already.
const CLOCK_STEP_SECONDS: i64 = 60;

/// One use of a signature: the SHA-256 of API, project and MAC, each with its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Use([u8; 32]);

/// A use that was noted where its rule says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    pub(super) used: Use,
    pub(super) once: Once,
}

/// Shows nothing of the signature.
impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noted({:?})", self.once)
    }
}

impl Use {
    /// The use of a MAC by this project of this API.
    pub(super) fn of(api: &ApiName, project: &ProjectId, mac: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in [api.as_str().as_bytes(), project.as_str().as_bytes(), mac] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        Self(bytes)
    }

    /// One of so many parts.
    fn part(&self, parts: usize) -> usize {
        let [first, ..] = self.0;
        usize::from(first) % parts
    }
}

/// Remembers uses.
#[derive(Debug, Default)]
pub struct Replays {
    memory: Memory,
    shared: Option<Arc<Redis>>,
}

impl Replays {
    /// Uses that all replicas remember together.
    #[must_use]
    pub fn shared(redis: Arc<Redis>) -> Self {
        Self { memory: Memory::default(), shared: Some(redis) }
    }

    /// Notes a use that could be repeated until the end of the second `until`; tells whether it is the first. Of any
    /// number of calls at once with the same use, one is told that it is.
    ///
    /// # Errors
    ///
    /// It cannot be known, or not before `deadline`.
    pub(super) async fn note(
        &self,
        used: Use,
        until: Timestamp,
        now: Timestamp,
        once: Once,
        deadline: Instant,
    ) -> Result<bool, String> {
        match (&self.shared, once) {
            (_, Once::No) => Ok(true),
            (Some(redis), Once::Everywhere) => {
                let seconds = until.as_second().saturating_add(CLOCK_STEP_SECONDS + 1) - now.as_second();
                let life = Duration::from_secs(seconds.unsigned_abs());
                let noted = timeout_at(deadline, redis.note_once(&used.0, life)).await;
                let too_late = |_| "whether the signature was used did not come to light in time".to_owned();
                noted.map_err(too_late)?.map_err(|error| error.to_string())
            }
            (None, Once::Everywhere) | (_, Once::Memory) => match self.memory.note(used, until, now) {
                Answer::First => Ok(true),
                Answer::Again => Ok(false),
                Answer::Full => Err("too many signatures are remembered already".to_owned()),
            },
        }
    }

    /// Forgets a use by which nobody was let in, so that the same request can be made again. If that cannot be done before
    /// `deadline`, it stays noted.
    pub(in crate::check) async fn forget(&self, noted: &Noted, deadline: Instant) {
        match (&self.shared, noted.once) {
            (_, Once::No) => {}
            (Some(redis), Once::Everywhere) => {
                let _ = timeout_at(deadline, redis.forget_use(&noted.used.0)).await;
            }
            (None, Once::Everywhere) | (_, Once::Memory) => self.memory.forget(&noted.used),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(api: &str, project: &str, mac: &[u8]) -> Use {
        Use::of(&api.parse().expect("a name"), &project.parse().expect("an id"), mac)
    }

    #[tokio::test]
    async fn a_use_is_one_of_its_api_and_project_only() {
        let replays = Replays::default();
        let note = async |used, once| {
            let second = |second| Timestamp::from_second(second).expect("a moment");
            let deadline = Instant::now() + Duration::from_secs(1);
            replays.note(used, second(300), second(0), once, deadline).await
        };
        for other in [
            used("notes", "apollo", b"mac"),
            used("other", "apollo", b"mac"),
            used("notes", "gemini", b"mac"),
            used("notes", "apollo", b"another"),
            used("notes", "apollom", b"ac"),
            used("notesa", "pollo", b"mac"),
        ] {
            for (once, expected) in [
                (Once::No, true),
                (Once::Everywhere, true),
                (Once::Everywhere, false),
                (Once::Memory, false),
                (Once::No, true),
            ] {
                assert_eq!(note(other, once).await, Ok(expected), "{once:?}");
            }
        }
    }
}
