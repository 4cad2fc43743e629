//! What a signature over a body that is not there is worth.

use crate::door::{Call, denied};

use super::{APOLLO, Client, SECRET, Scene, changed, mac, with_header};

#[tokio::test]
async fn a_body_that_is_not_there_is_told_with_what_to_change_in_envoy() {
    let scene = Scene::with_apollo().await;
    let signed = |body: &'static [u8]| APOLLO.ingest(body, |mac| format!("sha256={mac}"));
    let cut = "body_incomplete: the body is longer than Envoy sends: raise `max_request_bytes`";
    let withheld = "body_incomplete: Envoy sent nothing of the body: set `with_request_body`";
    let cut_off = |call: Call| {
        changed(call.header("x-envoy-auth-partial-body", "true"), |http| http.raw_body = b"be".to_vec())
    };
    let cases = [
        ("cut off", cut_off(signed(b"beginning").header("content-length", "9")), cut),
        ("cut off where the beginning was signed", cut_off(signed(b"be")), cut),
        (
            "a body that nobody vouches for",
            changed(signed(b"be"), |http| http.raw_body = b"be".to_vec()),
            cut,
        ),
        ("withheld", signed(b"").header("content-length", "9"), withheld),
        ("withheld, of unknown length", signed(b""), withheld),
        (
            "withheld from a GET",
            changed(signed(b"").header("content-length", "9"), |http| http.method = "GET".into()),
            withheld,
        ),
        ("none, and the client says so", signed(b"").header("content-length", "0"), "allowed"),
        (
            "none, and the method has none",
            changed(Client { skew: 1, ..APOLLO }.ingest(b"", |mac| format!("sha256={mac}")), |http| {
                http.method = "GET".into();
            }),
            "allowed",
        ),
        ("none, and Envoy says so", Client { skew: 2, ..APOLLO }.sign(b""), "allowed"),
        (
            "a bad time is told first",
            with_header(signed(b""), "x-timestamp", "1"),
            "credential_invalid: it was signed",
        ),
        ("an unknown project is not told", with_header(signed(b""), "x-project", "soyuz"), withheld),
    ];
    scene.check(&cases).await;
    let response = scene.door.knock(signed(b"")).await;
    assert_eq!(denied(&response).status.as_ref().map(|status| status.code), Some(413));
}

#[tokio::test]
async fn a_signature_that_leaves_the_body_out_needs_none() {
    let scene = Scene::with_apollo().await;
    let signed = format!("{}POST/a?b", APOLLO.timestamp());
    let call = Call::new("POST", "heads.example", "/a?b");
    let call = APOLLO.headers(call, &hex::encode(mac(SECRET, signed.as_bytes())));
    scene.check(&[("a body that is withheld", call.header("content-length", "9"), "allowed")]).await;
}
