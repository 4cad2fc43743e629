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

/// One use of a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    /// The SHA-256 of API, project and MAC, each with its length.
    hash: [u8; 32],
    /// Who signed: the first bytes of the same of API and project.
    signer: Signer,
}

/// A project of an API.
type Signer = [u8; 8];

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
        let mut context = Context::new(&SHA256);
        add(&mut context, api.as_str().as_bytes());
        add(&mut context, project.as_str().as_bytes());
        let signer = first_bytes(context.clone());
        add(&mut context, mac);
        Self { hash: first_bytes(context), signer }
    }
}

fn add(context: &mut Context, part: &[u8]) {
    context.update(&(part.len() as u64).to_be_bytes());
    context.update(part);
}

/// As many bytes of a hash as there is room for; it has 32.
fn first_bytes<const N: usize>(context: Context) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    bytes
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
                let noted = timeout_at(deadline, redis.note_once(&used.hash, life)).await;
                let too_late = |_| "whether the signature was used did not come to light in time".to_owned();
                noted.map_err(too_late)?.map_err(|error| error.to_string())
            }
            (None, Once::Everywhere) | (_, Once::Memory) => match self.memory.note(used, until, now) {
                Answer::First => Ok(true),
                Answer::Again => Ok(false),
                Answer::Full => Err("too many signatures of the project are remembered already".to_owned()),
            },
        }
    }

    /// Forgets a use by which nobody was let in, so that the same request can be made again. If that cannot be done before
    /// `deadline`, it stays noted.
    pub(in crate::check) async fn forget(&self, noted: &Noted, deadline: Instant) {
        match (&self.shared, noted.once) {
            (_, Once::No) => {}
            (Some(redis), Once::Everywhere) => {
                let _ = timeout_at(deadline, redis.forget_use(&noted.used.hash)).await;
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
