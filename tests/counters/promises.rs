//! What all counters promise.

use doorward::domain::WindowKind::{Fixed, Sliding};
use futures_util::future::join_all;

use super::*;

/// An hour, which no test lasts. A fixed window is one of many days, so that no test meets its border.
const HOUR: u64 = 3_600;
const LONG: u64 = 400 * 24 * HOUR;

pub(crate) async fn takers_at_once_never_exceed_the_limit<C: Counters>(counters: Arc<C>) {
    for (kind, seconds) in [(Sliding, HOUR), (Fixed, LONG)] {
        let taker = |_| {
            let counters = Arc::clone(&counters);
            tokio::spawn(async move {
                let mut taken = 0;
                for number in 0..20 {
                    let cost = number % 3 + 1;
                    let asked = order(&format!("crowd {kind:?}"), &[bound(1_000, seconds, kind)], cost);
                    taken += take_one(&*counters, asked).await.amount;
                }
                taken
            })
        };
        let amounts = join_all((0..64).map(taker)).await;
        let sum: u64 = amounts.into_iter().map(|amount| amount.expect("no panic")).sum();
        assert_eq!(sum, 1_000, "{kind:?}");
    }
}

pub(crate) async fn all_windows_must_have_room<C: Counters>(counters: Arc<C>) {
    let bounds = [bound(10, HOUR, Sliding), bound(3, 100, Sliding), bound(5, LONG, Fixed)];
    let take = async |cost| take_one(&*counters, order("several", &bounds, cost)).await;
    for remaining in [2, 1, 0] {
        let grant = take(1).await;
        assert_eq!((grant.amount, grant.room.bound, grant.room.remaining), (1, 1, remaining));
        assert_eq!((grant.room.limit, grant.buckets.len(), grant.due), (3, 3, Duration::ZERO));
        assert!(grant.life > Duration::ZERO && grant.life <= Duration::from_millis(1_667), "{grant:?}");
    }
    let refused = take(1).await;
    assert_eq!((refused.amount, refused.room.bound, refused.room.remaining), (0, 1, 0));
    assert!(refused.due > Duration::from_secs(95) && refused.due <= Duration::from_secs(102), "{refused:?}");
    // A refusal charged none of them.
    let others = take_one(&*counters, order("several", &[bounds[0], bounds[2]], 1)).await;
    assert_eq!((others.amount, others.room.bound, others.room.remaining), (1, 1, 1));
}

pub(crate) async fn a_share_bounds_what_is_taken_in_advance<C: Counters>(counters: Arc<C>) {
    for (cost, want, share, expected) in [
        (1, 100, 4, 25),
        (1, 100, 4, 18),
        (1, 10, 4, 10),
        (20, 40, 4, 20),
        (1, 1_000, 1, 27),
        (1, 10, 1, 0),
        (0, 0, 1, 0),
    ] {
        let asked = Order { want, share, ..order("share", &[bound(100, HOUR, Sliding)], cost) };
        assert_eq!(take_one(&*counters, asked).await.amount, expected, "{cost} {want} {share}");
    }
}

pub(crate) async fn a_taking_is_given_back_once<C: Counters>(counters: Arc<C>) {
    let bounds = [bound(100, HOUR, Sliding), bound(50, LONG, Fixed)];
    let lease = |number| LeaseId { replica: 7, number };
    let take = async |number, want| {
        let asked = Order { want, lease: Some(lease(number)), ..order("leases", &bounds, 1) };
        let grant = take_one(&*counters, asked).await;
        assert_eq!(grant.amount, want);
        move |left| Return {
            name: named("leases"),
            bounds: bounds.into(),
            buckets: grant.buckets.clone(),
            lease: lease(number),
            left,
        }
    };
    let remaining = async || take_one(&*counters, order("leases", &bounds, 0)).await.room.remaining;
    let (first, second, third) = (take(1, 20).await, take(2, 5).await, take(3, 4).await);
    assert_eq!(remaining().await, 21);
    for (given, expected) in [
        (first(15), 36),
        (first(5), 36),
        (second(6), 36),
        (second(5), 36),
        (third(4), 40),
        (Return { lease: lease(4), ..third(1) }, 40),
        (Return { name: named("leases of nobody"), ..third(1) }, 40),
    ] {
        counters.give_back(std::slice::from_ref(&given)).await.expect("an answer");
        assert_eq!(remaining().await, expected, "{given:?}");
    }
}

