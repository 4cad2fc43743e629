//! What each stage tells.

use super::*;

/// What the stage with this number tells.
fn stage(answer: &Value, number: usize) -> &Value {
    &answer["stages"][number - 1]
}

#[tokio::test]
async fn an_allowed_request_is_told_in_nine_stages() {
    let scene = Scene::new().await;
    let (answer, exit) = scene.run(&["-H", &scene.bearer(), "https://api.test/scans/7"]).await.expect("told");
    let expected = "\
1 parse       passed
              method   GET
              host     api.test
              path     /scans/7
              headers  authorization, x-forwarded-proto
              body     none
2 route       passed
              api         payments
              route       GET /scans/**
              credential  required
3 extract     passed
              credential   api_key
              place        header authorization (Bearer)
              prefix       sk_live_
              environment  live
4 verify      passed
              principal      api_key
              id             key_1
              organizations  acme
              environment    live
              expires        2030-03-01T00:00:00Z
5 authorize   passed
              organization     acme
              scopes           read
              required scopes  read
6 admit       passed
              quotas  none
7 conclude    allowed
8 render      goes on
9 record      not recorded
              would count  doorward_checks_total{api=\"payments\",decision=\"allowed\",reason=\"\"}

Envoy is told: goes on
  set header x-principal-id: key_1
  set header x-principal-kind: api_key
  set header x-principal-organization: acme
  set header x-principal-environment: live
  set header x-principal-scopes: read
  set header x-principal-credential: key_1
  remove header x-principal-project
  remove header x-principal-plan
  remove header authorization
  metadata api: payments
  metadata organization: acme
  metadata principal_id: key_1
  metadata principal_kind: api_key";
    assert_eq!(answer, expected);
    assert!(exit == Exit::Success);
}

#[tokio::test]
async fn a_refusal_is_told_at_its_stage_and_those_after_it_are_not_reached() {
    let scene = Scene::new().await;
    let (bearer, cookie) = (scene.bearer(), scene.cookie());
    let cases: [(&[&str], usize, &str); 11] = [
        (&["-X", "get", "https://api.test/"], 1, "request_malformed"),
        (&["https://other.test/"], 2, "route_unknown"),
        (&["https://api.test/scans/../a"], 2, "request_malformed"),
        (&["https://api.test/nowhere"], 2, "route_unknown"),
        (&["http://secure.test/"], 2, "transport_insecure"),
        (&["https://secure.test/"], 3, "credential_missing"),
        (&["https://api.test/scans"], 3, "credential_missing"),
        (&["-H", "authorization: Bearer x", "https://api.test/scans"], 3, "credential_malformed"),
        (&["-H", &bearer, "--at", "2031-01-01", "https://api.test/scans"], 4, "credential_invalid"),
        (&["-H", &bearer, "-X", "POST", "https://api.test/scans"], 5, "scope_missing"),
        (&["-H", &cookie, "-d", "", "https://api.test/orgs"], 5, "origin_not_allowed"),
    ];
    for (words, at, reason) in cases {
        let (answer, exit) = scene.json(words).await;
        assert_eq!(
            (exit, &answer["decision"], &answer["reason"]),
            (Exit::Failure, &json!("denied"), &json!(reason)),
            "{words:?}: {}",
            answer["cause"]
        );
        for number in 1..=6 {
            let expected = match number.cmp(&at) {
                std::cmp::Ordering::Less => "passed",
                std::cmp::Ordering::Equal => "refused",
                std::cmp::Ordering::Greater => "not_reached",
            };
            assert_eq!(stage(&answer, number)["concluded"], expected, "{words:?}, stage {number}");
        }
        assert_eq!(stage(&answer, at)["reason"], reason);
        assert_eq!(stage(&answer, at)["cause"], answer["cause"]);
        assert_eq!(stage(&answer, 8)["concluded"], answer["answer"]["status"].to_string());
        assert_eq!(answer["answer"]["metadata"]["reason"], reason);
    }
}

#[tokio::test]
async fn every_answer_in_json_has_the_same_form() {
    let scene = Scene::new().await;
    let (answer, _) = scene.json(&["https://api.test/scans"]).await;
    let names: Vec<&str> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["decision", "reason", "cause", "stages", "advice", "answer"]);
    let stages = answer["stages"].as_array().expect("a list");
    let in_order: Vec<&str> = stages.iter().filter_map(|stage| stage["name"].as_str()).collect();
    let expected =
        ["parse", "route", "extract", "verify", "authorize", "admit", "conclude", "render", "record"];
    assert_eq!(in_order, expected);
    assert_eq!(
        stage(&answer, 3),
        &json!({
            "number": 3, "name": "extract", "concluded": "refused",
            "saw": {
                "looked_in": ["cookie sid", "header authorization (Bearer)", "header x-signature", "query api_key"],
                "prefixes": ["sk_live_", "sk_test_"],
            },
            "reason": "credential_missing", "cause": "no credential was presented",
        })
    );
    assert_eq!(answer["answer"]["headers"]["www-authenticate"], "Bearer realm=\"payments\"");
    let body: Value = serde_json::from_str(answer["answer"]["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["reason"], "credential_missing");
}

#[tokio::test]
async fn every_kind_of_credential_is_told_with_its_place() {
    let scene = Scene::new().await;
    let (signed, _) = scene.signed("/scans");
    let signed: Vec<&str> = signed.iter().map(String::as_str).collect();
    let [bearer, cookie] = [scene.bearer(), scene.cookie()];
    let token = format!("authorization: bearer {}", scene.token());
    let url = "https://api.test/scans";
    let cases: [(&[&str], Value, Value); 4] = [
        (
            &["-H", &bearer, url],
            json!({ "credential": "api_key", "place": "header authorization (Bearer)", "prefix": "sk_live_", "environment": "live" }),
            json!({ "principal": "api_key", "id": "key_1", "organizations": ["acme"], "environment": "live", "expires": "2030-03-01T00:00:00Z" }),
        ),
        (
            &["-H", &token, url],
            json!({ "credential": "jwt", "place": "header authorization (Bearer)" }),
            json!({ "principal": "user", "id": "ada", "organizations": "as the store knows" }),
        ),
        (
            &["-H", &cookie, url],
            json!({ "credential": "session", "place": "cookie sid" }),
            json!({ "principal": "user", "id": "ada", "credential_id": "session_1", "organizations": "as the store knows" }),
        ),
        (
            &signed,
            json!({ "credential": "signature", "place": "header x-signature" }),
            json!({ "principal": "project", "id": "apollo", "credential_id": "", "organizations": ["acme"] }),
        ),
    ];
    for (words, extracted, mut verified) in cases {
        let (answer, _) = scene.json(words).await;
        assert_eq!(stage(&answer, 3)["saw"], extracted, "{words:?}");
        if verified["credential_id"] == "" {
            verified["credential_id"] = stage(&answer, 4)["saw"]["credential_id"].clone();
            assert!(verified["credential_id"].is_string());
        }
        assert_eq!(stage(&answer, 4)["saw"], verified, "{words:?}");
    }
}

#[tokio::test]
async fn a_signature_that_proves_one_request_only_stays_usable() {
    let scene = Scene::new().await;
    let (words, _) = scene.signed("/hello");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for _ in 0..2 {
        assert_eq!(scene.verdict(&words).await, "allowed");
    }
}

#[tokio::test]
async fn what_shadow_lets_pass_is_told_as_a_refusal() {
    let scene = Scene::new().await;
    let words = ["-X", "DELETE", "https://api.test/scans"];
    let (answer, exit) = scene.json(&words).await;
    assert_eq!((exit, answer["decision"].as_str()), (Exit::Failure, Some("waived")));
    assert_eq!(stage(&answer, 3)["concluded"], "refused");
    assert_eq!(stage(&answer, 7)["saw"]["shadow_until"], "2030-06-01T00:00:00Z");
    assert_eq!(stage(&answer, 8)["concluded"], "goes on");
    assert_eq!(answer["answer"]["metadata"]["shadow_reason"], "credential_missing");
    assert!(answer["answer"].get("set_headers").is_none(), "{answer}");
    let (after, _) = scene.json(&[&words[..], &["--at", "2030-06-01"]].concat()).await;
    assert_eq!(after["decision"], "denied");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_makes_unavailable_only_what_needs_it() {
    let mut scene = Scene::new().await;
    scene.config.store = StoreLocation::Sqlite("/none/keys.db".into());
    let (answer, exit) = scene.json(&["-H", &scene.bearer(), "https://api.test/scans"]).await;
    assert_eq!((exit, answer["decision"].as_str()), (Exit::Unreachable, Some("unavailable")));
    let cause = answer["cause"].as_str().expect("text");
    assert!(cause.contains("/none/keys.db: it is not there yet: `doorward serve`"), "{cause}");
    assert_eq!(stage(&answer, 4)["concluded"], "refused");
    let (answer, exit) = scene.json(&["https://api.test/hello"]).await;
    assert_eq!((exit, answer["decision"].as_str()), (Exit::Success, Some("allowed")));
    assert!(!Path::new("/none").exists());

    scene.config.outage = crate::config::Outage::GrpcError;
    let (answer, _) = scene.json(&["-H", &scene.bearer(), "https://api.test/scans"]).await;
    assert_eq!(answer["answer"], json!({ "grpc_error": "Unavailable" }));
    assert_eq!(stage(&answer, 8)["concluded"], "gRPC error Unavailable");
}

#[tokio::test]
async fn advice_says_what_to_do_next() {
    let mut scene = Scene::new().await;
    let unknown = PlainKey::generate(&"sk_live_".parse().expect("a prefix"), &mut StdRng::seed_from_u64(2));
    let unknown = format!("authorization: Bearer {}", unknown.expose());
    let cases: [(&[&str], &str); 5] = [
        (&["https://other.test/"], "The hosts that there are: api.test, secure.test."),
        (&["http://secure.test/"], "The API refuses plain HTTP: let the URL begin with `https://`."),
        (
            &["-X", "PUT", "https://api.test/scans"],
            "This path has routes for other methods: DELETE, GET, POST.",
        ),
        (
            &["https://api.test/nowhere"],
            "The routes of payments: GET /scans/**, POST /scans, /hello, /status, DELETE /scans, /orgs.",
        ),
        (
            &["-H", &unknown, "https://api.test/scans"],
            "`doorward keys list --api payments` shows the keys that there are.",
        ),
    ];
    for (words, expected) in cases {
        let (answer, _) = scene.json(words).await;
        assert_eq!(answer["advice"], json!([expected]), "{words:?}");
        assert!(scene.run(words).await.expect("told").0.lines().any(|line| line == expected));
    }
    let key = scene.config.apis[0].credentials.iter_mut().find_map(|rule| match rule {
        crate::config::CredentialRule::ApiKey(key) => Some(key),
        _ => None,
    });
    key.expect("keys").checksum = crate::config::ChecksumRule::Optional;
    let bound = ["-H", "authorization: Bearer sk_live_bound", "https://api.test/scans"];
    let (answer, _) = scene.json(&bound).await;
    assert_eq!(answer["advice"], json!(["Say from where the request comes: `--peer ADDRESS`."]));
    assert_eq!(scene.verdict(&[&bound[..], &["--peer", "10.1.2.3"]].concat()).await, "allowed");
    assert_eq!(scene.verdict(&[&bound[..], &["--peer", "192.0.2.1"]].concat()).await, "source_not_allowed");
}

#[tokio::test]
async fn nothing_is_changed() {
    let scene = Scene::new().await;
    let StoreLocation::Sqlite(path) = &scene.config.store else { panic!("it is a file") };
    let before = fs::read(path).expect("the file");
    let (bearer, cookie) = (scene.bearer(), scene.cookie());
    for words in [&["-H", &bearer, "https://api.test/scans"][..], &["-H", &cookie, "https://api.test/scans"]]
    {
        assert_eq!(scene.verdict(words).await, "allowed");
    }
    assert_eq!(fs::read(path).expect("the file"), before);
    let files: Vec<_> = fs::read_dir(scene.folder.path()).expect("the folder").collect();
    assert_eq!(files.len(), 1, "{files:?}");
}
