//! Asking the counters.

use std::slice;

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::{
    check::{
        refusal::Refusal,
        route::{GuardedApi, Matched},
    },
    config::{LimitBy, WithoutCounters},
    counters::{Answer, CountersError, Meter, Nearest, Room, Take},
    domain::DenialReason,
};

use super::{
    gauge::{Counted, Gauge, Measure},
    rules::Rules,
    subject::Caller,
};

/// Counts what one Check asks to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Counting<'r, 'm> {
    /// The rules.
    pub rules: &'r Rules,
    /// Where it is counted.
    pub meter: &'m Meter,
    /// Until when the Check waits, for whatever it waits.
    pub deadline: Instant,
    /// Whether nothing is taken: what would be counted is only looked at.
    pub only_looks: bool,
}

impl<'r> Counting<'r, '_> {
    /// Begins to measure what has to be counted for this caller, of all that is counted in the ways that are `wanted`.
    pub(super) fn measure(
        &self,
        api: &GuardedApi,
        matched: Matched<'_>,
        caller: Caller<'_>,
        wanted: impl Fn(LimitBy) -> bool,
        gauge: &mut Gauge<'r>,
    ) -> Counted {
        let rules = self.rules.of(api, matched).filter(|(rule, _)| wanted(rule.by));
        gauge.begin(rules.filter_map(|(rule, cost)| {
            let counter = caller.counter(&api.config.name, rule)?;
            let allowance = caller.allowance(rule)?;
            Some(Measure { rule, allowance, counter, cost, room: None })
        }))
    }

    /// Takes what each of these costs, or nothing if one has no room.
    pub(super) async fn take(
        &self,
        api: &GuardedApi,
        counted: Counted,
        gauge: &mut Gauge<'r>,
    ) -> Result<(), Refusal> {
        if gauge.counted(counted).is_empty() {
            return Ok(());
        }
        let without = api.config.limits.without_counters;
        let answer = if self.only_looks {
            self.foresee(counted, gauge, without).await
        } else {
            self.ask(gauge.counted(counted), without, |measure| measure.cost).await
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                gauge.forget(counted);
                return Err(Refusal::unavailable(error.to_string()));
            }
        };
        let measures = gauge.counted(counted);
        if !self.only_looks {
            record(measures, &answer);
        }
        match answer {
            Answer::Admitted(told) => {
                gauge.note(counted, told, false);
                Ok(())
            }
            Answer::Refused { nearest, retry_after } => {
                let cause = measures.get(nearest.take).map(|measure| exhausted(measure, nearest.room));
                gauge.note(counted, Some(nearest), true);
                let cause = cause.unwrap_or_default();
                Err(Refusal::denied_for(retry_after, DenialReason::RateLimited, cause))
            }
        }
    }

    /// Looks at the state of these, without taking anything. Where it cannot be told, nothing is noted.
    pub(super) async fn look_at(&self, counted: Counted, gauge: &mut Gauge<'r>) {
        let answer = self.ask(gauge.counted(counted), WithoutCounters::Deny, |_| 0).await;
        match answer {
            Ok(Answer::Admitted(told)) => gauge.note(counted, told, false),
            Ok(Answer::Refused { .. }) | Err(_) => gauge.forget(counted),
        }
    }

    async fn ask(
        &self,
        measures: &[Measure<'r>],
        without: WithoutCounters,
        cost: impl Fn(&Measure<'_>) -> u64,
    ) -> Result<Answer, CountersError> {
        let mut takes: SmallVec<[Take<'_>; 2]> = SmallVec::new();
        for measure in measures {
            let (name, bounds) = (&measure.counter, &measure.allowance.bounds);
            takes.push(Take { name, bounds, cost: cost(measure) });
        }
        self.meter.take(&takes, without, self.deadline).await
    }

    /// What would be answered if these were taken. Each is looked at by itself, so that the state of each is known; what
    /// cannot be told is taken for admitted where requests go on without counters.
    async fn foresee(
        &self,
        counted: Counted,
        gauge: &mut Gauge<'r>,
        without: WithoutCounters,
    ) -> Result<Answer, CountersError> {
        let mut refused: Option<Nearest> = None;
        for (take, measure) in gauge.counted_mut(counted).enumerate() {
            let answer = self.ask(slice::from_ref(measure), WithoutCounters::Deny, |_| 0).await;
            let room = match answer {
                Ok(Answer::Admitted(Some(Nearest { room, .. }))) => room,
                Err(error) if without == WithoutCounters::Deny => return Err(error),
                _ => continue,
            };
            measure.room = Some(room);
            let waits_longer = |refused: Nearest| refused.room.reset_after < room.reset_after;
            if room.remaining < measure.cost && refused.is_none_or(waits_longer) {
                refused = Some(Nearest { take, room });
            }
        }
        // When all of it is there again, there is room for sure: before, nobody who only looks can tell.
        let refusal = |nearest: Nearest| Answer::Refused { nearest, retry_after: nearest.room.reset_after };
        Ok(refused.map_or(Answer::Admitted(None), refusal))
    }
}

fn record(measures: &[Measure<'_>], answer: &Answer) {
    match answer {
        Answer::Admitted(_) => measures.iter().for_each(|measure| measure.rule.admitted.increment(1)),
        Answer::Refused { nearest, .. } => {
            if let Some(measure) = measures.get(nearest.take) {
                measure.rule.refused.increment(1);
            }
        }
    }
}

/// Which quota has no room.
fn exhausted(measure: &Measure<'_>, room: Room) -> String {
    let Measure { rule, allowance, cost, .. } = measure;
    let quota = allowance.quotas.get(room.bound).map(ToString::to_string).unwrap_or_default();
    format!("{quota} under the rule `{}`: {} left, {cost} needed", rule.name, room.remaining)
}
