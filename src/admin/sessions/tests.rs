//! What becomes of sessions, with a real store and a clock that stands still.

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    admin::fixture,
    domain::{
        ApiName, Author, CredentialHash, ManualClock, Membership, PlainKey, ScopeSet,
        is_well_formed_session_token, parse_moment,
    },
    store::{Finds, PageRequest, SqlStore},
};

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A store, the APIs, and a clock that shows the beginning of 2030.
struct Scene {
    store: SqlStore,
    apis: Vec<Api>,
    clock: ManualClock,
    rng: StdRng,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("doorward.db");
        Self {
            store: SqlStore::open_file(&path, SqlStore::PATIENCE).await.expect("it opens"),
            apis: fixture::config().apis,
            clock: ManualClock::at(moment("2030-01-01")),
            rng: StdRng::seed_from_u64(7),
            _folder: folder,
        }
    }

    fn sessions(&self) -> Sessions<'_, SqlStore> {
        Sessions::new(&self.store, &self.apis, &self.clock)
    }

    async fn create(&mut self, wanted: NewSession) -> Result<IssuedSession, SessionError> {
        Sessions::new(&self.store, &self.apis, &self.clock)
            .create(wanted, &mut self.rng, &Author::on_the_store(0))
            .await
    }

    /// What is said about a session that cannot be made.
    async fn refusal(&mut self, wanted: NewSession) -> String {
        self.create(wanted).await.expect_err("it is not allowed").to_string()
    }
}

fn moment(text: &str) -> Timestamp {
    parse_moment(text).expect("a moment")
}

fn apis(names: &[&str]) -> Vec<ApiName> {
    names.iter().map(|name| name.parse().expect("a name")).collect()
}

fn membership(organization: &str) -> Membership {
    let scopes = ScopeSet::new(vec!["read".parse().expect("a scope")]).expect("one scope");
    Membership { organization: organization.parse().expect("an id"), scopes }
}

fn ada() -> NewSession {
    NewSession {
        apis: apis(&["games", "games-eu"]),
        user: "ada".parse().expect("an id"),
        memberships: vec![membership("globex"), membership("acme")],
        scopes: vec!["write".parse().expect("a scope"), "read".parse().expect("a scope")],
        lifetime: 30 * DAY,
        idle: Some(2 * HOUR),
        hash: None,
    }
}

#[tokio::test]
async fn a_session_is_kept_as_it_was_wanted_and_found_by_its_token() {
    let mut scene = Scene::new().await;
    let IssuedSession { token, record, .. } = scene.create(ada()).await.expect("created");
    let token = token.expect("it was made here");
    assert!(is_well_formed_session_token(token.expose()));
    let expected = SessionRecord {
        id: record.id.clone(),
        hash: token.hash(),
        apis: ada().apis,
        user: ada().user,
        memberships: ada().memberships.into(),
        scopes: field::scope_set(ada().scopes).expect("two scopes"),
        created: moment("2030-01-01"),
        expires: moment("2030-01-31"),
        idle: ada().idle,
        used: moment("2030-01-01"),
        ended: None,
    };
    assert_eq!(record, expected);
    assert_eq!(scene.sessions().get(&record.id).await.expect("it is there"), expected);
    let found = Finds::<SessionRecord>::find(&scene.store, &CredentialHash::of(token.expose())).await;
    assert_eq!(found.expect("an answer").record, Some(expected));
}

#[tokio::test]
async fn a_token_made_elsewhere_is_taken_over_by_its_hash() {
    let mut scene = Scene::new().await;
    let hash = CredentialHash::of("made elsewhere");
    let wanted = NewSession { hash: Some(hash), ..ada() };
    let IssuedSession { token, record, .. } = scene.create(wanted.clone()).await.expect("created");
    assert!(token.is_none() && record.hash == hash);
    assert_eq!(scene.refusal(wanted).await, "another session has this hash already");
}

