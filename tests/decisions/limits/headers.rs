//! What the client is told of its quotas.

use crate::{
    attempts::token,
    door::{Door, denied, reason},
};

use super::{config, door, from, get, key, organization, told};

#[tokio::test]
async fn a_403_shows_the_state_without_counting_and_a_401_shows_what_was_counted() {
    let door = door("{ by: credential, quotas: [3/minute, 100/hour] }").await;
    let key = key(&door, |_| ()).await;
    let untouched = told(&door.knock(get("/admin").bearer(&key)).await);
    assert_eq!(untouched, "Limit: 3, Remaining: 3, Reset: 0");
    assert_eq!(told(&door.knock(get("/notes").bearer(&key)).await), "Limit: 3, Remaining: 2, Reset: 61");
    for _ in 0..5 {
        let forbidden = door.knock(get("/admin").bearer(&key)).await;
        assert_eq!(reason(&forbidden), Some("scope_missing"));
        assert_eq!(told(&forbidden), "Limit: 3, Remaining: 2, Reset: 61");
    }
    let unknown = crate::door::unknown_key("nt_live_", 77);
    assert_eq!(told(&door.knock(get("/notes").bearer(&unknown)).await), "");

    // Before it is found out for whom it acts, the plan of a key's organization is known all the same.
    let door = Door::with(&config(
        "{ by: credential, plan: small }",
        "      - { match: /bound, organization: { from: [{ query: org }] } }",
    ))
    .await;
    organization(&door, "acme", Some("large")).await;
    for (of, expected) in
        [("acme", "Limit: 5, Remaining: 5, Reset: 0"), ("nobody", "Limit: 2, Remaining: 2, Reset: 0")]
    {
        let key = super::key(&door, |record| record.organization = of.parse().expect("an id")).await;
        let mismatch = door.knock(get("/bound?org=zenith").bearer(&key)).await;
        assert_eq!((reason(&mismatch), told(&mismatch).as_str()), (Some("organization_mismatch"), expected));
    }
    // A person acts for one organization at a time, and nobody knows for which.
    let person = door.knock(get("/bound?org=zenith").bearer(&token("ada"))).await;
    assert_eq!((reason(&person), told(&person).as_str()), (Some("organization_mismatch"), ""));
}

#[tokio::test]
async fn each_form_of_headers_says_the_same() {
    const X: &str = "Limit: 2, Remaining: 1, Reset: ";
    const IETF: &str = "RateLimit-Policy: \"credential-minute\";q=2;w=60, \"credential-day\";q=9;w=86400, \
        RateLimit: \"credential-minute\";r=1;t=";
    // Windows that are aligned to the clock end at the full minute: it is four minutes and five seconds past.
    for (fields, expected) in [
        ("", format!("{X}61")),
        (", window: fixed", format!("{X}55")),
        (", reset: epoch", format!("{X}1767323106")),
        (", reset: epoch, window: fixed", format!("{X}1767323100")),
        (", headers: ietf", format!("{IETF}61")),
        (", headers: ietf, reset: epoch, window: fixed", format!("{IETF}55")),
        (", headers: both", format!("{X}61, {IETF}61")),
        (", headers: none", String::new()),
    ] {
        let door = door(&format!("{{ by: credential, quotas: [2/minute, 9/day]{fields} }}")).await;
        let key = key(&door, |_| ()).await;
        let call = get("/notes").bearer(&key);
        assert_eq!(told(&door.knock(call.clone()).await), expected, "{fields}");
        door.knock(call.clone()).await;
        let refused = told(&door.knock(call).await);
        let seconds = if fields.contains("fixed") { 55 } else { 61 };
        assert!(refused.ends_with(&format!("Retry-After: {seconds}")), "{refused}");
        assert_eq!(refused.matches(':').count() == 1, fields.contains("none"), "{refused}");
    }
}

#[tokio::test]
async fn the_body_of_a_refusal_says_when_to_come_back() {
    let denials = "    denials: { body: { error: \"{message}\", seconds: \"{retry_after}\" }, reasons: { \
        rate_limited: { message: \"Please retry after {retry_after} seconds.\" } } }\n    routes:";
    let text = config("{ by: client_address, quotas: [1/minute], window: fixed }", "");
    let door = Door::with(&text.replacen("    routes:", denials, 1)).await;
    assert_eq!(door.verdict(get("/status")).await, "allowed");
    let refused = door.knock(get("/status")).await;
    let body = &denied(&refused).body;
    assert_eq!(body, "{\"error\":\"Please retry after 55 seconds.\",\"seconds\":55}");
    let missing = door.knock(from("/notes", "203.0.113.9")).await;
    assert_eq!(denied(&missing).body, "{}", "nothing else has an end");
}
