//! Fences: what makes a revocation exact without locks, in bounded memory.
//!
//! Every entry of the cache carries a [`Stamp`]: the store's version in the snapshot that it was read from, and
//! the slot of its record's mark. A change of a record raises the fence of its slot to the change's version, and
//! an entry counts only while its stamp is not below that fence. So it does not matter in which order a load and a revocation
//! finish: a load that began before the revocation brings a stamp below the fence, however late it comes, and
//! is never served. Nothing has to be found and removed from the cache, and there is nothing to miss.
//!
//! A slot is shared by all marks that begin alike, whatever their kind. A change of one of them costs each of
//! the others one more load, and nothing else.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::store::{Change, Mark, Version};

/// One for each value of a mark's first two bytes: half a MiB.
const SLOTS: usize = 1 << 16;

/// Where an entry comes from: which history of the store, which version in it, and which fence it is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    epoch: Epoch,
    version: Version,
    slot: u16,
}

/// Counts how often the store's history broke off, because an older state of it was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u32);

impl Epoch {
    /// The stamp of what was read of `mark` at `version`. The epoch must have been taken before the read began.
    pub(super) fn stamp(self, mark: &Mark, version: Version) -> Stamp {
        Stamp { epoch: self, version, slot: slot(mark) }
    }
}

#[derive(Debug)]
pub(super) struct Fences {
    epoch: AtomicU32,
    slots: Box<[AtomicU64]>,
}

impl Fences {
    pub(super) fn new() -> Self {
        Self { epoch: AtomicU32::new(0), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// Whether what was read still holds.
    pub(super) fn admit(&self, stamp: Stamp) -> bool {
        // The fence first: `forget` ends the epoch before it lowers the fences, so whoever sees a lowered
        // fence sees the new epoch as well.
        let fence = self.fence(stamp.slot).load(Ordering::Acquire);
        stamp.version.0 >= fence && stamp.epoch == self.epoch()
    }

    /// From now on, nothing counts that was read about this record before this change.
    pub(super) fn raise(&self, change: &Change) {
        self.fence(slot(&change.mark)).fetch_max(change.version.0, Ordering::AcqRel);
    }

    /// From now on, nothing counts that was read before, or is being read now.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for slot in &self.slots {
            slot.store(0, Ordering::Release);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a slot is an index into 65,536 fences")]
    fn fence(&self, slot: u16) -> &AtomicU64 {
        &self.slots[usize::from(slot)]
    }
}

fn slot(mark: &Mark) -> u16 {
    let [first, second, ..] = *mark.as_bytes();
    u16::from_be_bytes([first, second])
}
