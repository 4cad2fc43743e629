//! Every refusal's bytes, as golden files: in the words of `examples/cortex-edr.yaml` and in Doorward's own.

use std::{fmt::Write as _, path::Path};

use doorward::domain::{DenialReason, UNAVAILABLE};

use crate::harness::{
    client::{Http1, Request, Response},
    envoy::NEWEST,
    golden, root, run,
    site::Site,
    world::World,
};

const HOST: &str = "api.cortex-edr.com";
const GOLDEN: &str = "denials.txt";

/// What of an answer a golden file holds; the rest is Envoy's.
const HEADERS: [&str; 3] = ["content-type", "www-authenticate", "retry-after"];

/// The bodies that are pinned: a title, and what of the example's configuration is replaced for them.
const BODIES: [(&str, Option<&str>); 2] =
    [("in the words of examples/cortex-edr.yaml", None), ("in Doorward's own words", Some("{}"))];

/// Routes beside the example's own, for reasons that none of its own gives.
const MORE_ROUTES: [(&str, &str); 9] = [
    ("DOORWARD_APIS__0__ROUTES__5", "{ match: GET /v1/live, environments: [live] }"),
    ("DOORWARD_APIS__0__ROUTES__6", "{ match: GET /v1/services, principals: [service_key] }"),
    ("DOORWARD_APIS__0__ROUTES__7", "{ match: 'GET /v1/organizations/{organization}', organization: path }"),
    ("DOORWARD_APIS__0__ROUTES__8", "{ match: GET /v1/named, organization: { from: [{ query: org }] } }"),
    (
        "DOORWARD_APIS__0__ROUTES__9",
        "{ match: POST /v1/bodies, organization: { from: [{ json: org }], required: false } }",
    ),
    ("DOORWARD_APIS__0__ROUTES__10", "{ match: 'GET /v1/projects/{project}', project: path }"),
    ("DOORWARD_APIS__0__ROUTES__11", "{ match: GET /v1/sold, entitlements: [reports] }"),
    (
        "DOORWARD_APIS__0__ROUTES__12",
        "{ match: GET /v1/limited, cost: 0, limits: { by: credential, quotas: [1/day] } }",
    ),
    ("DOORWARD_APIS__0__CLIENT_ADDRESS", "peer"),
];

/// One refusal: its reason, and how it comes about.
struct Refusal {
    reason: &'static str,
    how: &'static str,
    request: Request,
}

fn refusals(site: &Site) -> Vec<Refusal> {
    let create = |words: &[&str]| site.create(&[&["--api", "cortex-edr"], words].concat()).key;
    let reader = create(&["--scope", "read"]);
    let test = create(&["--scope", "read", "--environment", "test"]);
    let distant = create(&["--scope", "read", "--source", "10.0.0.0/8"]);
    let mut refusals = unread(&reader, &test);
    refusals.extend(unauthorized(&reader, &test, &distant));
    site.json(&["organizations", "create", "globex", "--name", "Globex", "--api", "cortex-edr"]);
    site.json(&["organizations", "suspend", "globex"]);
    let suspended = site.key_of("globex", &["--api", "cortex-edr", "--scope", "read"]).key;
    refusals.extend(elsewhere(&reader, &suspended));
    refusals
}

/// Requests about something to which the principal does not belong.
fn elsewhere(reader: &str, suspended: &str) -> Vec<Refusal> {
    vec![
        refusal(
            "origin_not_allowed",
            "a key from a browser",
            get("/v1/scans").bearer(reader).with("origin", "https://page.test"),
        ),
        refusal("organization_missing", "no organization is named", get("/v1/named").bearer(reader)),
        refusal(
            "organization_mismatch",
            "another organization",
            get("/v1/organizations/globex").bearer(reader),
        ),
        refusal("organization_suspended", "a suspended organization", get("/v1/scans").bearer(suspended)),
        refusal("project_mismatch", "a project that nobody knows", get("/v1/projects/apollo").bearer(reader)),
        refusal("entitlement_missing", "something that was not bought", get("/v1/sold").bearer(reader)),
        refusal(
            "body_incomplete",
            "a body that Envoy does not show",
            Request::new("POST", HOST, "/v1/bodies").bearer(reader),
        ),
    ]
}