#[tokio::test]
async fn everything_that_is_not_allowed_is_told_and_nothing_done() {
    let mut scene = Scene::new().await;
    let key = PlainKey::generate(&"gm_".parse().expect("a prefix"), &mut scene.rng).expose().to_owned();
    let token = SessionToken::generate(&mut scene.rng).expose().to_owned();
    let wrong = NewSession {
        apis: apis(&["library", "paiments"]),
        user: token.parse().expect("an id"),
        memberships: vec![membership("acme"), membership(&key), membership("acme")],
        scopes: (0..65).map(|number| format!("s{number}").parse().expect("a scope")).collect(),
        lifetime: Duration::ZERO,
        ..ada()
    };
    let told = scene.refusal(wrong).await;
    assert_eq!(
        told,
        "apis: found \"paiments\", expected one of `payments`, `games`, `games-eu`, `library`, `open`, `ingest`\n\
         apis: found \"library\", expected an API that accepts sessions\n\
         organizations: found \"acme\" twice, expected each organization once\n\
         scopes: found 65 scopes, expected at most 64\n\
         lifetime: found 0s, expected more than nothing and at most 366 days\n\
         user: found a session's token in clear, expected no secret\n\
         organizations: found a key in clear, expected no secret"
    );
    assert!(!told.contains(&token) && !told.contains(&key));
    let many = (0..65).map(|number| membership(&format!("organization-{number}"))).collect();
    let told = scene.refusal(NewSession { memberships: many, ..ada() }).await;
    assert_eq!(told, "organizations: found 65 organizations, expected at most 64");
    assert_eq!(
        scene
            .sessions()
            .list(&SessionFilter::default(), &PageRequest::default())
            .await
            .expect("a list")
            .records,
        []
    );
}

#[tokio::test]
async fn spans_have_bounds() {
    let mut scene = Scene::new().await;
    let second = Duration::from_secs(1);
    for (lifetime, idle, problem) in [
        (second, None, ""),
        (366 * DAY, None, ""),
        (366 * DAY + second, None, "lifetime: found 1year 18h 1s, expected more than nothing"),
        (DAY, Some(60 * second), ""),
        (DAY, Some(DAY), ""),
        (DAY, Some(59 * second), "idle: found 59s, expected from one minute to the lifetime"),
        (DAY, Some(DAY + second), "idle: found 1day 1s, expected from one minute to the lifetime"),
        (30 * second, Some(60 * second), "idle: found 1m, expected from one minute to the lifetime"),
        (Duration::MAX, Some(60 * second), "lifetime: found 584542046090years"),
    ] {
        let created = scene.create(NewSession { lifetime, idle, ..ada() }).await;
        let told = created.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            told.starts_with(problem) && told.is_empty() == problem.is_empty(),
            "{told} for {lifetime:?}"
        );
    }
}

#[tokio::test]
async fn sessions_are_listed_ended_and_removed() {
    let mut scene = Scene::new().await;
    let mut create = async |user: &str, api: &str, lifetime| {
        let user = user.parse().expect("an id");
        let wanted = NewSession { apis: apis(&[api]), user, lifetime, idle: None, ..ada() };
        scene.create(wanted).await.expect("created").record
    };
    let first = create("ada", "games", DAY).await;
    let second = create("ada", "games-eu", 9 * DAY).await;
    let third = create("ada", "games", 9 * DAY).await;
    let other = create("grace", "games", 9 * DAY).await;
    let sessions = scene.sessions();
    let list = async |user: Option<&str>, api: Option<&str>| {
        let filter = SessionFilter {
            user: user.map(|user| user.parse().expect("an id")),
            apis: api.map(|api| vec![api.parse().expect("a name")]),
        };
        sessions.list(&filter, &PageRequest::default()).await.map(|page| page.records)
    };
    let of_ada = list(Some("ada"), Some("games")).await.expect("a list");
    assert_eq!(of_ada, [first.clone(), third.clone()]);
    let unknown = list(None, Some("paiments")).await.expect_err("no such API");
    assert!(unknown.to_string().starts_with("apis: found \"paiments\""));

    let ended = SessionRecord { ended: Some(moment("2030-01-01")), ..third };
    for _ in 0..2 {
        assert_eq!(sessions.end(&ended.id, &Author::on_the_store(0)).await.expect("ended"), ended);
        scene.clock.advance(3_600);
    }
    let missing = sessions
        .end(&"session_0".parse().expect("an id"), &Author::on_the_store(0))
        .await
        .expect_err("there is none");
    assert_eq!(missing.to_string(), "no session has this id");
    scene.clock.advance(86_400);
    assert_eq!(
        sessions.end_all(&"ada".parse().expect("an id"), &Author::on_the_store(0)).await.expect("ended"),
        1,
        "one is good still"
    );
    let all: Vec<SessionId> =
        list(None, None).await.expect("a list").into_iter().map(|record| record.id).collect();
    assert_eq!(all.len(), 4);

    assert_eq!(sessions.prune(DAY).await.expect("removed"), 1, "{:?} was ended so long ago", ended.id);
    assert_eq!(
        sessions.prune(Duration::from_mins(1)).await.expect("removed"),
        1,
        "{:?} has expired",
        first.id
    );
    let left = list(None, None).await.expect("a list");
    assert_eq!(left.iter().map(|record| &record.id).collect::<Vec<_>>(), [&second.id, &other.id]);
    let told = sessions.prune(Duration::MAX).await.expect_err("before all time").to_string();
    assert!(told.starts_with("older_than: found 213503982334601 days"), "{told}");
}
