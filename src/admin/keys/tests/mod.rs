//! What becomes of keys, with a real store and a clock that stands still.

mod import;
mod projects;

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    admin::fixture,
    domain::{
        Author, CredentialHash, KeyKind, ManualClock, Request, is_well_formed_key, parse_moment,
        parse_network,
    },
    store::{Finds, KeyEdit, PageRequest, SqlStore},
};

use super::*;

const DAY: Duration = Duration::from_hours(24);

/// A store, the APIs, no plans, and a clock that shows the beginning of 2030.
struct Scene {
    store: SqlStore,
    apis: Vec<Api>,
    plans: Plans,
    clock: ManualClock,
    rng: StdRng,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store =
            SqlStore::open_file(&folder.path().join("keys.db"), SqlStore::PATIENCE).await.expect("it opens");
        Self {
            store,
            apis: fixture::config().apis,
            plans: Plans::new(),
            clock: ManualClock::at(moment("2030-01-01")),
            rng: StdRng::seed_from_u64(7),
            _folder: folder,
        }
    }

    async fn create(&mut self, wanted: NewKey) -> Result<Issued, KeyError> {
        let keys = Keys::new(&self.store, &self.apis, &self.plans, &self.clock);
        keys.create(wanted, &mut self.rng, &Author::on_the_store(0)).await
    }

    async fn rotate(&mut self, id: &KeyId, overlap: Duration) -> Result<Issued, KeyError> {
        let keys = Keys::new(&self.store, &self.apis, &self.plans, &self.clock);
        let old = keys.get(id).await?;
        keys.rotate(&old, overlap, &mut self.rng, &Author::on_the_store(0)).await
    }

    /// The key that the store has under this hash.
    async fn find(&self, hash: CredentialHash) -> Option<KeyRecord> {
        let found = Finds::<KeyRecord>::find(&self.store, &hash).await;
        found.expect("an answer").record
    }

    fn keys(&self) -> Keys<'_, SqlStore> {
        Keys::new(&self.store, &self.apis, &self.plans, &self.clock)
    }
}

fn moment(text: &str) -> Timestamp {
    parse_moment(text).expect("a moment")
}

