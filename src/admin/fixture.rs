//! A configuration for tests.

use std::path::Path;

use crate::config::Config;

const CONFIG: &str = "
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
";

/// `payments` has the environments `live` and `test`; `games` and `games-eu` have none, know the client's address
/// and accept sessions; `library` has a prefix of its own; `open` accepts no keys.
pub(crate) fn config() -> Config {
    let loaded = Config::parse(CONFIG, Path::new("doorward.yaml"), &[]);
    loaded.unwrap_or_else(|errors| panic!("{errors}")).config
}
