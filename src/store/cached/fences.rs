//! Fences: what makes a revocation exact without locks, in bounded memory.
//!
//! Every entry of the cache carries a [`Stamp`]: the store's version in the snapshot that it was read from.
//! A change of a key raises the fence of the key's slot to the change's version, and an entry counts only
//! while its stamp is not below that fence. So it does not matter in which order a load and a revocation
//! finish: a load that began before the revocation brings a stamp below the fence, however late it comes, and
//! is never served. Nothing has to be found and removed from the cache, and there is nothing to miss.
//!
//! A slot is shared by all hashes that begin alike. A change of one of them costs each of the others one
//! more load, and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    domain::CredentialHash,
    store::{Change, Version},
};

/// One for each value of a hash's first two bytes: half a MiB.
const SLOTS: usize = 1 << 16;

/// Where an entry comes from: which history of the store, and which version in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    epoch: Epoch,
    version: Version,
}

/// Counts how often the store's history broke off, because an older state of it was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Epoch {
    /// The stamp of what was read at `version`. The epoch must have been taken before the read began.
    pub(super) fn stamp(self, version: Version) -> Stamp {
        Stamp { epoch: self, version }
    }
}

#[derive(Debug)]
pub(super) struct Fences {
    epoch: AtomicU64,
    slots: Box<[AtomicU64]>,
}

impl Fences {
    pub(super) fn new() -> Self {
        Self { epoch: AtomicU64::new(0), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Whether what was read about `hash` still holds.
    pub(super) fn admit(&self, hash: &CredentialHash, stamp: Stamp) -> bool {
        // The fence first: `forget` ends the epoch before it lowers the fences, so whoever sees a lowered
        // fence sees the new epoch as well.
        let fence = self.slot(hash).load(Ordering::Acquire);
        stamp.version.0 >= fence && stamp.epoch == self.epoch()
    }

    /// From now on, nothing counts that was read about this hash before this change.
    pub(super) fn raise(&self, change: &Change) {
        self.slot(&change.hash).fetch_max(change.version.0, Ordering::AcqRel);
    }

    /// From now on, nothing counts that was read before, or is being read now.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for slot in &self.slots {
            slot.store(0, Ordering::Release);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "two bytes are an index into 65,536 slots")]
    fn slot(&self, hash: &CredentialHash) -> &AtomicU64 {
        let [first, second, ..] = *hash.as_bytes();
        &self.slots[usize::from(u16::from_be_bytes([first, second]))]
    }
}
