//! What a signature proves, and for which requests.

use crate::door::allowed;

use super::{APOLLO, Client, SECRET, Scene, changed, with_header, without_header};

#[tokio::test]
async fn a_signed_request_is_let_in_as_its_project() {
    let scene = Scene::with_apollo().await;
    let response = scene.door.knock(APOLLO.sign(b"{}").header("X_Project", "gemini")).await;
    let allowed = allowed(&response);
    let header = |name: &str| {
        let header = allowed.headers.iter().filter_map(|option| option.header.as_ref());
        header.filter(|header| header.key == name).map(|header| header.value.clone()).collect::<String>()
    };
    for (name, value) in [
        ("x-principal-kind", "project"),
        ("x-principal-id", "apollo"),
        ("x-principal-project", "apollo"),
        ("x-principal-organization", "acme"),
        ("x-principal-scopes", "ingest"),
        ("x-principal-credential", "secret_ingest_apollo_30"),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    let removed = |name: &str| allowed.headers_to_remove.iter().any(|removed| removed == name);
    assert!(removed("x-signature") && removed("X_Project"), "{:?}", allowed.headers_to_remove);
    assert!(!removed("x-project") && !removed("x-timestamp"), "{:?}", allowed.headers_to_remove);
}

#[tokio::test]
async fn only_what_was_signed_is_let_in() {
    let scene = Scene::with_apollo().await;
    scene.secret("ingest", "gemini", "another secret of gemini's", |_| ()).await;
    let wrong = "credential_invalid: project apollo: none of its active secrets made the signature";
    let other = |project, secret, skew| Client { project, secret, skew };
    let cases = [
        ("another body", APOLLO.ingest(b"{}", |mac| format!("sha256={mac}")).body(b"{ }"), wrong),
        ("no body", changed(APOLLO.sign(b"{}"), |http| http.raw_body.clear()), wrong),
        (
            "another time",
            with_header(APOLLO.sign(b"{}"), "x-timestamp", &other("apollo", SECRET, 1).timestamp()),
            wrong,
        ),
        ("another secret", other("apollo", "another secret of gemini's", 0).sign(b"{}"), wrong),
        (
            "one bit",
            APOLLO
                .ingest(b"{}", |mac| {
                    let last = if mac.ends_with('0') { "1" } else { "0" };
                    format!("sha256={}{last}", &mac[..63])
                })
                .body(b"{}"),
            wrong,
        ),
        (
            "another project",
            with_header(APOLLO.sign(b"{}"), "x-project", "gemini"),
            "credential_invalid: project gemini: none of its active secrets",
        ),
        (
            "an unknown project",
            other("soyuz", SECRET, 0).sign(b"{}"),
            "credential_invalid: the project has no active secret for this API",
        ),
        (
            "another API",
            changed(APOLLO.sign(b"{}"), |http| http.host = "eu.ingest.example".into()),
            "credential_invalid: the project has no active secret for this API",
        ),
        (
            "without the scope",
            changed(APOLLO.sign(b"{}"), |http| http.path = "/admin".into()),
            "scope_missing",
        ),
        (
            "itself, though what was refused above looked alike",
            Client { skew: 2, ..APOLLO }.sign(b"{}"),
            "allowed",
        ),
    ];
    scene.check(&cases).await;
}

#[tokio::test]
async fn what_was_signed_can_be_any_part_of_the_request() {
    let scene = Scene::with_apollo().await;
    let good = || APOLLO.sign_strictly("PUT", "/a/b%20c?d=e&f", "r-1", b"\x00\xff\xfe");
    let wrong = "credential_invalid: project apollo: none of its active secrets made the signature";
    let cases = [
        ("all of it", good(), "allowed"),
        ("again, since it is not once-only", good(), "allowed"),
        ("another method", changed(good(), |http| http.method = "POST".into()), wrong),
        ("another path", changed(good(), |http| http.path = "/a/b%20d?d=e&f".into()), wrong),
        ("another query", changed(good(), |http| http.path = "/a/b%20c?d=e&g".into()), wrong),
        ("no query", changed(good(), |http| http.path = "/a/b%20c".into()), wrong),
        (
            "another spelling of the host",
            changed(good(), |http| http.host = "strict.example:443".into()),
            wrong,
        ),
        ("another header", with_header(good(), "x-request-id", "r-2"), wrong),
        ("another body", changed(good(), |http| http.raw_body.push(0)), wrong),
        (
            "a header missing",
            without_header(good(), "x-request-id"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        (
            "a header twice",
            good().header("x-request-id", "r-1"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        (
            "a header in both forms",
            good().joined("x-request-id", "r-1"),
            "credential_malformed: a header that is signed was not sent once",
        ),
        ("no text in the header", APOLLO.sign_strictly("GET", "/", "", b""), "allowed"),
        (
            "a body that came as text",
            changed(APOLLO.sign_strictly("PUT", "/", "r", "ä".as_bytes()), |http| {
                http.raw_body.clear();
                http.body = "ä".into();
            }),
            "allowed",
        ),
        (
            "shorter tolerance, before",
            Client { skew: -10, ..APOLLO }.sign_strictly("GET", "/", "r", b""),
            "allowed",
        ),
        (
            "shorter tolerance, too long before",
            Client { skew: -11, ..APOLLO }.sign_strictly("GET", "/", "r", b""),
            "credential_invalid: it was signed 11 s before our time, expected 10 s at most",
        ),
    ];
    scene.check(&cases).await;
}
