//! Whoever waits for another's trip is woken.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use crate::{
    counters::{Bound, Window},
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