/// What comes after the last request that there was room for, and after the last bad credential.
async fn too_much(environment: &[(&str, &str)]) -> String {
    let attempts = [("DOORWARD_APIS__0__LIMITS__ATTEMPTS", "[1/day]")];
    let example = std::fs::read_to_string(root().join("examples/cortex-edr.yaml")).expect("the example");
    let site = Site::with_environment(&example, &[environment, &attempts].concat());
    let create = || site.create(&["--api", "cortex-edr", "--scope", "read"]);
    let (key, revoked) = (create().key, create());
    site.revoke(&revoked.id);
    let world = World::start(NEWEST, site, |recipe| recipe).await;
    let refusals = [
        refusal(
            "rate_limited",
            "a second request where there is room for one",
            get("/v1/limited").bearer(&key),
        ),
        refusal("too_many_attempts", "a second bad key", get("/v1/scans").bearer(&revoked.key)),
    ];
    let mut text = String::new();
    for refusal in refusals {
        let mut client = world.envoy.client();
        client.send(&refusal.request).await;
        text += &show(&refusal, &client.send(&refusal.request).await);
    }
    text
}

/// What came over plain HTTP, where that is refused.
async fn insecure(environment: &[(&str, &str)]) -> String {
    let guards = [("DOORWARD_APIS__0__GUARDS", "{ plain_http: refuse }")];
    let example = std::fs::read_to_string(root().join("examples/cortex-edr.yaml")).expect("the example");
    let site = Site::with_environment(&example, &[environment, &guards].concat());
    let key = site.create(&["--api", "cortex-edr", "--scope", "read"]).key;
    let world = World::start(NEWEST, site, |recipe| recipe).await;
    let refusal = refusal("transport_insecure", "plain HTTP", get("/v1/scans").bearer(&key));
    show(&refusal, &world.envoy.client().send(&refusal.request).await)
}

fn get(target: &str) -> Request {
    Request::get(HOST, target)
}

fn refusal(reason: &'static str, how: &'static str, request: Request) -> Refusal {
    Refusal { reason, how, request }
}

/// Requests that are refused before anybody is proven.
fn unread(reader: &str, test: &str) -> Vec<Refusal> {
    vec![
        refusal(
            "request_malformed",
            "a path that two parsers read differently",
            get("/v1//scans").bearer(reader),
        ),
        refusal("route_unknown", "a path without a route", get("/v2/scans").bearer(reader)),
        refusal("route_unknown", "a host without an API", Request::get("nobody.test", "/v1/scans")),
        refusal("credential_missing", "no key", get("/v1/scans")),
        refusal(
            "credential_missing",
            "a scheme that nobody claims",
            get("/v1/scans").with("authorization", "Basic YTpi"),
        ),
        refusal("credential_ambiguous", "two headers", get("/v1/scans").bearer(reader).bearer(test)),
        refusal(
            "credential_malformed",
            "a scheme without key",
            get("/v1/scans").with("authorization", "Bearer"),
        ),
        refusal(
            "credential_malformed",
            "a live key in the query",
            get(&format!("/v1/scans?api_key={reader}")),
        ),
        refusal(
            "credential_invalid",
            "a wrong checksum",
            get("/v1/scans").bearer(&format!("{}0000000", &reader[..reader.len() - 7])),
        ),
    ]
}

/// Requests that are refused although it is proven who is asking.
fn unauthorized(reader: &str, test: &str, distant: &str) -> Vec<Refusal> {
    vec![
        refusal(
            "credential_kind_not_allowed",
            "an API key where a service key is wanted",
            get("/v1/services").bearer(reader),
        ),
        refusal("source_not_allowed", "a strange address", get("/v1/scans").bearer(distant)),
        refusal(
            "environment_mismatch",
            "a test key where a live key is wanted",
            get("/v1/live").bearer(test),
        ),
        refusal(
            "scope_missing",
            "a reader who writes",
            Request::new("POST", HOST, "/v1/scans").bearer(reader),
        ),
        refusal("scope_missing", "a reader who administers", get("/v1/users/7").bearer(reader)),
    ]
}

