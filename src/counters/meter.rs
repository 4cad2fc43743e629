//! What a Check asks for: tokens of several counters at once, of all or of none, whether or not shared counters
//! answer.

use std::{fmt, sync::Arc, time::Duration};

use metrics::{Counter, counter, describe_counter};
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::config::WithoutCounters;

use super::{Bound, CounterName, Counters, CountersError, Grant, Leased, Memory, Redis, Room};

/// Counts takings from shared counters by where the answer came from: a `trip` to them, a `lease`, a remembered
/// `refusal`; and where they failed, this replica's own count (`local`), `allow` or `deny`.
pub(super) const TAKES: &str = "doorward_counters_takes_total";

/// What is taken of one counter.
#[derive(Debug, Clone, Copy)]
pub struct Take<'a> {
    /// The counter.
    pub name: &'a CounterName,
    /// Its bounds: all must have room.
    pub bounds: &'a Arc<[Bound]>,
    /// How many tokens; 0 only asks for the state.
    pub cost: u64,
}

/// The state that is nearest to its end of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearest {
    /// Which of the takes it belongs to, from 0.
    pub take: usize,
    /// The state.
    pub room: Room,
}

/// The answer to some takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Each had room, and was charged. Of nothing, or without counters, nothing is told.
    Admitted(Option<Nearest>),
    /// One had no room; none was charged.
    Refused {
        /// The state of the one that waits longest.
        nearest: Nearest,
        /// When there will be room, unless more is taken.
        retry_after: Duration,
    },
}

/// Takes tokens.
#[derive(Debug)]
pub enum Meter {
    /// From counters of this process alone.
    Memory(Box<Memory>),
    /// From counters in Redis.
    Redis(Box<Shared<Arc<Redis>>>),
}

impl Meter {
    /// A meter on counters of this process alone.
    #[must_use]
    pub fn in_memory(memory: Memory) -> Self {
        Self::Memory(Box::new(memory))
    }

    /// A meter on counters in Redis, of which tokens are held for so long at most; `replica` is a number that no other
    /// replica has. Without them `local` counts. Within a runtime of tokio only.
    #[must_use]
    pub fn in_redis(redis: Arc<Redis>, hold: Duration, replica: u64, local: Memory) -> Self {
        Self::Redis(Box::new(Shared::new(Leased::new(redis, hold, replica), local)))
    }

    /// Takes all of these, or none; waits until `deadline` at most. `without` is what is done where shared counters
    /// do not answer.
    ///
    /// # Errors
    ///
    /// Nobody can tell whether there is room, and `without` does not say what to do then.
    pub async fn take(
        &self,
        takes: &[Take<'_>],
        without: WithoutCounters,
        deadline: Instant,
    ) -> Result<Answer, CountersError> {
        match self {
            Self::Memory(memory) => take_here(memory, takes).or_else(|full| match without {
                WithoutCounters::Allow => Ok(Answer::Admitted(None)),
                WithoutCounters::Local | WithoutCounters::Deny => Err(full),
            }),
            Self::Redis(shared) => shared.take(takes, without, deadline).await,
        }
    }

    /// Gives back what is held for later use. Nothing is to be taken afterwards.
    pub async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Redis(shared) => shared.leased.close().await,
        }
    }
}

/// Shared counters, and what is done without them.
pub struct Shared<C> {
    leased: Leased<C>,
    /// What this replica counts for itself while they fail.
    local: Memory,
    locally: Counter,
    allowed: Counter,
    denied: Counter,
}

impl<C: fmt::Debug> fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({:?}, without them {:?})", self.leased, self.local)
    }
}

impl<C: Counters> Shared<C> {
    /// Takes from `leased`, and from `local` where that fails.
    #[must_use]
    pub fn new(leased: Leased<C>, local: Memory) -> Self {
        describe_counter!(TAKES, "Takings from shared counters, by where the answer came from.");
        let takes = |by: &'static str| counter!(TAKES, "by" => by);
        Self { leased, local, locally: takes("local"), allowed: takes("allow"), denied: takes("deny") }
    }

    /// Does what [`Meter::take`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn take(
        &self,
        takes: &[Take<'_>],
        without: WithoutCounters,
        deadline: Instant,
    ) -> Result<Answer, CountersError> {
        let error = match self.leased.take(takes, deadline).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match without {
            WithoutCounters::Local => {
                self.locally.increment(1);
                take_share(&self.local, takes, self.leased.counters().replicas())
            }
            WithoutCounters::Allow => {
                self.allowed.increment(1);
                Ok(Answer::Admitted(None))
            }
            WithoutCounters::Deny => {
                self.denied.increment(1);
                Err(error)
            }
        }
    }
}

