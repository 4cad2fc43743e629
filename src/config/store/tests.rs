use std::path::Path;

use super::*;
use crate::config::{client_tls::ClientTls, secret_source::SecretSource};

fn read(text: &str) -> Result<StoreLocation, String> {
    StoreLocation::read(text)
}

fn database(text: &str) -> PostgresLocation {
    match read(text) {
        Ok(StoreLocation::Postgres(server)) => *server,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_store_is_an_sqlite_file_or_a_postgres_database() {
    let cases = [
        ("sqlite:keys.db", Some("keys.db")),
        ("sqlite:/var/lib/keys.db", Some("/var/lib/keys.db")),
        ("sqlite:", None),
        ("sqlite://keys.db", None),
        ("mysql://localhost", None),
        ("keys.db", None),
    ];
    for (text, path) in cases {
        let found = read(text).ok();
        assert_eq!(found, path.map(|path| StoreLocation::Sqlite(Path::new(path).into())), "{text}");
    }
}

#[test]
fn an_address_names_server_user_and_database() {
    let tcp = |host: &str, port| PostgresAddress::Tcp(host.to_owned(), port);
    let verified = PostgresTls::Verified(ClientTls::default());
    let cases = [
        ("postgres://dw@db.example/door", tcp("db.example", 5432), verified.clone(), None),
        ("postgresql://dw:s%40c@db:5433/door", tcp("db", 5433), verified.clone(), Some("s@c")),
        ("postgres://dw@localhost/door", tcp("localhost", 5432), PostgresTls::Off, None),
        ("postgres://dw@127.0.0.1:1/door", tcp("127.0.0.1", 1), PostgresTls::Off, None),
        ("postgres://dw@[::1]/door", tcp("::1", 5432), PostgresTls::Off, None),
        ("postgres://dw@[2001:db8::1]/door", tcp("2001:db8::1", 5432), verified, None),
        ("postgres://dw@db/door?sslmode=disable", tcp("db", 5432), PostgresTls::Off, None),
        (
            "postgres://dw@db/door?sslmode=require",
            tcp("db", 5432),
            PostgresTls::Unverified { identity: None },
            None,
        ),
        (
            "postgres://dw@localhost:5433/door?host=/run/postgresql",
            PostgresAddress::Unix("/run/postgresql".into(), 5433),
            PostgresTls::Off,
            None,
        ),
    ];
    for (text, address, tls, password) in cases {
        let found = database(text);
        assert_eq!((&found.address, &found.tls), (&address, &tls), "{text}");
        assert_eq!((found.user.as_str(), found.database.as_str()), ("dw", "door"), "{text}");
        assert_eq!(found.password.as_ref().map(SecretSource::expose), password, "{text}");
        assert!(!found.to_string().contains("dw"), "{found}");
    }
}

#[test]
fn what_would_not_be_safe_or_means_nothing_is_refused() {
    let cases = [
        ("postgres://db/door", "expected a user"),
        ("postgres://dw@db", "expected the name of a database"),
        ("postgres://dw@db/a/b", "expected the name of a database"),
        ("postgres://dw@db/door?sslmode=prefer", "`disable`, `require`, `verify-full`"),
        ("postgres://dw@db/door?sslrootcert=ca.pem", "expected nothing but"),
        ("postgres://dw@db,db2/door", "expected"),
        ("postgres://dw@db/door?host=/run/postgresql", "expected one host"),
        ("postgres://dw@localhost/door?host=/run&sslmode=require", "expected no TLS"),
        ("postgres://dw@db/door?host=db2", "expected the folder"),
        ("postgres://dw:{hidden}@db/door", "expected the password in the place"),
        ("postgres://dw@db:99999/door", "expected `postgres://"),
        ("postgres://dw@db/door#x", "expected `postgres://"),
    ];
    for (text, expected) in cases {
        let refused = read(text).expect_err(text);
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let cases = [
        ("postgres://dw:secret@db/door", "postgres://dw:{hidden}@db/door"),
        ("postgres://dw:se/cret@db/door", "postgres://dw:{hidden}@db/door"),
        ("postgres://dw:se@cret@db/door", "postgres://dw:{hidden}@db/door"),
        ("postgres://dw@db/door", "postgres://dw@db/door"),
        ("sqlite:a:b@c", "sqlite:a:b@c"),
    ];
    for (written, expected) in cases {
        assert_eq!(StoreLocation::shown(written), expected);
    }
}