fn show(refusal: &Refusal, response: &Response) -> String {
    let Refusal { reason, how, request } = refusal;
    // The key of the request differs from run to run.
    let target = String::from_utf8_lossy(&request.target);
    let target = target.split('?').next().unwrap_or_default();
    let mut text = format!("\n-- {reason}: {how}\n{} {target}\n{}\n", request.method, response.status);
    let mut body = response.text();
    for name in HEADERS {
        let Some(mut value) = response.header(name) else { continue };
        if name == "retry-after" {
            // The time differs as well.
            assert!(value.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{value}");
            body = body.replace(value, "SECONDS");
            value = "SECONDS";
        }
        let _ = writeln!(text, "{name}: {value}");
    }
    text + &body + "\n"
}

/// Takes the store away, so that nothing can be found out about keys that are not remembered.
async fn unavailable(world: &World, client: &mut Http1) -> String {
    let key = world.site.create(&["--api", "cortex-edr", "--scope", "read"]).key;
    world.site.take_store_away().await;
    let refusal = Refusal {
        reason: UNAVAILABLE,
        how: "the store cannot be read",
        request: Request::get(HOST, "/v1/scans").bearer(&key),
    };
    let response = client.send(&refusal.request).await;
    show(&refusal, &response)
}

async fn measure(denials: Option<&str>) -> String {
    let example = std::fs::read_to_string(root().join("examples/cortex-edr.yaml")).expect("the example");
    let mut environment = vec![("DOORWARD_BUDGET", "5s")];
    environment.extend(MORE_ROUTES);
    environment.extend(denials.map(|denials| ("DOORWARD_APIS__0__DENIALS", denials)));
    let elsewhere = insecure(&environment).await + &too_much(&environment).await;
    environment.push(("DOORWARD_APIS__0__GUARDS", "{ browser_keys: refuse }"));
    let site = Site::with_environment(&example, &environment);
    let refusals = refusals(&site);
    let world = World::start(NEWEST, site, |recipe| recipe).await;
    let mut client = world.envoy.client();
    let mut text = String::new();
    for refusal in &refusals {
        let response = client.send(&refusal.request).await;
        text += &show(refusal, &response);
    }
    text += &elsewhere;
    text += &unavailable(&world, &mut client).await;
    assert_eq!(world.upstream.received(), 0, "a refused request reached the upstream");
    let lines = world.envoy.access_log(refusals.len() + 1).await;
    for (refusal, line) in refusals.iter().zip(lines) {
        assert_eq!(line["reason"], refusal.reason, "{}: {line}", refusal.how);
    }
    text
}

#[test]
fn every_refusal_has_its_golden_status_headers_and_body() {
    run(async {
        let mut text =
            String::from("Every refusal, byte for byte: request, status, headers of ours, body.\n");
        for (title, denials) in BODIES {
            let _ = write!(text, "\n== {title}\n{}", measure(denials).await);
        }
        golden::check(GOLDEN, &text);
    });
}

/// Whether a stage of the data plane can give this reason: it is named there, outside of tests.
fn can_be_given(reason: DenialReason, folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder of the data plane");
    entries.map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            // What puts refusals into words names all of them.
            return !path.ends_with("response") && can_be_given(reason, &path);
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        program.contains(&format!("DenialReason::{reason:?}"))
    })
}

#[test]
fn every_reason_that_can_be_given_has_a_golden_body_in_both_words() {
    let golden = golden::read(GOLDEN);
    let parts: Vec<&str> = golden.split("\n== ").skip(1).collect();
    assert_eq!(parts.len(), BODIES.len(), "the golden file has a part for each body");
    let check = root().join("src/check");
    let given = DenialReason::ALL.into_iter().filter(|reason| can_be_given(*reason, &check));
    let codes: Vec<&str> = given.map(DenialReason::code).chain([UNAVAILABLE]).collect();
    assert!(codes.len() > 10, "the reasons are found in the source: {codes:?}");
    for code in codes {
        for part in &parts {
            let title = part.lines().next().unwrap_or_default();
            assert!(part.contains(&format!("\n-- {code}: ")), "{code} has no golden body {title}");
        }
    }
}