fn for_api(api: &str, environment: Option<&str>) -> NewKey {
    NewKey {
        apis: vec![api.parse().expect("a name")],
        name: "CI".to_owned(),
        kind: KeyKind::ApiKey,
        organization: "acme".parse().expect("an id"),
        project: Some("apollo".parse().expect("an id")),
        environment: environment.map(|name| name.parse().expect("a name")),
        scopes: vec!["read".parse().expect("a scope")],
        preset: None,
        plan: Some("developer".parse().expect("a name")),
        expires: None,
        sources: Vec::new(),
        labels: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_created_key_has_its_apis_form_and_is_in_the_store() {
    let mut scene = Scene::new().await;
    let issued = scene.create(for_api("payments", Some("test"))).await.expect("created");
    let prefix = "sk_test_".parse().expect("a prefix");
    assert!(is_well_formed_key(issued.key.as_ref().expect("it is new").expose(), &prefix));
    let record = &issued.record;
    assert_eq!(record.created, moment("2030-01-01"));
    let found = scene.find(issued.key.as_ref().expect("it is new").hash()).await;
    assert_eq!(found.as_ref(), Some(record));
    assert_eq!(scene.keys().get(&record.id).await.expect("it is there"), *record);
}

#[tokio::test]
async fn one_key_serves_apis_whose_keys_begin_alike() {
    let mut scene = Scene::new().await;
    let mut wanted = for_api("games", None);
    wanted.apis.push("games-eu".parse().expect("a name"));
    let issued = scene.create(wanted.clone()).await.expect("created");
    assert!(issued.key.as_ref().expect("it is new").expose().starts_with("gm_"));

    wanted.apis.push("library".parse().expect("a name"));
    let error = scene.create(wanted).await.expect_err("one key has one prefix");
    assert_eq!(
        error.to_string(),
        "apis: found `games`, `games-eu`, `library`, expected APIs whose keys begin alike, as one key has one prefix"
    );
}

/// Where a key is wanted that the configuration does not allow, and what is said.
const NOT_ALLOWED: [(&str, Option<&str>, &str); 5] = [
    (
        "paiments",
        None,
        "apis: found \"paiments\", expected one of `payments`, `games`, `games-eu`, `library`, `open`, `ingest`",
    ),
    ("open", None, "apis: found \"open\", expected an API that accepts keys"),
    (
        "payments",
        None,
        "environment: found none, expected one of `live`, `test`, as the API `payments` has them",
    ),
    (
        "payments",
        Some("prod"),
        "environment: found \"prod\", expected one of `live`, `test`, as the API `payments` has them",
    ),
    (
        "games",
        Some("live"),
        "environment: found \"live\", expected none: the API `games` has no environments",
    ),
];

#[tokio::test]
async fn what_the_configuration_does_not_allow_is_named() {
    let mut scene = Scene::new().await;
    for (api, environment, complaint) in NOT_ALLOWED {
        let wanted = for_api(api, environment);
        let error = scene.create(wanted).await.expect_err("it is not allowed");
        assert_eq!(error.to_string(), complaint);
    }
    let all =
        scene.keys().list(&KeyFilter::default(), &PageRequest::default()).await.expect("a list").records;
    assert_eq!(all, []);
}

#[tokio::test]
async fn sources_need_an_api_that_knows_the_clients_address() {
    let mut scene = Scene::new().await;
    let sources = vec![parse_network("10.0.0.0/8").expect("a network")];
    let wanted = NewKey { sources: sources.clone(), ..for_api("payments", Some("live")) };
    let error = scene.create(wanted).await.expect_err("it is not allowed");
    assert_eq!(
        error.to_string(),
        "sources: found 10.0.0.0/8, expected none: the API `payments` does not declare `client_address`, so it cannot tell where a request comes from"
    );
    let wanted = NewKey { sources, ..for_api("games", None) };
    scene.create(wanted).await.expect("this API declares it");
}

#[tokio::test]
async fn where_there_are_plans_a_key_has_one_of_them_or_none() {
    let mut scene = Scene::new().await;
    let wanted = for_api("games", None);
    scene.create(wanted.clone()).await.expect("without plans the name is the applications' alone");
    scene.plans = ["enterprise", "free"].map(|name| (name.parse().expect("a name"), [].into())).into();
    let told = scene.create(wanted.clone()).await.expect_err("no such plan").to_string();
    assert_eq!(told, "plan: found \"developer\", expected one of the configured plans: `enterprise`, `free`");
    for plan in [None, Some("free".parse().expect("a name"))] {
        scene.create(NewKey { plan, ..wanted.clone() }).await.expect("created");
    }
}

#[tokio::test]
async fn all_problems_of_a_key_are_told_at_once() {
    let mut scene = Scene::new().await;
    let wanted = NewKey {
        apis: Vec::new(),
        name: "a\u{1b}[2Jb".to_owned(),
        expires: Some(moment("2030-01-01")),
        ..for_api("games", None)
    };
    let error = scene.create(wanted).await.expect_err("nothing is right");
    assert_eq!(
        error.to_string(),
        "name: found a control character, expected 1 to 256 bytes without control characters\n\
         apis: found none, expected the API that it is for\n\
         expires: found 2030-01-01T00:00:00Z, expected a moment after 2030-01-01T00:00:00Z"
    );
    for (name, found) in [(String::new(), "nothing"), ("ü".repeat(129), "258 bytes")] {
        let wanted = NewKey { name, ..for_api("games", None) };
        let error = scene.create(wanted).await.expect_err("it is no name");
        let expected = format!("name: found {found}, expected 1 to 256 bytes without control characters");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn scopes_are_bounded_however_often_each_is_named() {
    let mut scene = Scene::new().await;
    let with = |count: usize| NewKey {
        scopes: (0..count)
            .chain(0..count)
            .map(|number| format!("s{number}").parse().expect("a scope"))
            .collect(),
        ..for_api("games", None)
    };
    scene.create(with(64)).await.expect("they fit");
    let error = scene.create(with(65)).await.expect_err("one too many");
    assert_eq!(error.to_string(), "scopes: found 65 scopes, expected at most 64");
}

#[tokio::test]
async fn a_rotated_key_hands_on_everything_but_its_identity() {
    let mut scene = Scene::new().await;
    let wanted = NewKey { expires: Some(moment("2031-01-01")), ..for_api("payments", Some("live")) };
    let old = scene.create(wanted).await.expect("created");
    scene.clock.advance(86_400);
    let new = scene.rotate(&old.record.id, DAY).await.expect("rotated");
    assert_ne!(new.key.as_ref().expect("it is new").hash(), old.key.as_ref().expect("it is new").hash());
    assert_ne!(new.record.id, old.record.id);
    assert_eq!(
        new.record,
        KeyRecord {
            id: new.record.id.clone(),
            hash: new.key.as_ref().expect("it is new").hash(),
            hint: new.record.hint.clone(),
            created: moment("2030-01-02"),
            rotated_from: Some(old.record.id.clone()),
            ..old.record.clone()
        }
    );
    let ending = scene.keys().get(&old.record.id).await.expect("it is there");
    assert_eq!(ending.expires, Some(moment("2030-01-03")));

    let again = scene.rotate(&old.record.id, DAY).await.expect_err("once only");
    assert!(matches!(again, KeyError::Replaced(id) if id == old.record.id));
    let third = scene.rotate(&new.record.id, Duration::ZERO).await.expect("rotated");
    assert_eq!((&old.record.lineage, &third.record.lineage), (&old.record.id, &old.record.id));
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_with_what_it_made() {
    let mut scene = Scene::new().await;
    let asking = |id: &str| {
        let request = Request::new(id.to_owned(), [1; 32]).expect("an id");
        Author { request: Some(request), ..Author::on_the_store(0) }
    };
    let (making, replacing) = (asking("1"), asking("2"));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut rng = StdRng::from_rng(&mut scene.rng);
        keys.push(scene.keys().create(for_api("games", None), &mut rng, &making).await.expect("answered"));
    }
    assert!(keys[0].key.is_some() && keys[1].key.is_none());
    assert_eq!(keys[0].record, keys[1].record);
    let id = keys[0].record.id.clone();
    let mut successors = Vec::new();
    for _ in 0..2 {
        let mut rng = StdRng::from_rng(&mut scene.rng);
        // Without overlap: the old key is over when it is asked again.
        let old = scene.keys().get(&id).await.expect("it is there");
        let rotated = scene.keys().rotate(&old, Duration::ZERO, &mut rng, &replacing).await;
        successors.push(rotated.expect("answered"));
    }
    assert!(successors[0].key.is_some() && successors[1].key.is_none());
    assert_eq!(successors[0].record, successors[1].record);
}

#[tokio::test]
async fn a_key_that_is_no_longer_good_is_not_rotated() {
    let mut scene = Scene::new().await;
    let wanted = NewKey { expires: Some(moment("2030-01-02")), ..for_api("payments", Some("live")) };
    let expiring = scene.create(wanted.clone()).await.expect("created").record.id;
    let revoked = scene.create(wanted).await.expect("created").record.id;
    scene.keys().revoke(&revoked, &Author::on_the_store(0)).await.expect("revoked");
    scene.clock.advance(86_400);
    for (id, status) in [(expiring, "expired"), (revoked, "revoked")] {
        let error = scene.rotate(&id, DAY).await.expect_err("it has ended");
        let expected = format!("the key {id} is {status}, so it cannot be rotated: create a new one");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn an_overlap_is_at_most_ninety_days() {
    let mut scene = Scene::new().await;
    let id = scene.create(for_api("games", None)).await.expect("created").record.id;
    let error = scene.rotate(&id, DAY * 91).await.expect_err("too long");
    assert_eq!(error.to_string(), "overlap: found 2184 hours, expected at most 90 days");
    scene.rotate(&id, DAY * 90).await.expect("rotated");
}

#[tokio::test]
async fn a_list_for_an_unknown_api_is_an_error() {
    let scene = Scene::new().await;
    let filter = KeyFilter { apis: Some(vec!["paiments".parse().expect("a name")]), ..KeyFilter::default() };
    let error = scene.keys().list(&filter, &PageRequest::default()).await.expect_err("no such API");
    assert!(error.to_string().starts_with("apis: found \"paiments\""));
}

#[tokio::test]
async fn a_key_in_clear_is_kept_in_no_field() {
    let mut scene = Scene::new().await;
    let key = scene
        .create(for_api("payments", Some("live")))
        .await
        .expect("created")
        .key
        .expect("it is new")
        .expose()
        .to_owned();
    let wanted = NewKey {
        name: key.clone(),
        organization: key.parse().expect("an id"),
        ..for_api("payments", Some("live"))
    };
    let told = scene.create(wanted).await.expect_err("it would be shown").to_string();
    assert!(!told.contains(&key));
    assert_eq!(told.matches("found a key in clear, expected no secret").count(), 2, "{told}");
}

#[test]
fn ipv4_within_ipv6_is_taken_for_ipv4() {
    for (text, network) in [
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.9/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ] {
        assert_eq!(parse_network(text).map(|network| network.to_string()), Ok(network.to_owned()), "{text}");
    }
}

#[tokio::test]
async fn labels_are_bounded_and_hold_no_secret() {
    let mut scene = Scene::new().await;
    let key = scene.create(for_api("games", None)).await.expect("created");
    let secret = key.key.expect("it is new").expose().to_owned();
    let many: BTreeMap<String, String> = (0..33).map(|number| (number.to_string(), String::new())).collect();
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for (labels, complaint) in [
        (many.clone(), "labels: found 33 labels, expected at most 32"),
        (one("", "x"), "labels: found the name \"\", expected a name of 1 to 63 characters"),
        (one("Team", "x"), "labels: found the name \"Team\", expected a name of 1 to 63 characters"),
        (one(&"n".repeat(64), "x"), "labels: found the name a text of 64 characters, expected a name"),
        (one("team", &"v".repeat(257)), "labels: found a value of 257 bytes, expected at most 256 bytes"),
        (one("team", &secret), "labels: found a key in clear, expected no secret"),
    ] {
        let wanted = NewKey { labels: labels.clone(), ..for_api("games", None) };
        let told = scene.create(wanted).await.expect_err("it is not allowed").to_string();
        assert!(told.starts_with(complaint), "{told}");
        let edits = vec![KeyEdit::Labels(labels)];
        let told = scene.keys().update(&key.record.id, edits, &Author::on_the_store(0)).await;
        assert!(told.expect_err("it is not allowed").to_string().starts_with(complaint));
    }
    let labels: BTreeMap<String, String> = many.into_iter().skip(1).collect();
    let wanted = NewKey { labels: labels.clone(), ..for_api("games", None) };
    let old = scene.create(wanted).await.expect("created").record;
    let new = scene.rotate(&old.id, DAY).await.expect("rotated").record;
    assert_eq!(scene.keys().get(&new.id).await.expect("it is there").labels, labels, "a rotation keeps them");
}

#[tokio::test]
async fn a_key_is_updated_within_what_the_configuration_allows() {
    let mut scene = Scene::new().await;
    let id = scene.create(for_api("games", None)).await.expect("created").record.id;
    let by = Author::on_the_store(0);
    let past = KeyEdit::Expires(Some(moment("2029-12-31")));
    let told = scene.keys().update(&id, vec![KeyEdit::Name(String::new()), past], &by).await;
    let told = told.expect_err("it is not allowed").to_string();
    assert!(told.contains("name: found nothing") && told.contains("expires: found 2029-12-31"), "{told}");
    let later = moment("2031-01-01");
    let edits = vec![KeyEdit::Name("New".to_owned()), KeyEdit::Expires(Some(later))];
    let now = scene.keys().update(&id, edits, &by).await.expect("updated");
    assert_eq!((now.name.as_str(), now.expires), ("New", Some(later)));
}
