//! Replicas that share a PostgreSQL database: what one is told, all know; what the database cannot tell, none makes up.

mod copied;
mod fleet;

use std::time::Duration;

use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    harness::{eventually, run, site::Key},
    postgres,
};

use self::fleet::{Fleet, Verdict, ask, issued, refused_after, wanted};

/// How soon a revocation has to be in force everywhere.
const BOUND: Duration = Duration::from_secs(1);
/// How long something may take on a busy machine that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many revocations are measured; `tests/long.sh` says 1 000.
fn revocations() -> usize {
    std::env::var("DOORWARD_REVOCATIONS").map_or(100, |count| count.parse().expect("a number"))
}

/// Revokes so many keys, one after the other, while every replica is asked about each. Whatever was said to be in force
/// everywhere is allowed by nobody. Returns how long each took until the last replica refused it.
async fn revoke_one_by_one(fleet: &Fleet, count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..count {
        let by = number % fleet.replicas.len();
        let Key { id, key } = fleet.create(by).await;
        fleet.until(&key, Verdict::Allowed, PATIENCE).await;
        let since = Instant::now();
        let mut asking = JoinSet::new();
        for checks in &fleet.checks {
            asking.spawn(refused_after(checks.clone(), key.clone(), since));
        }
        let (reached, servers) = fleet.revoke(by, &id).await;
        assert_eq!(servers, 3, "all of them are there");
        if reached == servers {
            let verdicts = fleet.verdicts(&key).await;
            assert!(!verdicts.contains(&Verdict::Allowed), "it was said to be in force: {verdicts:?}");
            assert_eq!(fleet.status(&key).await, 401, "through Envoy");
        }
        times.push(asking.join_all().await.into_iter().max().expect("three of them"));
    }
    times.sort_unstable();
    times
}

fn tell(what: &str, times: &[Duration]) {
    let part = |hundredths: usize| times[(times.len() - 1) * hundredths / 100];
    println!(
        "{what}: {} revocations, in force on all replicas after p50 {:?}, p99 {:?}, max {:?}",
        times.len(),
        part(50),
        part(99),
        part(100)
    );
}

#[test]
fn a_revocation_is_in_force_on_every_replica_within_a_second() {
    run(async {
        let database = postgres::shared().await.database().await;
        let mut fleet = Fleet::start(&database.url(), "{ positive: 1h }", "5s").await;
        let with_redis = revoke_one_by_one(&fleet, revocations()).await;
        tell("with Redis", &with_redis);
        fleet.redis.kill();
        let without = revoke_one_by_one(&fleet, revocations()).await;
        tell("without Redis", &without);
        for times in [with_redis, without] {
            // All of them where nothing else runs beside; half of them where other tests do.
            let judged = if std::env::var_os("DOORWARD_REVOCATIONS").is_some() {
                times.len()
            } else {
                times.len() / 2
            };
            assert!(times[judged - 1] < BOUND, "{times:?}");
        }
        fleet.assert_no_secret();
    });
}

#[test]
fn a_change_by_the_command_line_on_the_database_is_in_force_everywhere() {
    run(async {
        let database = postgres::shared().await.database().await;
        let fleet = Fleet::start(&database.url(), "{ positive: 1h }", "5s").await;
        // A busy machine may not have told everybody within the second for which it is waited.
        eventually("it is told that it is in force", PATIENCE, async || {
            let key = fleet.site.create(&["--api", "shop"]);
            fleet.until(&key.key, Verdict::Allowed, PATIENCE).await;
            let told = fleet.site.run(&["keys", "revoke", &key.id]);
            let told = String::from_utf8_lossy(&told.stderr).into_owned();
            if !told.contains("It is in force on all 3 servers.") {
                return Err(told);
            }
            assert_eq!(fleet.verdicts(&key.key).await, [Verdict::Refused; 3]);
            Ok(())
        })
        .await;
    });
}

