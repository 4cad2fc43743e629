//! What becomes of secrets, with a real store and a clock that stands still.

use rand::{SeedableRng, rngs::StdRng};

use crate::{
    admin::fixture,
    config::Config,
    domain::{Author, ManualClock, OrganizationRecord, ProjectRecord, parse_moment},
    store::{OrganizationStore, SqlStore},
};

use super::*;

const DAY: Duration = Duration::from_hours(24);

/// A store, a configuration, and a clock that shows the beginning of 2030.
struct Scene {
    store: SqlStore,
    config: Config,
    clock: ManualClock,
    rng: StdRng,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("doorward.db");
        Self {
            store: SqlStore::open_file(&file, SqlStore::PATIENCE).await.expect("it opens"),
            config: fixture::config(),
            clock: ManualClock::at(parse_moment("2030-01-01").expect("a moment")),
            rng: StdRng::seed_from_u64(7),
            _folder: folder,
        }
    }

    fn secrets(&self) -> Secrets<'_, SqlStore> {
        Secrets::new(&self.store, &self.config.apis, self.config.sealing.as_ref(), &self.clock)
    }

    async fn create(&mut self, wanted: NewSecret) -> Result<IssuedSecret, SecretError> {
        let mut rng = StdRng::from_rng(&mut self.rng);
        self.secrets().create(wanted, &mut rng, &Author::on_the_store(0)).await
    }

    async fn rotate(&mut self, id: &SecretId, overlap: Duration) -> Result<IssuedSecret, SecretError> {
        let mut rng = StdRng::from_rng(&mut self.rng);
        self.secrets().rotate(id, overlap, &mut rng, &Author::on_the_store(0)).await
    }

    async fn reseal(&mut self) -> (Resealed, Vec<(usize, usize)>) {
        let mut rng = StdRng::from_rng(&mut self.rng);
        let mut told = Vec::new();
        let resealed = self
            .secrets()
            .reseal(&mut rng, |done, all| told.push((done, all)), &Author::on_the_store(0))
            .await;
        (resealed.expect("no error"), told)
    }

    async fn revealed(&self, id: &SecretId) -> String {
        self.secrets()
            .reveal(id, &Author::on_the_store(0))
            .await
            .expect("it opens")
            .secret
            .expose()
            .to_owned()
    }
}

fn wanted(project: &str) -> NewSecret {
    NewSecret {
        api: "ingest".parse().expect("a name"),
        project: project.parse().expect("an id"),
        organization: "acme".parse().expect("an id"),
        secret: None,
        expires: None,
    }
}

fn from_elsewhere(secret: &str) -> Option<PlainSecret> {
    PlainSecret::from_elsewhere(secret.into()).ok()
}

