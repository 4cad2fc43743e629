//! What is told of limits.

use crate::{
    config::{LimitBy, LimitRule, Quotas},
    domain::WindowKind,
};

use super::*;

fn rule(by: LimitBy, quotas: &[&str]) -> LimitRule {
    let quotas = quotas.iter().map(|quota| quota.parse().expect("a quota")).collect();
    LimitRule { name: by.name().to_owned(), by, quotas: Quotas::Fixed(quotas), window: WindowKind::Sliding }
}

/// A scene whose API counts by client address and by credential; `POST /scans` costs 3.
async fn scene() -> Scene {
    let mut scene = Scene::new().await;
    let api = &mut scene.config.apis[0];
    api.limits.rules =
        vec![rule(LimitBy::ClientAddress, &["2/second"]), rule(LimitBy::Credential, &["9/minute", "5/hour"])];
    api.routes[1].cost = 3;
    scene
}

#[tokio::test]
async fn an_allowed_request_is_told_with_the_counters_that_it_would_count_by() {
    let scene = scene().await;
    let words = ["-H", &scene.bearer(), "--peer", "203.0.113.7", "https://api.test/scans/7"];
    let (answer, exit) = scene.run(&words).await.expect("told");
    assert!(exit == Exit::Success, "{answer}");
    let expected = "\
6 admit       passed
              counters  in the memory of each server: taken for untouched here
              quotas    rule client_address; quotas 2/second; counter payments/client_address/203.0.113.7/32; \
                        takes 1; nearest 2/second; remaining 2
                        rule credential; quotas 9/minute, 5/hour; counter payments/credential/key:key_1; \
                        takes 1; nearest 5/hour; remaining 5
";
    assert!(answer.contains(expected), "{answer}");
    assert!(answer.contains("header to the client X-RateLimit-Remaining: 2"), "{answer}");
    let (again, _) = scene.run(&words).await.expect("told");
    assert_eq!(again, answer, "nothing was taken");

    let (json, _) = scene.json(&words).await;
    assert_eq!(
        json["stages"][5]["saw"]["quotas"][1],
        json!({
            "rule": "credential", "quotas": ["9/minute", "5/hour"], "counter": "payments/credential/key:key_1",
            "takes": 1, "nearest": "5/hour", "remaining": 5,
        })
    );
}

#[tokio::test]
async fn what_is_refused_by_its_address_is_told_at_the_stage_that_counts() {
    let scene = scene().await;
    let bearer = scene.bearer();
    let post = ["-H", &bearer, "-X", "POST", "https://api.test/scans"];
    let concluded = |answer: &Value| -> Vec<String> {
        let stages = answer["stages"].as_array().expect("a list");
        stages[2..6].iter().map(|stage| stage["concluded"].as_str().expect("text").to_owned()).collect()
    };
    for (words, reason, advice) in [
        ([&post[..], &["--peer", "203.0.113.7"]].concat(), "rate_limited", "What a server has counted"),
        (post.to_vec(), "request_malformed", "Say from where the request comes: `--peer ADDRESS`."),
    ] {
        let (answer, exit) = scene.json(&words).await;
        assert_eq!((&answer["reason"], exit), (&json!(reason), Exit::Failure), "{answer}");
        assert_eq!(concluded(&answer), ["passed", "not_reached", "not_reached", "refused"]);
        assert!(answer["advice"][0].as_str().is_some_and(|told| told.starts_with(advice)), "{answer}");
    }
}
