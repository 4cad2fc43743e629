//! No credential is ever shown, wherever it stands.

use proptest::prelude::*;

use super::*;

/// Where a credential can stand in a command.
const PLACES: [&str; 16] = [
    "authorization: Bearer {}",
    "authorization: {}",
    "authorization: Basic {}",
    "authorization {}",
    "cookie: sid={}",
    "cookie: a=b; sid={}; other={}",
    "x-signature: {}",
    "x-project: {}",
    "x-timestamp: {}",
    "x-forwarded-for: {}",
    "x-principal-id: {}",
    "https://api.test/scans?api_key={}",
    "https://api.test/orgs?org={}",
    "https://api.test/scans?{}",
    "https://{}@api.test/scans",
    "body {}",
];

/// The words of a command with `secret` in these places.
fn words(places: &[usize], secret: &str, json: bool) -> Vec<String> {
    let mut words = vec!["--output".to_owned(), if json { "json" } else { "table" }.to_owned()];
    let mut url = "https://api.test/orgs".to_owned();
    for place in places {
        let filled = PLACES[*place].replace("{}", secret);
        if filled.starts_with("https:") {
            url = filled;
        } else if let Some(body) = filled.strip_prefix("body ") {
            words.extend(["-d".to_owned(), body.to_owned()]);
        } else {
            words.extend(["-H".to_owned(), filled]);
        }
    }
    words.push(url);
    words
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_credential_is_shown(
        places in proptest::collection::vec(0..PLACES.len(), 1..4),
        kind in 0..6_usize,
        json: bool,
    ) {
        static SCENE: std::sync::OnceLock<(tokio::runtime::Runtime, Scene)> = std::sync::OnceLock::new();
        let (runtime, scene) = SCENE.get_or_init(|| {
            let runtime = tokio::runtime::Runtime::new().expect("threads");
            let scene = runtime.block_on(Scene::new());
            (runtime, scene)
        });
        let known = scene.key.expose();
        let mistyped = format!("{known}x");
        let token = scene.token();
        let forged = format!("{}x", scene.token());
        let (_, mac) = scene.signed("/orgs");
        let secret = [known, &mistyped, scene.session.expose(), &token, &forged, &mac][kind];
        let words = words(&places, secret, json);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let told = match runtime.block_on(scene.run(&words)) {
            Ok((answer, _)) => answer,
            Err(failure) => failure.message,
        };
        prop_assert!(!told.contains(secret), "{words:?}\n{told}");
    }
}

#[test]
fn a_command_shows_nothing_of_its_request_when_it_is_debugged() {
    let words = ["check", "-H", "a: secret", "-d", "secret", "https://api.test/?secret"];
    let root = Root::try_parse_from(words).expect("a command");
    assert!(!format!("{root:?}").contains("secret"), "{root:?}");
}

#[tokio::test]
async fn a_credential_that_stands_elsewhere_too_is_not_shown_there() {
    let scene = Scene::new().await;
    let key = scene.key.expose();
    let url = format!("https://api.test/orgs?org={key}");
    let (answer, _) = scene.json(&["-H", &scene.bearer(), &url]).await;
    assert_eq!(answer["cause"], "the principal does not belong to the organization \"[redacted]\"");
    assert!(!answer.to_string().contains(key), "{answer}");
}

#[tokio::test]
async fn of_cookies_that_are_left_nothing_is_shown() {
    let scene = Scene::new().await;
    let cookie = format!("{}; theme=dark", scene.cookie());
    let (answer, exit) = scene.json(&["-H", &cookie, "https://api.test/scans"]).await;
    assert!(exit == Exit::Success);
    assert_eq!(answer["answer"]["set_headers"]["cookie"], "[redacted]");
    assert!(!answer.to_string().contains("dark"), "{answer}");
}
