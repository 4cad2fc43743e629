//! `envoy`: what a client sees through a real Envoy with one thread, which answers by itself: so all that is left is
//! Envoy, and what it asks.

mod configuration;
mod tokens;

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    checks::{self, Presented},
    compare::{Entrant, Heat, Method},
    floor::Floor,
    generator::{
        Address, Outcome, Pace,
        requests::{Requests, Values},
    },
    server::{Over, Server},
    site::{LimitedBy, Site, TOKENS},
    table::{Table, count},
};

use self::{configuration::Filter, tokens::Issuer};

/// The newest Envoy that is supported.
const VERSION: &str = "1.40.0";
/// At which rate latency is measured, in requests a second.
const RATE: f64 = 1000.0;

/// A request as a client sends it, with the first of these credentials.
fn requests(credentials: &Values) -> Requests {
    let headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/v1/scans?page=2&per_page=50"),
        (":authority", LimitedBy::Credential.host()),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("cache-control", "no-cache"),
        ("content-type", "application/json"),
        ("pragma", "no-cache"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("user-agent", "example-sdk/3.2.1 (linux; x86_64) http/2"),
        ("x-client-version", "3.2.1"),
    ];
    let bearer = format!("Bearer {}", credentials.first());
    Requests::plain(&headers, &[("authorization", &bearer)], vec![credentials.clone()])
}

/// Prints requests a second, CPU and latency with each filter.
pub(crate) fn tell(method: &Method, product: &Path, site: &Site) {
    let progress = &method.progress;
    progress.tell("starting servers");
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder");
    let one = || checks::reading(LimitedBy::Credential, Presented::Bearer(site.keys.firsts(1)));
    let mut floor = Server::floor(Floor::Decoding);
    let mut doorward = Server::product(product, site, "memory");
    for server in [&mut floor, &mut doorward] {
        let _time = server.first_answer(Over::Unix, &mut one());
    }
    let (issuer, keys) = (Issuer::new(), &site.keys);
    let tokens = issuer.tokens(TOKENS);
    let own_keys = Filter::api_keys((0..keys.count()).map(|number| keys.text(number)));
    let ask =
        |name, server, over, show_body| (name, Some(Filter::ask(show_body)), Some((server, over)), keys);
    let ways = [
        ("no filter", None, None, keys),
        ("api_key_auth, 1 000 keys", Some(own_keys), None, keys),
        ("jwt_authn, RS256", Some(Filter::tokens(&issuer.jwks(), 0)), None, &tokens),
        ("jwt_authn, RS256, remembered", Some(Filter::tokens(&issuer.jwks(), TOKENS)), None, &tokens),
        ask("ext_authz: Doorward, TCP", &doorward, Over::Tcp, false),
        ask("ext_authz: Doorward, Unix socket", &doorward, Over::Unix, false),
        ask("ext_authz: Doorward, Unix socket, shown bodies", &doorward, Over::Unix, true),
        ask("ext_authz: the floor, TCP", &floor, Over::Tcp, false),
        ask("ext_authz: the floor, Unix socket", &floor, Over::Unix, false),
    ];
    let mut envoys = Vec::new();
    for (name, filter, asked, credentials) in ways {
        let address = asked.map(|(server, over)| server.address(over));
        let mut requests = requests(credentials);
        let mut envoy = start(&binary, &folder, filter, address.as_ref());
        let _time = envoy.first_answer(Over::Tcp, &mut requests);
        envoys.push((name, envoy, asked.map(|(server, _)| server), requests));
    }
    let entrants = envoys.iter().map(|(name, envoy, asked, requests)| {
        let entrant = Entrant::new(name, envoy, requests.clone());
        Entrant { beside: *asked, ..entrant }
    });
    let mut entrants: Vec<Entrant<'_>> = entrants.collect();
    let most = method.heat(&mut entrants, Pace::Closed);
    let slow = method.heat(&mut entrants, Pace::Open(RATE));
    let table = table(&entrants, &most, &slow);
    progress.done();
    println!("{table}");
}

/// What came of both heats: at the most that each can do, and at [`RATE`].
fn table(entrants: &[Entrant<'_>], most: &Heat, slow: &Heat) -> Table {
    let columns = [
        "filter",
        "requests/s",
        "of no filter",
        "Envoy's CPU µs",
        "server's CPU µs",
        "p50 µs at 1 000/s",
        "more than no filter",
        "p99 µs",
        "CPU µs at 1 000/s, both",
    ];
    let mut table = Table::new(format!("Through Envoy {VERSION}, one thread"), &columns);
    for (at, entrant) in entrants.iter().enumerate() {
        let has_server = entrant.beside.is_some();
        let server_cpu = |outcome: &Outcome| if has_server { outcome.cpu_us(1) } else { 0.0 };
        let (p50, own_p50) =
            (|outcome: &Outcome| outcome.latency_us(0.5), slow.median(0, |o| o.latency_us(0.5)));
        table.add([
            entrant.name.to_owned(),
            count(most.median(at, Outcome::rate)),
            format!("{:.2}", most.ratio(at, 0, Outcome::rate)),
            format!("{:.1}", most.median(at, |outcome| outcome.cpu_us(0))),
            if has_server { format!("{:.1}", most.median(at, server_cpu)) } else { String::new() },
            count(slow.median(at, p50)),
            format!("{:+.0}", slow.median(at, p50) - own_p50),
            count(slow.median(at, |outcome| outcome.latency_us(0.99))),
            format!("{:.0}", slow.median(at, |outcome| outcome.cpu_us(0) + server_cpu(outcome))),
        ]);
    }
    table
}

/// The path of Envoy, which is installed if need be.
fn binary() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts.sh");
    let output = Command::new(script)
        .args(["envoy", VERSION])
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("tests/parts.sh can be run");
    assert!(output.status.success(), "tests/parts.sh envoy {VERSION}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Starts an Envoy; its configuration lies in the folder.
fn start(binary: &str, folder: &TempDir, filter: Option<Filter>, asked: Option<&Address>) -> Server {
    let mut command = Command::new(binary);
    command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
    Server::start(command, |command, listen, _| {
        let path = folder.path().join(format!("{}.json", listen.port()));
        let text = configuration::whole(listen, filter, asked).to_string();
        fs::write(&path, text).expect("a file");
        command.arg("--config-path").arg(path);
    })
}