/// Takes all of these, or none, from counters of this process; but of their replica's share of each limit, 1 at least.
fn take_share(memory: &Memory, takes: &[Take<'_>], replicas: u32) -> Result<Answer, CountersError> {
    let share = |bound: &Bound| Bound { limit: (bound.limit / u64::from(replicas)).max(1), ..*bound };
    let bounds: Vec<Arc<[Bound]>> =
        takes.iter().map(|take| take.bounds.iter().map(share).collect()).collect();
    let shares: Vec<Take<'_>> =
        takes.iter().zip(&bounds).map(|(take, bounds)| Take { bounds, ..*take }).collect();
    take_here(memory, &shares)
}

/// Takes all of these, or none, from counters of this process.
fn take_here(memory: &Memory, takes: &[Take<'_>]) -> Result<Answer, CountersError> {
    let mut admitted: Option<Nearest> = None;
    let mut refused: Option<(Nearest, Duration)> = None;
    let mut charged: SmallVec<[(&Take<'_>, Grant); 2]> = SmallVec::new();
    for (number, take) in takes.iter().enumerate() {
        let grant = match memory.take(take) {
            Ok(grant) => grant,
            Err(error) => {
                undo(memory, &charged);
                return Err(error);
            }
        };
        let state = Nearest { take: number, room: grant.room };
        if grant.amount < take.cost {
            if refused.is_none_or(|(_, longest)| longest < grant.due) {
                refused = Some((state, grant.due));
            }
        } else {
            admitted = Some(admitted.map_or(state, |nearest| nearest.nearer(state)));
            if takes.len() > 1 {
                charged.push((take, grant));
            }
        }
    }
    let Some((nearest, retry_after)) = refused else {
        return Ok(Answer::Admitted(admitted));
    };
    undo(memory, &charged);
    Ok(Answer::Refused { nearest, retry_after })
}

fn undo(memory: &Memory, charged: &[(&Take<'_>, Grant)]) {
    for (take, grant) in charged {
        memory.undo(take, grant);
    }
}

impl Nearest {
    /// The one of two that is nearer to its end of room.
    pub(super) fn nearer(self, other: Self) -> Self {
        if self.room.nearer(other.room) == self.room { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        counters::{Order, Window},
        domain::{ManualClock, WindowKind},
    };

    /// Counters that nobody reaches, shared by four replicas.
    #[derive(Debug)]
    struct Unreachable;

    impl Counters for Unreachable {
        async fn take(&self, _: &[Order]) -> Result<Vec<Grant>, CountersError> {
            Err(CountersError("nobody is there".to_owned()))
        }

        async fn give_back(&self, _: &[super::super::Return]) -> Result<(), CountersError> {
            Err(CountersError("nobody is there".to_owned()))
        }

        fn replicas(&self) -> u32 {
            4
        }
    }

    fn memory() -> Memory {
        Memory::new(Arc::new(ManualClock::at("2030-01-01T00:00:00Z".parse().expect("a moment"))))
    }

    type Owned = (CounterName, Arc<[Bound]>);

    fn limited(limits: &[u64]) -> Vec<Owned> {
        let window = Window::new(Duration::from_mins(1), WindowKind::Sliding);
        let owned = |(number, limit): (usize, &u64)| {
            let name = CounterName::new("shop", "credential", &number.to_string());
            (name, [Bound { limit: *limit, window }].into())
        };
        limits.iter().enumerate().map(owned).collect()
    }

    fn takes(limited: &[Owned]) -> Vec<Take<'_>> {
        limited.iter().map(|(name, bounds)| Take { name, bounds, cost: 1 }).collect()
    }

    async fn admitted(without: WithoutCounters, limit: u64) -> Result<usize, CountersError> {
        let shared = Shared::new(Leased::new(Unreachable, Duration::ZERO, 1), memory());
        let mut admitted = 0;
        for _ in 0..20 {
            let deadline = Instant::now() + Duration::from_secs(10);
            let answer = shared.take(&takes(&limited(&[limit])), without, deadline).await?;
            admitted += usize::from(matches!(answer, Answer::Admitted(_)));
        }
        Ok(admitted)
    }

    #[tokio::test]
    async fn without_counters_the_operator_says_what_is_done() {
        assert_eq!(admitted(WithoutCounters::Local, 40).await, Ok(10), "a quarter of the limit");
        assert_eq!(admitted(WithoutCounters::Local, 3).await, Ok(1), "one at least");
        assert_eq!(admitted(WithoutCounters::Allow, 3).await, Ok(20));
        let error = admitted(WithoutCounters::Deny, 3).await.expect_err("nothing is known");
        assert_eq!(error.to_string(), "the counters are unavailable: nobody is there");
    }

    #[test]
    fn where_one_counter_refuses_none_is_charged() {
        let memory = memory();
        let limited = limited(&[9, 2, 5]);
        let takes = takes(&limited);
        let answer = |takes: &[Take<'_>]| take_here(&memory, takes).expect("there is room for counters");
        let nearest = |answer| match answer {
            Answer::Admitted(Some(Nearest { take, room })) => (take, room.remaining),
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest(answer(&takes)), (1, 1));
        assert_eq!(nearest(answer(&takes)), (1, 0));
        for _ in 0..10 {
            let Answer::Refused { nearest, retry_after } = answer(&takes) else { panic!("it is admitted") };
            assert_eq!((nearest.take, nearest.room.remaining), (1, 0));
            assert_eq!(retry_after, Duration::from_secs(61), "when the bucket leaves the window");
        }
        assert_eq!(nearest(answer(&takes[..1])), (0, 6));
        assert_eq!(nearest(answer(&takes[2..])), (0, 2));
        assert_eq!(answer(&[]), Answer::Admitted(None));
    }
}
