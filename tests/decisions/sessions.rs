//! Which sessions open the door, and for how long.

use std::{sync::Arc, time::Duration};

use doorward::{
    check::{Checker, Policy},
    config::Config,
    domain::{Author, Clock, ManualClock, Membership, SessionId, SessionRecord, Timestamp},
    store::{CachedStore, PageRequest, SessionFilter, SessionStore, SqlStore},
};

use crate::door::{Call, Door, NOW, allowed, ask, denied, reason, scopes, unknown_session};

const CONFIG: &str = "
apis:
  - name: notes
    hosts: [notes.example]
    credentials:
      - session: { cookie: sid, scopes: [signed-in] }
    scopes: { admin: [write] }
    routes:
      - { match: /mine, scopes: [signed-in] }
      - { match: /written, scopes: [write] }
      - { match: /perhaps, optional: true }
      - { match: /login, public: true }
  - name: legacy
    hosts: [legacy.example]
    credentials:
      - session: { cookie: sid, checksum: optional }
    routes: [{ match: /mine }]
";

const HOUR: u32 = 3600;

fn mine(token: &str) -> Call {
    Call::get("/mine").cookie("sid", token)
}

/// The session lives for 24 hours, or for an hour without being used.
fn idle_after_an_hour(record: &mut SessionRecord) {
    record.idle = Some(Duration::from_hours(1));
}