pub(crate) async fn a_question_takes_nothing<C: Counters>(counters: Arc<C>) {
    for expected in [10, 7, 4] {
        for _ in 0..2 {
            let state = take_one(&*counters, order("questions", &[bound(10, HOUR, Sliding)], 0)).await;
            assert_eq!((state.amount, state.room.remaining), (0, expected));
        }
        take_one(&*counters, order("questions", &[bound(10, HOUR, Sliding)], 3)).await;
    }
}

pub(crate) async fn another_plan_keeps_what_was_counted<C: Counters>(counters: Arc<C>) {
    for (bounds, taken, remaining) in [
        (vec![bound(10, HOUR, Sliding)], 6, 4),
        (vec![bound(20, HOUR, Sliding), bound(100, 60, Sliding)], 1, 13),
        (vec![bound(5, HOUR, Sliding)], 0, 0),
        (vec![bound(100, 60, Sliding)], 1, 98),
        (vec![bound(20, HOUR, Sliding)], 1, 12),
    ] {
        let grant = take_one(&*counters, order("plans", &bounds, 1.max(taken))).await;
        assert_eq!((grant.amount, grant.room.remaining), (taken, remaining), "{bounds:?}");
    }
}

pub(crate) async fn a_reset_and_what_is_due_are_told<C: Counters>(counters: Arc<C>) {
    let (fixed, sliding) = (bound(2, LONG, Fixed), bound(2, 600, Sliding));
    let untouched = take_one(&*counters, order("fixed", &[fixed], 0)).await.room;
    assert_eq!(untouched.reset_at_us % (LONG * 1_000_000), 0, "the end of the window");
    let full = take_one(&*counters, order("fixed", &[fixed], 2)).await;
    assert_eq!(full.room.reset_at_us, untouched.reset_at_us);
    let refused = take_one(&*counters, order("fixed", &[fixed], 1)).await;
    assert_eq!(refused.due, refused.room.reset_after);
    assert!(refused.due.as_secs() < LONG && refused.due > Duration::ZERO);

    let untouched = take_one(&*counters, order("sliding", &[sliding], 0)).await.room;
    assert_eq!(untouched.reset_after, Duration::ZERO);
    let full = take_one(&*counters, order("sliding", &[sliding], 2)).await.room;
    assert!((600..=610).contains(&full.reset_after.as_secs()), "{full:?}");
    let refused = take_one(&*counters, order("sliding", &[sliding], 1)).await;
    assert_eq!((refused.room.reset_at_us, refused.due), (full.reset_at_us, refused.room.reset_after));
    let never = take_one(&*counters, order("sliding", &[sliding], 3)).await;
    assert_eq!((never.amount, never.due), (0, never.room.reset_after));
}

pub(crate) async fn answers_stand_in_the_order_of_orders<C: Counters>(counters: Arc<C>) {
    let orders: Vec<Order> = (1..=40)
        .map(|number| order(&format!("many {}", number % 20), &[bound(100 + number, HOUR, Sliding)], number))
        .collect();
    let grants = counters.take(&orders).await.expect("an answer");
    for (number, grant) in (1_u64..).zip(&grants) {
        let before = number.saturating_sub(20);
        assert_eq!((grant.amount, grant.room.remaining), (number, 100 - before), "{number}");
    }
    let unbounded = [order("free", &[], 3), order("many 1", &[bound(100, HOUR, Sliding)], 0)];
    let grants = counters.take(&unbounded).await.expect("an answer");
    assert_eq!((grants[0].amount, grants[0].room.remaining), (3, u64::MAX));
    assert_eq!(grants[1].room.remaining, 100 - 1 - 21);
    assert_eq!(counters.take(&[]).await, Ok(Vec::new()));
}

pub(crate) async fn there_is_room_again_when_it_was_due<C: Counters>(counters: Arc<C>) {
    let asked = order("soon", &[bound(5, 1, Sliding)], 5);
    assert_eq!(take_one(&*counters, asked.clone()).await.amount, 5);
    let refused = take_one(&*counters, asked.clone()).await;
    assert!(refused.amount == 0 && refused.due > Duration::from_millis(500), "{refused:?}");
    tokio::time::sleep(refused.due).await;
    assert_eq!(take_one(&*counters, asked).await.amount, 5);
}
