//! Credential × route → decision, as a golden file: who is let in where, and why everybody else is not.

use std::fmt::Write as _;

use doorward::domain::PlainKey;
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::harness::{
    client::Request,
    envoy::{NEWEST, OLDEST},
    golden, run,
    site::Site,
    table,
    world::World,
};

const CONFIGURATION: &str = include_str!("two_apis.yaml");

/// Where the two APIs look for a key.
struct Places {
    api: &'static str,
    host: &'static str,
    header: &'static str,
    before_key: &'static str,
    query: &'static str,
    query_encoded: &'static str,
    /// The network that the client's address lies in, by the API's rule.
    network: &'static str,
    /// A network that it only would lie in by the other API's rule.
    strange_network: &'static str,
}

const SHOP: Places = Places {
    api: "shop",
    host: "shop.test",
    header: "authorization",
    before_key: "Bearer ",
    query: "api_key",
    query_encoded: "api%5Fkey",
    network: "127.0.0.0/8",
    strange_network: "203.0.113.0/24",
};

const PLAIN: Places = Places {
    api: "plain",
    host: "plain.test",
    header: "x-api-key",
    before_key: "",
    query: "key",
    query_encoded: "k%65y",
    network: "203.0.113.0/24",
    strange_network: "127.0.0.0/8",
};

/// What a caller presents: headers, and a query.
#[derive(Default)]
struct Presented {
    headers: Vec<(&'static str, String)>,
    query: Vec<String>,
}

impl Places {
    fn header(&self, key: &str) -> Presented {
        self.headers(&[key])
    }

    fn headers(&self, keys: &[&str]) -> Presented {
        let value = |key: &&str| (self.header, format!("{}{key}", self.before_key));
        Presented { headers: keys.iter().map(value).collect(), query: Vec::new() }
    }

    fn query(&self, keys: &[&str]) -> Presented {
        let parameter = |key: &&str| format!("{}={key}", self.query);
        Presented { headers: Vec::new(), query: keys.iter().map(parameter).collect() }
    }

    /// By way of a proxy, as the client says: one API believes that and the other does not.
    fn by_proxy(&self, key: &str) -> Presented {
        let mut presented = self.header(key);
        presented.headers.push(("x-forwarded-for", "203.0.113.7".to_owned()));
        presented
    }