#[tokio::test]
async fn what_is_wrong_with_a_session_looks_alike() {
    let door = Door::with(CONFIG).await;
    let now: Timestamp = NOW.parse().expect("a moment");
    let hours_ago = |hours| now.checked_sub(Duration::from_hours(hours)).expect("a moment");
    let good = door.session(|_| ()).await;
    let expired = door.session(|record| record.expires = now).await;
    let ended = door.session(|record| record.ended = Some(now)).await;
    let idle = door
        .session(|record| {
            idle_after_an_hour(record);
            record.used = hours_ago(1);
        })
        .await;
    let foreign = door.session(|record| record.apis = vec!["legacy".parse().expect("a name")]).await;
    assert_eq!(door.verdict(mine(&good)).await, "allowed");
    let mut bodies = Vec::new();
    for (name, token) in [
        ("expired", &*expired),
        ("ended", &ended),
        ("idle", &idle),
        ("of another API", &foreign),
        ("unknown", &unknown_session(1_000)),
        ("mistyped", &format!("{good}0")),
        ("no token of ours", "s3cr3t"),
    ] {
        for path in ["/mine", "/perhaps"] {
            let response = door.knock(Call::get(path).cookie("sid", token)).await;
            assert_eq!(reason(&response), Some("credential_invalid"), "{name} at {path}");
            bodies.push(denied(&response).clone());
        }
        assert_eq!(door.verdict(Call::get("/login").cookie("sid", token)).await, "allowed", "{name}");
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert_eq!(door.verdict(Call::get("/mine")).await, "credential_missing");
    assert_eq!(door.verdict(mine("")).await, "credential_malformed");
}

#[tokio::test]
async fn a_token_made_elsewhere_is_known_only_where_the_api_says_so() {
    let door = Door::with(CONFIG).await;
    for (token, api) in [("made-elsewhere", "legacy"), ("made-here", "notes")] {
        door.session_record(token, |record| record.apis = vec![api.parse().expect("a name")]).await;
    }
    let ours = door.session(|record| record.apis = vec!["legacy".parse().expect("a name")]).await;
    let legacy = |token: &str| Call::new("GET", "legacy.example", "/mine").cookie("sid", token);
    assert_eq!(door.verdict(legacy("made-elsewhere")).await, "allowed");
    assert_eq!(door.verdict(legacy(&ours)).await, "allowed");
    assert_eq!(door.verdict(mine("made-here")).await, "credential_invalid");
    // A token without the checksum is refused without a look-up.
    door.store.close().await;
    assert_eq!(door.verdict(legacy("never-made")).await, "unavailable");
    assert_eq!(door.verdict(mine(&unknown_session(1_000))).await, "unavailable");
    assert_eq!(door.verdict(mine("never-made")).await, "credential_invalid");
}

#[tokio::test]
async fn the_upstream_reads_who_signed_in_and_what_they_may_do_there() {
    let door = Door::with(CONFIG).await;
    let token = door
        .session(|record| {
            record.user = "ada lovelace".parse().expect("an id");
            record.memberships =
                [Membership { organization: "acme".parse().expect("an id"), scopes: scopes(&["admin"]) }]
                    .into();
            record.scopes = scopes(&["read"]);
        })
        .await;
    let response = door.knock(Call::get("/written").cookie("sid", &token)).await;
    let set: Vec<(&str, &str)> = allowed(&response)
        .headers
        .iter()
        .filter_map(|option| option.header.as_ref())
        .map(|header| (header.key.as_str(), header.value.as_str()))
        .collect();
    assert_eq!(
        set,
        [
            ("x-principal-id", "ada%20lovelace"),
            ("x-principal-kind", "user"),
            ("x-principal-organization", "acme"),
            ("x-principal-scopes", "admin read signed-in write"),
            ("x-principal-credential", "session_0"),
        ]
    );
    assert!(allowed(&response).headers_to_remove.iter().any(|name| name == "cookie"));
}

#[tokio::test]
async fn a_session_ends_in_the_very_second_of_its_expiry_though_it_is_cached() {
    let door = Door::with(CONFIG).await;
    let token = door.session(|_| ()).await;
    door.clock.advance(24 * HOUR - 1);
    assert_eq!(door.verdict(mine(&token)).await, "allowed");
    door.clock.advance(1);
    assert_eq!(door.verdict(mine(&token)).await, "credential_invalid");
}

#[tokio::test]
async fn a_session_that_is_ended_is_refused_after_the_next_poll() {
    let door = Door::with(CONFIG).await;
    let (one, two, other) = (
        door.session(|_| ()).await,
        door.session(|_| ()).await,
        door.session(|record| record.user = "grace".parse().expect("an id")).await,
    );
    for token in [&one, &two, &other] {
        door.settles(mine(token), "allowed").await;
    }
    let id: SessionId = "session_0".parse().expect("an id");
    door.store.end_session(&id, door.clock.now(), &Author::on_the_store(0)).await.expect("ended");
    door.settles(mine(&one), "credential_invalid").await;
    door.settles(mine(&two), "allowed").await;
    let user = "ada".parse().expect("an id");
    assert_eq!(
        door.store
            .end_sessions_of(&user, door.clock.now(), &Author::on_the_store(0))
            .await
            .expect("ended")
            .len(),
        1
    );
    door.settles(mine(&two), "credential_invalid").await;
    door.settles(mine(&other), "allowed").await;
}

#[tokio::test]
async fn a_session_in_use_lives_to_its_end_and_an_unused_one_dies() {
    let door = Door::with(CONFIG).await;
    let used = door.session(idle_after_an_hour).await;
    let unused = door.session(idle_after_an_hour).await;
    assert_eq!(door.verdict(mine(&unused)).await, "allowed");
    for half_hour in 1..48 {
        door.clock.advance(HOUR / 2);
        assert_eq!(door.verdict(mine(&used)).await, "allowed", "after {half_hour} half hours");
        door.checker.write_touches().await.expect("written");
        if half_hour == 2 {
            assert_eq!(door.verdict(mine(&unused)).await, "credential_invalid");
        }
    }
    door.clock.advance(HOUR / 2);
    assert_eq!(door.verdict(mine(&used)).await, "credential_invalid", "its day is over");
}

/// When the store says that the sessions were used last.
async fn used(door: &Door) -> Vec<Timestamp> {
    let all = door
        .store
        .sessions(&SessionFilter::default(), &PageRequest::default())
        .await
        .expect("a list")
        .records;
    all.into_iter().map(|record| record.used).collect()
}

#[tokio::test]
async fn a_use_is_written_once_a_sixteenth_of_the_idle_span_has_gone() {
    let door = Door::with(CONFIG).await;
    let (token, endless) = (door.session(idle_after_an_hour).await, door.session(|_| ()).await);
    let began = door.clock.now();
    let sixteenth = HOUR / 16;
    let knock = async || {
        for token in [&token, &endless] {
            assert_eq!(door.verdict(mine(token)).await, "allowed");
        }
        door.checker.write_touches().await.expect("written");
    };
    door.clock.advance(sixteenth - 1);
    knock().await;
    assert_eq!(used(&door).await, [began, began]);
    door.clock.advance(1);
    knock().await;
    let noted = door.clock.now();
    assert_eq!(used(&door).await, [noted, began], "a session without an idle span is not touched");
    // What is remembered knows of the use: the next note comes a sixteenth later.
    door.clock.advance(sixteenth - 1);
    knock().await;
    assert_eq!(used(&door).await, [noted, began]);
}

#[tokio::test]
async fn a_use_that_is_noted_and_not_written_yet_counts() {
    let door = Door::with(CONFIG).await;
    let token = door.session(idle_after_an_hour).await;
    door.clock.advance(HOUR - 1);
    assert_eq!(door.verdict(mine(&token)).await, "allowed");
    door.clock.advance(2);
    assert_eq!(door.verdict(mine(&token)).await, "allowed");
    door.clock.advance(HOUR);
    assert_eq!(door.verdict(mine(&token)).await, "credential_invalid", "the note is an hour old");
}

#[tokio::test]
async fn a_use_that_another_server_saw_counts() {
    let door = Door::with(CONFIG).await;
    let elsewhere = another_server(&door);
    let token = door.session(idle_after_an_hour).await;
    assert_eq!(door.verdict(mine(&token)).await, "allowed");
    door.clock.advance(HOUR / 2);
    ask(&elsewhere, &mine(&token)).await;
    elsewhere.write_touches().await.expect("written");
    door.clock.advance(HOUR / 2);
    assert_eq!(door.verdict(mine(&token)).await, "allowed");
    door.clock.advance(HOUR / 2);
    assert_eq!(door.verdict(mine(&token)).await, "allowed", "it was used here half an hour ago");
}

/// A server with a cache of its own, on the same store and with the same clock.
fn another_server(door: &Door) -> Checker<SqlStore> {
    let config =
        Config::parse(CONFIG, std::path::Path::new("doorward.yaml"), &[]).expect("it is good").config;
    let cached = CachedStore::new(door.store.clone(), config.cache, Duration::from_secs(5));
    let clock: Arc<ManualClock> = Arc::clone(&door.clock);
    Checker::new(Policy::new(&config), cached, clock)
}

#[tokio::test]
async fn an_idle_session_that_cannot_be_read_again_is_an_outage_and_nobodys_mistake() {
    let door = Door::with(CONFIG).await;
    let (idle, noted) = (door.session(idle_after_an_hour).await, door.session(idle_after_an_hour).await);
    for token in [&idle, &noted] {
        assert_eq!(door.verdict(mine(token)).await, "allowed");
    }
    door.rename_table("sessions", "sessions_away").await;
    door.clock.advance(HOUR - 1);
    assert_eq!(door.verdict(mine(&noted)).await, "allowed", "it is remembered");
    door.checker.write_touches().await.expect_err("there is nothing to write to");
    door.clock.advance(1);
    assert_eq!(door.verdict(mine(&noted)).await, "allowed", "its note is kept");
    assert_eq!(door.verdict(mine(&idle)).await, "unavailable");
    door.rename_table("sessions_away", "sessions").await;
    assert_eq!(door.verdict(mine(&idle)).await, "credential_invalid");
    door.checker.write_touches().await.expect("written");
    assert_eq!(used(&door).await[1], door.clock.now());
}
