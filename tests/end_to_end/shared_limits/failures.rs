//! Redis fails under load: no Check fails with it, and what is admitted too much is bounded.

use std::time::Duration;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{Mutex, watch},
    time::Instant,
};

use crate::{
    harness::run,
    redis_servers::{Server, cluster::Cluster, sentinel::Sentinels, until},
};

use super::fleet::{Fleet, IMPATIENT, PATIENT, SECOND};

/// The limit, a second.
const LIMIT: usize = 60;
const LIMITS: &str = "quotas: [60/second]";

/// How long Redis is gone: 3 s, unless `tests/long.sh` says otherwise.
fn outage() -> Duration {
    let seconds = std::env::var("DOORWARD_OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(3, |seconds| seconds.parse().expect("a number of seconds")))
}

/// Presses while Redis goes away and comes back; each request is answered, and what is admitted is bounded.
async fn through_an_outage(fleet: &Fleet, fail: impl AsyncFnOnce(), mend: impl AsyncFnOnce()) {
    let events = async {
        tokio::time::sleep(SECOND).await;
        fail().await;
        tokio::time::sleep(outage()).await;
        mend().await;
    };
    let (log, ()) = tokio::join!(fleet.press(outage() + 3 * SECOND), events);
    println!("through the outage: {log:?}");
    log.assert_answered();
    // What Redis counts and what the replicas count for themselves: each holds the limit.
    log.assert_never_more(2 * LIMIT, SECOND);
    assert!(fleet.counted_locally().await > 0.0, "it was no outage");
    // By itself back, and exact one window later.
    let again = fleet.press_undisturbed(2 * SECOND).await;
    again.assert_answered();
    again.assert_never_more(LIMIT, SECOND);
    fleet.assert_no_secret();
}

#[test]
fn no_check_fails_while_redis_is_killed_and_started_again() {
    run(async {
        let mut server = Server::start(&[]).await;
        let fleet = Fleet::start(server.port, IMPATIENT, LIMITS).await;
        let server = Mutex::new(&mut server);
        let kill = async || server.lock().await.kill();
        through_an_outage(&fleet, kill, async || server.lock().await.again().await).await;
    });
}

#[test]
fn no_check_fails_while_redis_is_paused() {
    run(async {
        let server = Server::start(&[]).await;
        let fleet = Fleet::start(server.socket(), IMPATIENT, LIMITS).await;
        through_an_outage(&fleet, async || server.pause(), async || server.resume()).await;
    });
}

#[test]
fn no_check_fails_while_nothing_that_is_sent_to_redis_arrives() {
    run(async {
        let server = Server::start(&[]).await;
        let hole = Hole::before(server.port).await;
        let fleet = Fleet::start(hole.port, IMPATIENT, LIMITS).await;
        through_an_outage(&fleet, async || hole.swallow(true), async || hole.swallow(false)).await;
    });
}

#[test]
fn a_start_with_redis_at_hand_tells_of_no_failure() {
    run(async {
        let server = Server::start(&[]).await;
        let fleet = Fleet::start(server.port, PATIENT, LIMITS).await;
        for replica in &fleet.replicas {
            let log = replica.process.log();
            assert!(!log.contains("shared counters are"), "{log}");
        }
    });
}

/// A port that forwards to another, or lets everything disappear without closing anything.
struct Hole {
    port: u16,
    swallows: watch::Sender<bool>,
}

impl Hole {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let (swallows, told) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                tokio::spawn(forward(inside, port, told.clone()));
            }
        });
        Self { port: own, swallows }
    }

    fn swallow(&self, all: bool) {
        self.swallows.send(all).expect("the hole is there");
    }
}

/// Forwards until told to swallow; then holds the connection, and does nothing with it.
async fn forward(mut inside: TcpStream, port: u16, mut swallows: watch::Receiver<bool>) {
    let working = async {
        if let Ok(mut outside) = TcpStream::connect(("127.0.0.1", port)).await {
            // Either end may close.
            let _ = copy_bidirectional(&mut inside, &mut outside).await;
        }
    };
    let mut told = swallows.clone();
    tokio::select! {
        () = working => return,
        _ = told.wait_for(|swallows| *swallows) => {}
    }
    let _ = swallows.wait_for(|swallows| !*swallows).await;
}

#[test]
fn no_check_fails_while_a_cluster_fails_over() {
    run(async {
        let mut cluster = Cluster::start().await;
        let fleet = Fleet::start(cluster.settings().servers, IMPATIENT, LIMITS).await;
        fleet.press(SECOND).await.assert_answered();
        let has_counter = |server: &&mut Server| !counters(server).is_empty();
        let master = cluster.masters.iter_mut().find(has_counter).expect("the counter is on one of them");
        fails_over(&fleet, || master.kill()).await;
    });
}

#[test]
fn no_check_fails_while_sentinels_fail_over() {
    run(async {
        let mut sentinels = Sentinels::start().await;
        let fleet = Fleet::start(sentinels.settings().servers, IMPATIENT, LIMITS).await;
        fails_over(&fleet, || sentinels.servers[0].kill()).await;
        sentinels.failed_over().await;
    });
}

/// Presses while a master ends and a replica takes its place.
async fn fails_over(fleet: &Fleet, kill: impl FnOnce()) {
    let events = async {
        tokio::time::sleep(SECOND).await;
        kill();
    };
    let (log, ()) = tokio::join!(fleet.press(6 * SECOND), events);
    log.assert_answered();
    log.assert_never_more(2 * LIMIT, SECOND);
    let again = fleet.press_undisturbed(2 * SECOND).await;
    again.assert_answered();
    again.assert_never_more(LIMIT, SECOND);
}

/// The counters that a server has.
fn counters(server: &Server) -> Vec<String> {
    server.ask(&["KEYS", "doorward:{shop/*"])
}

#[test]
fn a_failover_forgets_what_was_not_replicated_and_no_more() {
    const DAILY: usize = 900;
    run(async {
        let mut sentinels = Sentinels::start().await;
        // Without counters nothing is admitted, so that all that is was counted.
        let limits = "quotas: [900/day], without_counters: deny";
        let fleet = Fleet::start(sentinels.settings().servers, IMPATIENT, limits).await;
        let (log, (killed, replicated)) = tokio::join!(fleet.press(8 * SECOND), async {
            let counted =
                |server: &Server| counters(server).first().map_or(0, |counter| sum(server, counter));
            until("a good part is used up", async || counted(&sentinels.servers[0]) > DAILY / 5).await;
            sentinels.servers[0].kill();
            (Instant::now(), counted(&sentinels.servers[1]))
        });
        sentinels.failed_over().await;
        let admitted_before = log.admitted_if_sent_before(killed);
        assert!(admitted_before > 0, "{log:?}");
        let forgotten = admitted_before.saturating_sub(replicated);
        let admitted = log.admitted();
        println!(
            "{admitted} admitted of {DAILY}: {admitted_before} before the failover, of which {forgotten} were forgotten"
        );
        assert!(admitted <= DAILY + forgotten, "{admitted} of {DAILY}, {forgotten} forgotten: {log:?}");
    });
}

/// What a counter holds in its one window.
fn sum(server: &Server, counter: &str) -> usize {
    let fields: Vec<String> = server.ask(&["HGETALL", counter]);
    let (pairs, _) = fields.as_chunks();
    pairs.iter().find(|[name, _]| name.ends_with(":s")).map_or(0, |[_, sum]| sum.parse().expect("a number"))
}
