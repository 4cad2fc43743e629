//! What is known of the room under the rules that a request was counted under.

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

    /// Notes what was counted together; `told` says of which of it the state is known.
    pub(super) fn note(&mut self, measures: Vec<Measure<'r>>, told: Option<Nearest>, is_refused: bool) {
        let before = self.measures.len();
        self.measures.extend(measures);
        if let Some(Nearest { take, room }) = told
            && let Some(measure) = self.measures.get_mut(before + take)
        {
            measure.room = Some(room);
            self.refusing = is_refused.then_some(before + take);
        }
    }
}