#[test]
fn a_replica_that_was_killed_is_not_said_to_know_anything() {
    run(async {
        let database = postgres::shared().await.database().await;
        let fleet = Fleet::start(&database.url(), "{ positive: 1h }", "5s").await;
        let reached = async |expected: (u64, u64)| {
            eventually("others know of it", PATIENCE, async || {
                let key = fleet.create(0).await;
                let reached = fleet.revoke(0, &key.id).await;
                if reached == expected { Ok(()) } else { Err(format!("{reached:?}")) }
            })
            .await;
        };
        fleet.replicas[2].process.signal("KILL");
        // It may be paused, and remember all that it knew.
        reached((2, 3)).await;
        // One that ends in good order says so.
        assert_eq!(fleet.replicas[1].terminate(PATIENCE).await, Some(0));
        reached((1, 2)).await;
    });
}

#[test]
fn while_the_database_is_gone_what_is_remembered_is_served_and_nothing_is_made_up() {
    run(async {
        let mut server = postgres::Server::start(&[]).await;
        let name = server.make_database().await;
        let cache = "{ positive: 1s, negative: 1s, grace: 10m }";
        let fleet = Fleet::start(&server.url(&name), cache, "500ms").await;
        let (seen, unseen) = (fleet.create(0).await, fleet.create(1).await);
        fleet.until(&seen.key, Verdict::Allowed, PATIENCE).await;

        // It accepts connections and answers nothing.
        server.pause();
        tokio::time::sleep(2 * Duration::from_secs(1)).await;
        assert_eq!(fleet.verdicts(&seen.key).await, [Verdict::Allowed; 3], "within the grace");
        assert_eq!(fleet.verdicts(&unseen.key).await, [Verdict::Unavailable; 3], "nobody knows it");
        for replica in &fleet.replicas {
            assert_eq!(replica.readiness().await.expect("an answer"), 200, "an outage of one is none of all");
        }
        // Once it has not answered some times, nobody waits for it any more.
        for _ in 0..6 {
            fleet.verdicts(&unseen.key).await;
        }
        let since = Instant::now();
        let mut quick = 0;
        while quick < 20 {
            let asked = Instant::now();
            assert_eq!(fleet.verdict(0, &unseen.key).await, Verdict::Unavailable);
            quick += usize::from(asked.elapsed() < Duration::from_millis(100));
            assert!(since.elapsed() < PATIENCE, "each waits for the budget");
        }
        server.resume();
        fleet.until(&unseen.key, Verdict::Allowed, PATIENCE).await;
        let (reached, servers) = fleet.revoke(0, &seen.id).await;
        assert!(reached <= servers && servers == 3, "{reached} of {servers}");
        fleet.until(&seen.key, Verdict::Refused, PATIENCE).await;

        // It is killed, and started again.
        server.kill();
        assert_eq!(fleet.verdicts(&unseen.key).await, [Verdict::Allowed; 3]);
        tokio::time::sleep(2 * Duration::from_secs(1)).await;
        assert_eq!(fleet.verdicts(&unseen.key).await, [Verdict::Allowed; 3], "within the grace");
        let refused = fleet.ask(0, &format!("/v1/keys/{}:revoke", unseen.id), &json!({})).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        server.again().await;
        let late = fleet.create(0).await;
        fleet.until(&late.key, Verdict::Allowed, PATIENCE).await;
        fleet.revoke(1, &unseen.id).await;
        fleet.until(&unseen.key, Verdict::Refused, PATIENCE).await;
        fleet.assert_no_secret();
    });
}

