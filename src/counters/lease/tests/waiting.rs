//! Whoever waits for another's trip is woken, and waits for one alone.

use std::{slice, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    counters::{Bound, CounterName, Counters, CountersError, Grant, Leased, Order, Return, Take, Window},
    domain::WindowKind,
};

use super::super::entry::{Asked, Entry, Terms};

fn bounds() -> Arc<[Bound]> {
    let window = Window::new(Duration::from_mins(1), WindowKind::Sliding);
    [Bound { limit: 10_000, window }].into()
}

#[tokio::test]
async fn whoever_is_told_to_wait_is_woken_however_soon_the_others_are_back() {
    let (terms, now) = (Terms { hold: Duration::from_millis(100), replicas: 1 }, Instant::now());
    let (mut entry, bounds) = (Entry::default(), bounds());
    (0..10).for_each(|_| entry.want(1, terms, now));
    entry.lead(9, now);
    let Asked::Wait(back) = entry.ask(&bounds, 1, terms, now, &mut Vec::new()) else {
        panic!("nobody is waited for");
    };
    entry.follow();
    assert_eq!(timeout(Duration::from_secs(1), back).await, Ok(()), "before anybody polled");
}

/// Counters that let everybody wait and then fail.
#[derive(Debug)]
struct Stuck;

const STUCK_FOR: Duration = Duration::from_millis(200);

impl Counters for Stuck {
    async fn take(&self, _: &[Order]) -> Result<Vec<Grant>, CountersError> {
        sleep(STUCK_FOR).await;
        Err(CountersError("nobody answered".to_owned()))
    }

    async fn give_back(&self, _: &[Return]) -> Result<(), CountersError> {
        Ok(())
    }

    fn replicas(&self) -> u32 {
        1
    }
}

#[tokio::test]
async fn nobody_waits_for_more_than_one_trip_of_others_and_their_own() {
    let leased = Leased::new(Stuck, Duration::from_millis(100), 1);
    let (name, bounds) = (CounterName::new("shop", "credential", "one"), bounds());
    let take = Take { name: &name, bounds: &bounds, cost: 1 };
    let began = Instant::now();
    let takers = (0..10).map(|_| leased.take(slice::from_ref(&take), began + Duration::from_secs(10)));
    assert!(join_all(takers).await.iter().all(Result::is_err));
    assert!(began.elapsed() < 3 * STUCK_FOR, "{:?}", began.elapsed());
}