/// The complaint about what is wanted.
async fn complaint(scene: &mut Scene, wanted: NewSecret) -> String {
    match scene.create(wanted).await {
        Err(error @ SecretError::Invalid(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_secret_is_sealed_and_can_be_read_back() {
    let mut scene = Scene::new().await;
    let IssuedSecret { secret, record } = scene.create(wanted("apollo")).await.expect("created");
    let secret = secret.expect("it is new");
    assert_eq!(secret.expose().len(), 43);
    assert_eq!(record.sealed.key.as_str(), "k1");
    let holds = |bytes: &[u8]| bytes.windows(8).any(|part| secret.expose().as_bytes().starts_with(part));
    assert!(!holds(&record.sealed.bytes), "it stands in the store in clear");
    assert_eq!(scene.revealed(&record.id).await, secret.expose());
    assert_eq!(scene.secrets().get(&record.id).await.expect("it is there"), record);
    let another = scene.create(wanted("apollo")).await.expect("a second one");
    assert_ne!(another.secret.expect("it is new").expose(), secret.expose());
    let third = scene.create(wanted("apollo")).await;
    assert!(matches!(third, Err(SecretError::Store(StoreError::TwoSecretsActive))), "{third:?}");
}

#[tokio::test]
async fn a_secret_from_elsewhere_is_taken_over_as_it_is() {
    let mut scene = Scene::new().await;
    let secret = from_elsewhere("the secret of a live product");
    let issued = scene.create(NewSecret { secret, ..wanted("apollo") }).await.expect("taken over");
    assert_eq!(scene.revealed(&issued.record.id).await, "the secret of a live product");
}

#[tokio::test]
async fn what_makes_no_sense_is_told_at_once() {
    let mut scene = Scene::new().await;
    let secret = from_elsewhere("0123456789abcdef");
    let found = complaint(
        &mut scene,
        NewSecret {
            api: "payments".parse().expect("a name"),
            project: "apollo-0123456789abcdef".parse().expect("an id"),
            secret,
            expires: parse_moment("2030-01-01").ok(),
            ..wanted("apollo")
        },
    )
    .await;
    assert_eq!(
        found,
        "api: found \"payments\", expected an API that accepts signatures\n\
         project: found the secret in clear, expected no secret\n\
         expires: found 2030-01-01T00:00:00Z, expected a moment after 2030-01-01T00:00:00Z"
    );
    let nowhere = NewSecret { api: "nowhere".parse().expect("a name"), ..wanted("apollo") };
    assert!(
        complaint(&mut scene, nowhere)
            .await
            .starts_with("api: found \"nowhere\", expected one of `payments`, ")
    );
    scene.config.sealing = None;
    assert!(matches!(scene.create(wanted("apollo")).await, Err(SecretError::NoSealing)));
}

#[tokio::test]
async fn a_project_has_one_organization() {
    let mut scene = Scene::new().await;
    let first = scene.create(wanted("apollo")).await.expect("created");
    let of_globex = || NewSecret { organization: "globex".parse().expect("an id"), ..wanted("apollo") };
    let expected = "organization: found \"globex\", expected \"acme\", which owns the project";
    assert_eq!(complaint(&mut scene, of_globex()).await, expected, "its other secret says so");

    let globex = OrganizationRecord {
        id: "globex".parse().expect("an id"),
        name: "Globex".to_owned(),
        apis: vec!["ingest".parse().expect("a name")],
        plan: None,
        entitlements: Vec::new(),
        suspended: None,
        created: first.record.created,
    };
    scene.store.insert_organization(&globex, &Author::on_the_store(0)).await.expect("a new organization");
    let project = ProjectRecord {
        id: "gemini".parse().expect("an id"),
        name: "Gemini".to_owned(),
        apis: globex.apis.clone(),
        organization: globex.id,
        created: globex.created,
    };
    scene.store.insert_project(&project, &Author::on_the_store(0)).await.expect("a new project");
    let expected = "organization: found \"acme\", expected \"globex\", which owns the project";
    assert_eq!(complaint(&mut scene, wanted("gemini")).await, expected, "the project itself says so");
    let good = NewSecret { organization: project.organization, ..wanted("gemini") };
    scene.create(good).await.expect("created");
}

#[tokio::test]
async fn a_rotation_leaves_both_active_for_the_overlap() {
    let mut scene = Scene::new().await;
    let expires = parse_moment("2030-06-01").ok();
    let old = scene.create(NewSecret { expires, ..wanted("apollo") }).await.expect("created").record;
    let new = scene.rotate(&old.id, DAY).await.expect("rotated");
    assert_eq!(new.record.rotated_from.as_ref(), Some(&old.id));
    assert_eq!(new.record.expires, expires);
    assert_eq!(scene.revealed(&new.record.id).await, new.secret.as_ref().expect("it is new").expose());
    let ends = scene.secrets().get(&old.id).await.expect("it is there").expires;
    assert_eq!(ends, parse_moment("2030-01-02").ok());

    let again = scene.rotate(&old.id, DAY).await;
    assert!(matches!(&again, Err(SecretError::Replaced(id)) if *id == old.id), "{again:?}");
    let third = scene.rotate(&new.record.id, DAY).await;
    assert!(matches!(third, Err(SecretError::Store(StoreError::TwoSecretsActive))), "{third:?}");
    let long = scene.rotate(&new.record.id, 91 * DAY).await.expect_err("91 days");
    assert_eq!(long.to_string(), "overlap: found 2184 hours, expected at most 90 days");
    scene.clock.advance(24 * 3600);
    let ended = scene.rotate(&old.id, DAY).await.expect_err("it has ended");
    assert_eq!(
        ended.to_string(),
        format!("the secret {} is expired, so it cannot be rotated: create a new one", old.id)
    );
    scene.rotate(&new.record.id, Duration::ZERO).await.expect("the first has ended");
}

#[tokio::test]
async fn a_revoked_secret_is_replaced_by_a_new_one_only() {
    let mut scene = Scene::new().await;
    let id = scene.create(wanted("apollo")).await.expect("created").record.id;
    let revoked = scene.secrets().revoke(&id, &Author::on_the_store(0)).await.expect("revoked");
    assert_eq!(revoked.revoked, parse_moment("2030-01-01").ok());
    let status = CredentialStatus::Revoked;
    let refused = scene.rotate(&id, DAY).await;
    assert!(
        matches!(&refused, Err(SecretError::Ended { status: found, .. }) if *found == status),
        "{refused:?}"
    );
    for _ in 0..2 {
        scene.create(wanted("apollo")).await.expect("there is room for two");
    }
}

#[tokio::test]
async fn sealing_anew_is_done_once_and_goes_on_where_it_was_interrupted() {
    let mut scene = Scene::new().await;
    let mut issued = Vec::new();
    for project in ["apollo", "gemini", "soyuz"] {
        issued.push(scene.create(wanted(project)).await.expect("created"));
    }
    assert_eq!(scene.reseal().await.0.count, 0, "all are sealed under k1");

    scene.config = fixture::config_sealing_under("k2");
    // As if it had been interrupted after the first.
    let (keys, first) = (&scene.config.sealing.as_ref().expect("keys").keys, &issued[0]);
    let bytes = first.secret.as_ref().expect("it is new").expose().as_bytes();
    let sealed = keys.seal(bytes, first.record.owner(), &mut StdRng::seed_from_u64(1)).expect("sealed");
    assert!(
        scene
            .store
            .reseal(
                &first.record.id,
                &first.record.sealed,
                &sealed,
                Timestamp::UNIX_EPOCH,
                &Author::on_the_store(0)
            )
            .await
            .expect("no error")
    );
    let (resealed, told) = scene.reseal().await;
    assert_eq!((resealed.key.as_str(), resealed.count, resealed.left.len()), ("k2", 2, 0));
    assert_eq!(told, [(1, 2), (2, 2)]);
    let (again, told) = scene.reseal().await;
    assert_eq!((again.count, told.len()), (0, 0));
    for IssuedSecret { secret, record } in issued {
        assert_eq!(scene.secrets().get(&record.id).await.expect("it is there").sealed.key.as_str(), "k2");
        assert_eq!(scene.revealed(&record.id).await, secret.expect("it is new").expose());
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_and_keeps_nothing_else_from_being_sealed() {
    let mut scene = Scene::new().await;
    let good = scene.create(wanted("apollo")).await.expect("created").record;
    let lost = SecretRecord {
        id: "secret_lost".parse().expect("an id"),
        project: "gemini".parse().expect("an id"),
        sealed: SealedSecret { key: "k0".parse().expect("a name"), ..good.sealed.clone() },
        ..good.clone()
    };
    scene.store.insert_secret(&lost, &Author::on_the_store(0)).await.expect("inserted");
    let error =
        scene.secrets().reveal(&lost.id, &Author::on_the_store(0)).await.expect_err("its key is lost");
    assert_eq!(
        error.to_string(),
        "the secret secret_lost cannot be read back: its sealing key `k0` is not configured"
    );

    scene.config = fixture::config_sealing_under("k2");
    let (resealed, _) = scene.reseal().await;
    assert_eq!(resealed.count, 1);
    assert_eq!(resealed.left, [(lost.id.clone(), OpenError::NoKey("k0".parse().expect("a name")))]);
    assert_eq!(scene.secrets().get(&lost.id).await.expect("it is there"), lost);
    assert_eq!(scene.secrets().get(&good.id).await.expect("it is there").sealed.key.as_str(), "k2");
}