    fn both(&self, header: &str, query: &str) -> Presented {
        Presented { query: self.query(&[query]).query, ..self.header(header) }
    }
}

/// A method, a host other than the API's own, and a path.
const ROUTES: [(&str, Option<&str>, &str); 12] = [
    ("GET", None, "/public"),
    ("GET", None, "/optional"),
    ("GET", None, "/read"),
    ("HEAD", None, "/read"),
    ("GET", None, "/read/"),
    ("POST", None, "/write"),
    ("GET", None, "/admin/users"),
    ("PATCH", None, "/any"),
    ("GET", None, "/services"),
    ("GET", None, "/tests"),
    ("GET", None, "/nowhere"),
    ("GET", Some("nobody.test"), "/read"),
];

/// Keys of one API.
struct Keys {
    read: String,
    write: String,
    admin: String,
    unscoped: String,
    service: String,
    test: String,
    other_test: String,
    expired: String,
    revoked: String,
    near: String,
    distant: String,
}

impl Keys {
    fn create(site: &Site, places: &Places) -> Self {
        let create = |words: &[&str]| site.create(&[&["--api", places.api], words].concat());
        let read = |words: &[&str]| create(&[&["--scope", "read"], words].concat()).key;
        let revoked = create(&["--scope", "read"]);
        site.revoke(&revoked.id);
        Self {
            read: read(&[]),
            write: create(&["--scope", "write"]).key,
            admin: create(&["--scope", "admin"]).key,
            unscoped: create(&[]).key,
            service: read(&["--kind", "service_key"]),
            test: read(&["--environment", "test"]),
            other_test: read(&["--environment", "test"]),
            expired: read(&["--expires", "1s"]),
            revoked: revoked.key,
            near: read(&["--source", places.network]),
            distant: read(&["--source", places.strange_network]),
        }
    }
}

/// Every way of presenting a credential, good or bad, to this API.
fn callers(keys: &Keys, places: &Places, foreign: &str) -> Vec<(&'static str, Presented)> {
    let mut random = StdRng::seed_from_u64(1);
    let mut invent = |prefix: &str| {
        let key = PlainKey::generate(&prefix.parse().expect("a prefix"), &mut random);
        places.header(key.expose())
    };
    let basic = Presented {
        headers: vec![("authorization", "Basic dXNlcjpwYXNzd29yZA==".to_owned())],
        query: Vec::new(),
    };
    let encoded =
        Presented { headers: Vec::new(), query: vec![format!("{}={}", places.query_encoded, keys.test)] };
    let (read, test, other) = (keys.read.as_str(), keys.test.as_str(), keys.other_test.as_str());
    vec![
        ("nothing", Presented::default()),
        ("a key to read", places.header(read)),
        ("a key to write", places.header(&keys.write)),
        ("a key to administer", places.header(&keys.admin)),
        ("a key without scopes", places.header(&keys.unscoped)),
        ("a service key", places.header(&keys.service)),
        ("a test key", places.header(test)),
        ("a test key in the query", places.query(&[test])),
        ("a live key in the query", places.query(&[read])),
        ("an expired key", places.header(&keys.expired)),
        ("a revoked key", places.header(&keys.revoked)),
        ("a key of the other API", places.header(foreign)),
        ("a wrong checksum", places.header(&with_last_changed(read))),
        ("an unknown key", invent("sk_live_")),
        ("a wrong prefix", invent("pk_live_")),
        ("an empty value", places.header("")),
        ("a scheme of nobody's", basic),
        ("a header twice, one key", places.headers(&[read, read])),
        ("a header twice, two keys", places.headers(&[test, other])),
        ("two places, one key", places.both(test, test)),
        ("two places, two keys", places.both(test, other)),
        ("an encoded name in the query", encoded),
        ("twice in the query", places.query(&[test, test])),
        ("from its own network", places.by_proxy(&keys.near)),
        ("from a strange network", places.by_proxy(&keys.distant)),
    ]
}

/// The key with another last character, so that its checksum is wrong.
fn with_last_changed(key: &str) -> String {
    let (start, last) = key.split_at(key.len() - 1);
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

fn request(places: &Places, presented: &Presented, route: (&str, Option<&str>, &str)) -> Request {
    let (method, host, path) = route;
    let mut target = path.to_owned();
    if !presented.query.is_empty() {
        let _ = write!(target, "?{}", presented.query.join("&"));
    }
    let request = Request::new(method, host.unwrap_or(places.host), target);
    presented.headers.iter().fold(request, |request, (name, value)| request.with(name, value.as_str()))
}

/// Sends every credential to every route and checks the decisions against the golden file.
async fn measure(version: &str) {
    let site = Site::new(CONFIGURATION);
    let foreign = |api| site.create(&["--api", api, "--scope", "admin"]).key;
    let apis = [(&SHOP, foreign(PLAIN.api)), (&PLAIN, foreign(SHOP.api))]
        .map(|(places, foreign)| (places, callers(&Keys::create(&site, places), places, &foreign)));
    let made = Instant::now();
    let world = World::start(version, site, |recipe| recipe).await;
    // By then the keys that live for a second are expired.
    tokio::time::sleep_until(made + std::time::Duration::from_millis(1100)).await;

    let mut client = world.envoy.client();
    let mut statuses = Vec::new();
    for (places, callers) in &apis {
        for (_, presented) in callers {
            for route in ROUTES {
                statuses.push(client.send(&request(places, presented, route)).await.status);
            }
        }
    }
    let lines = world.envoy.access_log(statuses.len()).await;
    let logged: Vec<u64> = lines.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert!(
        logged.iter().copied().eq(statuses.iter().map(|status| u64::from(*status))),
        "the access log is not in the order of the requests"
    );

    let mut rows = lines.chunks(ROUTES.len()).map(|row| row.iter().map(table::decision).collect());
    let mut text = String::from(
        "Who is let in where: the status, and the kind of principal or the reason of the refusal.\n",
    );
    for (places, callers) in &apis {
        let names: Vec<&str> = callers.iter().map(|(name, _)| *name).collect();
        let cells: Vec<Vec<String>> = rows.by_ref().take(names.len()).collect();
        let corner = format!("to {}", places.api);
        let routes =
            ROUTES.map(|(method, host, path)| format!("{method} {}{path}", host.unwrap_or_default()));
        let _ = write!(text, "\n{}", table::render(&corner, &names, &routes, &cells));
    }
    golden::check("matrix.txt", &text);
    world.assert_no_secret().await;
}

#[test]
fn every_credential_gets_the_golden_decision_on_every_route_behind_the_newest_envoy() {
    run(measure(NEWEST));
}

#[test]
fn every_credential_gets_the_golden_decision_on_every_route_behind_the_oldest_envoy() {
    run(measure(OLDEST));
}
