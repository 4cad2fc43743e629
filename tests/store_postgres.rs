//! What can be wrong with a PostgreSQL database, and what the operator is told.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

mod postgres;

use std::{fs, path::Path, time::Duration};

use doorward::{
    config::{ClientTls, PostgresLocation, PostgresTls, SecretOrigin, SecretSource, StoreLocation},
    store::{Changes, ReplicaStore, SqlStore, StoreError, Version},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sqlx::{AssertSqlSafe, PgConnection};
use tempfile::TempDir;

/// Short, since some tests wait for all of it.
const PATIENCE: Duration = Duration::from_millis(700);
const PASSWORD: &str = "unspeakable-password";

async fn execute(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.expect("done");
}

fn with(location: StoreLocation, change: impl FnOnce(&mut PostgresLocation)) -> StoreLocation {
    let mut location = location;
    if let StoreLocation::Postgres(server) = &mut location {
        change(server);
    }
    location
}

async fn refusal(location: &StoreLocation) -> String {
    let error = SqlStore::open(location, PATIENCE).await.expect_err("it cannot be used");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let text = error.to_string();
    assert!(!text.contains(PASSWORD) && text.contains(&location.to_string()), "{text}");
    text
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let database = postgres::shared().await.database().await;
    let nowhere = with(database.location(), |server| {
        server.address = doorward::config::PostgresAddress::Tcp("127.0.0.1".to_owned(), 1);
        server.password = Some(SecretSource::new(SecretOrigin::Env("P".to_owned()), PASSWORD.into()));
    });
    let refused = refusal(&nowhere).await;
    assert!(
        refused.contains("postgres://127.0.0.1:1/") && refused.contains("it cannot be reached"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let database = postgres::shared().await.database().await;
    let none = with(database.location(), |server| server.database = "nothing".to_owned());
    assert!(refusal(&none).await.contains("/nothing: the database is not there: create it first"));
}

#[tokio::test]
async fn a_schema_of_a_newer_version_asks_for_an_upgrade() {
    let database = postgres::shared().await.database().await;
    let refused = SqlStore::open_as_it_is(&database.location(), PATIENCE).await.expect_err("it is empty");
    assert!(refused.to_string().contains("it is empty: `doorward serve`"), "{refused}");
    SqlStore::open(&database.location(), PATIENCE).await.expect("it opens").close().await;
    SqlStore::open_as_it_is(&database.location(), PATIENCE).await.expect("it opens").close().await;
    let mut connection = database.connect().await;
    execute(
        &mut connection,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, '', 0)",
    )
    .await;
    assert!(refusal(&database.location()).await.contains("a newer version of this program has written it"));
}

#[tokio::test]
async fn replicas_that_start_together_find_one_schema() {
    let database = postgres::shared().await.database().await;
    let opening = (0..8).map(|_| async {
        let location = database.location();
        let store = SqlStore::open(&location, SqlStore::PATIENCE).await.expect("it opens");
        assert_eq!(store.version().await.expect("a version"), Version(0));
        store.close().await;
    });
    futures_util::future::join_all(opening).await;
}

#[tokio::test]
async fn a_database_that_can_only_be_read_says_so() {
    let database = postgres::shared().await.database().await;
    SqlStore::open(&database.location(), PATIENCE).await.expect("it opens").close().await;
    let name = &database.name;
    let mut connection = database.connect().await;
    execute(&mut connection, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let store = SqlStore::open(&database.location(), PATIENCE).await.expect("it can be read");
    assert_eq!(store.version().await.expect("it can be read"), Version(0));
    let refused = store.try_to_write().await.expect_err("it cannot be written to").to_string();
    assert!(refused.contains("it can only be read: name the primary"), "{refused}");
}

#[tokio::test]
async fn another_process_that_holds_the_lock_is_waited_for_and_told() {
    let database = postgres::shared().await.database().await;
    let store = SqlStore::open(&database.location(), PATIENCE).await.expect("it opens");
    let mut other = database.connect().await;
    let key = i64::from_be_bytes(*b"doorward");
    execute(&mut other, &format!("SELECT pg_advisory_lock({key})")).await;
    let refused = store.try_to_write().await.expect_err("somebody else writes").to_string();
    assert!(refused.contains("another process holds a lock on it for too long"), "{refused}");
    execute(&mut other, &format!("SELECT pg_advisory_unlock({key})")).await;
    store.try_to_write().await.expect("now it can be");
}

#[tokio::test]
async fn the_audit_log_is_not_altered() {
    let database = postgres::shared().await.database().await;
    SqlStore::open(&database.location(), PATIENCE).await.expect("it opens").close().await;
    let mut connection = database.connect().await;
    for statement in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::raw_sql(statement).execute(&mut connection).await.expect_err(statement);
        assert!(refused.to_string().contains("the audit log is not altered"), "{refused}");
    }
}

/// Certificates of an authority of its own: for a server called `localhost`, and for a client.
fn certify(folder: &Path, write: impl Fn(&Path, &str)) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    write(&folder.join("ca.pem"), &authority.pem());
    for name in ["localhost", "client"] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a host name");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        write(&folder.join(format!("{name}.pem")), &certificate.pem());
        write(&folder.join(format!("{name}.key")), &key.serialize_pem());
    }
}

