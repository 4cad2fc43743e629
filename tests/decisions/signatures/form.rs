//! The one form of a signature.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::door::NOW;

use super::{APOLLO, Client, Scene, with_header, without_header};

#[tokio::test]
async fn a_signature_has_one_form() {
    let scene = Scene::with_apollo().await;
    let with = |signature: fn(&str) -> String| APOLLO.ingest(b"form", signature).body(b"form");
    let at = |skew, text: &str| with_header(Client { skew, ..APOLLO }.sign(b"form"), "x-timestamp", text);
    let shape = "credential_malformed: the signature is not 32 bytes in its encoding";
    let prefix = "credential_malformed: the signature does not begin with its prefix";
    let time = "credential_malformed: the time of signing is no number of Unix seconds";
    let now = APOLLO.timestamp();
    let cases = [
        ("upper-case digits", with(|mac| format!("sha256={}", mac.to_uppercase())), "allowed"),
        (
            "the same in lower case is the same",
            with(|mac| format!("sha256={mac}")),
            "credential_invalid: project apollo: secret secret_ingest_apollo_30: the signature was used before",
        ),
        ("no prefix", with(str::to_owned), prefix),
        ("another prefix", with(|mac| format!("sha1={mac}")), prefix),
        ("base64", with(|mac| format!("sha256={}", STANDARD.encode(hex::decode(mac).expect("hex")))), shape),
        ("cut short", with(|mac| format!("sha256={}", &mac[..32])), shape),
        ("two", with(|mac| format!("sha256={mac},sha256={mac}")), shape),
        ("none", with(|_| "sha256=".to_owned()), shape),
        ("empty", with(|_| String::new()), prefix),
        ("sent twice", APOLLO.sign(b"2").header("x-signature", "sha256="), "credential_ambiguous"),
        ("a project sent twice", APOLLO.sign(b"2").header("x-project", "apollo"), "credential_ambiguous"),
        ("a time sent twice", APOLLO.sign(b"2").header("x-timestamp", &now), "credential_ambiguous"),
        (
            "no project",
            without_header(APOLLO.sign(b"3"), "x-project"),
            "credential_malformed: a header that belongs to the signature is missing",
        ),
        (
            "no time",
            without_header(APOLLO.sign(b"3"), "x-timestamp"),
            "credential_malformed: a header that belongs to the signature is missing",
        ),
        ("no signature", without_header(APOLLO.sign(b"3"), "x-signature"), "credential_missing"),
        (
            "an empty project",
            with_header(APOLLO.sign(b"3"), "x-project", ""),
            "credential_malformed: the signature's project is no id",
        ),
        ("a time with a sign", at(0, &format!("+{now}")), time),
        ("a time with a zero before", at(0, &format!("0{now}")), time),
        ("a time with a space", at(0, &format!(" {now}")), time),
        ("a time in milliseconds", at(0, &format!("{now}000")), time),
        ("a time in words", at(0, NOW), time),
    ];
    scene.check(&cases).await;
}

#[tokio::test]
async fn a_time_of_signing_may_be_300_seconds_off_either_way() {
    let scene = Scene::with_apollo().await;
    let at = |skew| Client { skew, ..APOLLO }.sign(b"");
    scene
        .check(&[
            ("just young enough", at(300), "allowed"),
            ("just old enough", at(-300), "allowed"),
            (
                "too young",
                at(301),
                "credential_invalid: it was signed 301 s after our time, expected 300 s at most",
            ),
            (
                "too old",
                at(-301),
                "credential_invalid: it was signed 301 s before our time, expected 300 s at most",
            ),
        ])
        .await;
}