#[test]
fn a_database_that_is_slow_is_not_waited_for_and_one_that_can_only_be_read_is_read() {
    run(async {
        let server = postgres::Server::start(&["fsync=off"]).await;
        let name = server.make_database().await;
        let fleet = Fleet::start(&server.url(&name), "{ positive: 1h }", "500ms").await;
        let (seen, unseen, late) = (fleet.create(0).await, fleet.create(0).await, fleet.create(0).await);
        fleet.until(&seen.key, Verdict::Allowed, PATIENCE).await;

        let mut other = server.connect(&name).await.expect("a connection");
        let mut tell = async |statement: &'static str| {
            sqlx::raw_sql(statement).execute(&mut other).await.expect(statement);
        };
        tell("BEGIN; LOCK TABLE keys IN ACCESS EXCLUSIVE MODE").await;
        assert_eq!(fleet.verdicts(&unseen.key).await, [Verdict::Unavailable; 3], "its table is locked");
        assert_eq!(fleet.verdicts(&seen.key).await, [Verdict::Allowed; 3]);
        tell("ROLLBACK").await;
        fleet.until(&unseen.key, Verdict::Allowed, PATIENCE).await;

        tell("ALTER SYSTEM SET default_transaction_read_only = on").await;
        tell("SELECT pg_reload_conf()").await;
        let revoking = format!("/v1/keys/{}:revoke", seen.id);
        eventually("changes are refused", PATIENCE, async || {
            let refused = fleet.ask(0, &revoking, &json!({})).await;
            // The first one may come before the setting.
            if refused.status == 503 { Ok(()) } else { Err(refused.text()) }
        })
        .await;
        assert_eq!(fleet.verdicts(&late.key).await, [Verdict::Allowed; 3], "it is read all the same");
        tell("SET default_transaction_read_only = off").await;
        tell("ALTER SYSTEM RESET default_transaction_read_only").await;
        tell("SELECT pg_reload_conf()").await;
        eventually("changes are made again", PATIENCE, async || {
            let answer = fleet.ask(0, &format!("/v1/keys/{}:revoke", late.id), &json!({})).await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        fleet.until(&late.key, Verdict::Refused, PATIENCE).await;
    });
}

/// How often servers are killed; `tests/long.sh` says more.
fn kills() -> usize {
    std::env::var("DOORWARD_KILLS").map_or(4, |kills| kills.parse().expect("a number"))
}

#[test]
fn what_was_acknowledged_outlives_server_and_database() {
    run(async {
        let mut server = postgres::Server::start(&[]).await;
        let name = server.make_database().await;
        let mut fleet = Fleet::start(&server.url(&name), "{ positive: 1h }", "5s").await;
        let (mut good, mut revoked, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..kills() {
            let mut changing = JoinSet::new();
            for replica in &fleet.replicas {
                let socket = replica.admin();
                // Half of the keys are revoked, until nobody answers any more.
                changing.spawn(async move {
                    let (mut made, mut gone, mut asked) = (Vec::new(), Vec::new(), Vec::new());
                    for number in 0.. {
                        let answer = ask(&socket, "/v1/keys", &wanted()).await;
                        let Some(key) = answer.ok().and_then(|answer| issued(&answer)) else { break };
                        if number % 2 == 0 {
                            made.push(key);
                            continue;
                        }
                        match ask(&socket, &format!("/v1/keys/{}:revoke", key.id), &json!({})).await {
                            Ok(answer) if answer.status == 200 => gone.push(key),
                            _ => asked.push(key),
                        }
                    }
                    (made, gone, asked)
                });
            }
            tokio::time::sleep(Duration::from_millis(300 + 100 * u64::try_from(round).expect("few"))).await;
            // The database at first, then a replica with it.
            server.kill();
            fleet.replicas[round % 3].process.signal("KILL");
            for (made, gone, asked) in changing.join_all().await {
                good.extend(made);
                revoked.extend(gone);
                unclear.extend(asked);
            }
            server.again().await;
            fleet.replace(round % 3).await;
        }
        assert!(good.len() > kills() && revoked.len() > kills(), "{} and {}", good.len(), revoked.len());
        for key in good.iter().chain(&revoked).chain(&unclear) {
            fleet.site.note_secret(&key.key);
        }
        for key in &good {
            fleet.until(&key.key, Verdict::Allowed, PATIENCE).await;
        }
        for key in &revoked {
            fleet.until(&key.key, Verdict::Refused, PATIENCE).await;
        }
        for key in &unclear {
            let verdicts = fleet.verdicts(&key.key).await;
            assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "they disagree: {verdicts:?}");
        }
        println!("{} good, {} revoked, {} unclear keys", good.len(), revoked.len(), unclear.len());
        fleet.assert_no_secret();
    });
}
