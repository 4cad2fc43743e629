//! A configuration for tests.

use std::path::Path;

use crate::config::Config;

const CONFIG: &str = "
sealing: { current: CURRENT, keys: { k1: { env: K1 }, k2: { env: K2 } } }
apis:
  - name: payments
    hosts: [payments.example]
    credentials:
      - api_key: { prefixes: { live: sk_live_, test: sk_test_ }, from: [{ header: { name: x-key } }] }
    routes: [{ match: /** }]
  - name: games
    hosts: [games.example]
    client_address: peer
    credentials: &games
      - api_key: { prefix: gm_, from: [{ header: { name: x-key } }] }
      - session: { cookie: sid }
    routes: [{ match: /** }]
  - name: games-eu
    hosts: [eu.games.example]
    client_address: peer
    credentials: *games
    routes: [{ match: /** }]
  - name: library
    hosts: [library.example]
    client_address: peer
    credentials: [{ api_key: { prefix: lib_, from: [{ header: { name: x-key } }] } }]
    routes: [{ match: /** }]
  - name: open
    hosts: [open.example]
    routes: [{ match: /**, public: true }]
  - name: ingest
    hosts: [ingest.example]
    credentials:
      - signature:
          project: { header: x-project }
          timestamp: { header: x-timestamp }
          signature: { header: x-signature }
          signed: '{timestamp}.{body}'
    routes: [{ match: /** }]
";

/// `payments` has the environments `live` and `test`; `games` and `games-eu` have none, know the client's address
/// and accept sessions; `library` has a prefix of its own; `open` accepts no keys; `ingest` accepts signatures, whose
/// secrets are sealed under `k1`.
pub(crate) fn config() -> Config {
    config_sealing_under("k1")
}

/// The same with `k1` or `k2` as the current sealing key.
pub(crate) fn config_sealing_under(current: &str) -> Config {
    let env = [("K1", "1"), ("K2", "2")].map(|(name, digit)| (name.to_owned(), digit.repeat(64)));
    let loaded = Config::parse(&CONFIG.replace("CURRENT", current), Path::new("doorward.yaml"), &env);
    loaded.unwrap_or_else(|errors| panic!("{errors}")).config
}