/// A server that lets `secured` in by TLS alone, with a password and a certificate.
async fn secured() -> (postgres::Server, String, TempDir) {
    let settings = [
        "ssl=on",
        "ssl_ca_file=ca.pem",
        "ssl_cert_file=localhost.pem",
        "ssl_key_file=localhost.key",
        "fsync=off",
    ];
    let ours = tempfile::tempdir().expect("a folder");
    let server = postgres::Server::start_prepared(&settings, |data| {
        certify(data, postgres::write);
        let rules = "local all all trust\nhost all postgres 127.0.0.1/32 trust\n\
                     hostssl all secured 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n";
        postgres::write(&data.join("pg_hba.conf"), rules);
        for name in ["ca.pem", "client.pem", "client.key"] {
            fs::copy(data.join(name), ours.path().join(name)).expect("copied");
        }
    })
    .await;
    let database = server.make_database().await;
    let mut connection = server.connect(&database).await.expect("a connection");
    execute(
        &mut connection,
        &format!(
            "CREATE ROLE secured LOGIN PASSWORD '{PASSWORD}'; ALTER DATABASE {database} OWNER TO secured; \
             ALTER SCHEMA public OWNER TO secured"
        ),
    )
    .await;
    (server, database, ours)
}

#[tokio::test]
async fn a_server_proves_its_name_and_asks_for_password_and_certificate() {
    let (server, database, folder) = secured().await;
    let path = |name: &str| folder.path().join(name);
    let identity = Some((path("client.pem"), path("client.key")));
    let settings = |host: &str, password: &str, tls| {
        with(server.location(&database), |settings| {
            settings.address = doorward::config::PostgresAddress::Tcp(host.to_owned(), server.port);
            settings.user = "secured".to_owned();
            settings.password =
                Some(SecretSource::new(SecretOrigin::Env("P".to_owned()), password.to_owned().into()));
            settings.tls = tls;
        })
    };
    let verified = PostgresTls::Verified(ClientTls { ca: Some(path("ca.pem")), identity: identity.clone() });
    let good = settings("localhost", PASSWORD, verified.clone());
    let store = SqlStore::open(&good, SqlStore::PATIENCE).await.expect("it opens");
    assert_eq!(store.version().await.expect("a version"), Version(0));
    store.close().await;
    let unverified = PostgresTls::Unverified { identity: identity.clone() };
    SqlStore::open(&settings("localhost", PASSWORD, unverified), PATIENCE)
        .await
        .expect("it opens")
        .close()
        .await;

    let without_ca = PostgresTls::Verified(ClientTls { ca: None, identity: identity.clone() });
    let no_identity = PostgresTls::Verified(ClientTls { ca: Some(path("ca.pem")), identity: None });
    let no_file = PostgresTls::Verified(ClientTls { ca: Some(path("none.pem")), identity });
    for (settings, expected) in [
        (settings("localhost", "another", verified.clone()), "the user or the password is refused"),
        (settings("127.0.0.1", PASSWORD, verified), "invalid peer certificate"),
        (settings("localhost", PASSWORD, without_ca), "invalid peer certificate"),
        (settings("localhost", PASSWORD, no_identity), "this user may not connect"),
        (settings("localhost", PASSWORD, PostgresTls::Off), "not without TLS"),
        (settings("localhost", PASSWORD, no_file), "none.pem: No such file"),
    ] {
        let refused = refusal(&settings).await;
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}

#[tokio::test]
async fn changes_are_kept_for_those_who_are_a_little_behind() {
    let database = postgres::shared().await.database().await;
    let store = SqlStore::open(&database.location(), PATIENCE).await.expect("it opens");
    let mut connection = database.connect().await;
    execute(
        &mut connection,
        "INSERT INTO changes (version, hash) SELECT version, decode(repeat('00', 32), 'hex') \
         FROM unnest(ARRAY[1, 2, 1000001]) AS version",
    )
    .await;
    store.attend("one", Version(0), PATIENCE).await.expect("told");
    let kept: Vec<u64> =
        store.changes(Version(0)).await.expect("changes").iter().map(|change| change.version.0).collect();
    assert_eq!(kept, [2, 1_000_001]);
}
