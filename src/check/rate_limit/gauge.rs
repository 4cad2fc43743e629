//! What is known of the room under the rules that a request was counted under.

use std::slice;

use crate::counters::{CounterName, Nearest, Room};

use super::rules::{Allowance, Rule};

/// What a request was counted under, for those who tell of it.
#[derive(Debug, Default)]
pub struct Gauge<'r> {
    measures: Vec<Measure<'r>>,
    /// The one of them that had no room.
    refusing: Option<usize>,
}

/// One rule under which a request was counted.
#[derive(Debug)]
pub struct Measure<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// How much the caller may under it.
    pub allowance: &'r Allowance,
    /// The counter.
    pub counter: CounterName,
    /// What the request takes.
    pub cost: u64,
    /// The state of the quota that is nearest to its end of room, where it is known: when several rules are
    /// asked for, only of one of them.
    pub room: Option<Room>,
}

impl<'r> Gauge<'r> {
    /// The rules that the request was counted under.
    #[must_use]
    pub fn measures(&self) -> &[Measure<'r>] {
        &self.measures
    }

    /// The state of the quota that is nearest to its end of room, and its rule: the one that refused, if one did.
    #[must_use]
    pub fn nearest(&self) -> Option<(&Measure<'r>, Room)> {
        if let Some(refusing) = self.refusing {
            return self.measures.get(refusing).and_then(|measure| Some((measure, measure.room?)));
        }
        let known = self.measures.iter().filter_map(|measure| Some((measure, measure.room?)));
        known.reduce(|one, other| if one.1.nearer(other.1) == one.1 { one } else { other })
    }

    /// Begins to measure by these rules.
    pub(super) fn begin(&mut self, measures: impl Iterator<Item = Measure<'r>>) -> Counted {
        let from = self.measures.len();
        self.measures.extend(measures);
        Counted { from }
    }

    /// What is counted together.
    pub(super) fn counted(&self, Counted { from }: Counted) -> &[Measure<'r>] {
        self.measures.get(from..).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(super) fn counted_mut(&mut self, Counted { from }: Counted) -> slice::IterMut<'_, Measure<'r>> {
        self.measures.get_mut(from..).unwrap_or_default().iter_mut()
    }

    /// Notes of which of what is counted together the state is known.
    pub(super) fn note(&mut self, Counted { from }: Counted, told: Option<Nearest>, is_refused: bool) {
        if let Some(Nearest { take, room }) = told
            && let Some(measure) = self.measures.get_mut(from + take)
        {
            measure.room = Some(room);
            self.refusing = is_refused.then_some(from + take);
        }
    }

    /// Forgets what should have been counted together.
    pub(super) fn forget(&mut self, Counted { from }: Counted) {
        self.measures.truncate(from);
    }
}

/// Some of the rules of a gauge, that are counted together: those from one on, to the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    from: usize,
}
