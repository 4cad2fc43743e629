//! Limits that three replicas share through real Redis, behind a real Envoy, under 64 clients.

mod failures;
mod fleet;

use std::time::Duration;

use crate::{
    harness::run,
    redis_servers::{Server, cluster::Cluster, sentinel::Sentinels},
};

use self::fleet::{Counters, Fleet, Log, PATIENT, SECOND};

/// How long the clients press.
const PRESSURE: Duration = Duration::from_secs(4);

async fn pressed(counters: impl Into<Counters>, limits: &str) -> Log {
    let fleet = Fleet::start(counters, PATIENT, limits).await;
    fleet.press_undisturbed(PRESSURE).await
}

/// A limit of 50 a second, in sliding windows.
const SMALL: &str = "quotas: [50/second]";

fn assert_small_limit_holds(log: &Log) {
    log.assert_answered();
    log.assert_never_more(50, SECOND);
    let (admitted, seconds) = (log.admitted(), PRESSURE.as_millis() / 1_000);
    assert!(admitted as u128 >= 50 * (seconds - 1), "{admitted} of 50 a second were admitted: {log:?}");
}

#[test]
fn replicas_admit_no_more_than_the_limit_in_any_second() {
    run(async {
        let server = Server::start(&[]).await;
        assert_small_limit_holds(&pressed(server.socket(), SMALL).await);
    });
}

#[test]
fn replicas_on_a_cluster_admit_no_more_than_the_limit_in_any_second() {
    run(async {
        let cluster = Cluster::start().await;
        assert_small_limit_holds(&pressed(cluster.settings().servers, SMALL).await);
    });
}

#[test]
fn replicas_that_find_their_master_by_sentinels_admit_no_more_than_the_limit_in_any_second() {
    run(async {
        let sentinels = Sentinels::start().await;
        assert_small_limit_holds(&pressed(sentinels.settings().servers, SMALL).await);
    });
}

#[test]
fn replicas_that_lease_admit_no_more_than_the_limit_in_any_window() {
    run(async {
        let server = Server::start(&[]).await;
        let fleet = Fleet::start(server.socket(), PATIENT, "quotas: [1500/second, 2400/minute]").await;
        let log = fleet.press(PRESSURE).await;
        log.assert_answered();
        log.assert_never_more(1500, SECOND);
        assert!(
            fleet.metric("doorward_counters_lease_tokens_total", &[("what", "leased")]).await > 0.0,
            "nothing was leased"
        );
        // The longer window is used up, to the last token.
        let refused = log.refused();
        assert!(log.admitted() <= 2400, "{log:?}");
        assert!(refused == 0 || log.admitted() >= 2400 * 49 / 50, "{log:?}");
    });
}

#[test]
fn replicas_admit_no_more_than_the_limit_between_the_borders_of_a_fixed_window() {
    run(async {
        let server = Server::start(&[]).await;
        let log = pressed(server.socket(), "quotas: [50/second], window: fixed").await;
        log.assert_answered();
        log.assert_never_more_between_borders(50);
    });
}
