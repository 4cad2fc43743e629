//! Hosts that a refused fragment may have: whether anything stands behind them is not known.

use std::{fs, path::Path};

use doorward::config::{Config, Fragments, Loaded};

use crate::door::{Call, Door, cause};

const MAIN: &str = "
include: apis.d/*.yaml
grants:
  pay: { hosts: [pay.example, pay2.example] }
  shop: { hosts: [shop.example] }
apis: [{ name: main, hosts: [main.example], routes: [{ match: /, public: true }] }]
";

fn write_fragment(folder: &Path, name: &str, hosts: &str) {
    let text =
        format!("apis: [{{ name: {name}, hosts: [{hosts}], routes: [{{ match: /, public: true }}] }}]");
    fs::write(folder.join(format!("apis.d/{name}.yaml")), text).expect("a file");
}

fn load(folder: &Path, last_good: &Fragments) -> Loaded {
    let loaded = Config::load(&folder.join("doorward.yaml"), &[], last_good);
    loaded.unwrap_or_else(|errors| panic!("{errors}"))
}

async fn assert_verdicts(door: &Door, verdicts: [(&str, &str); 7]) {
    for (host, verdict) in verdicts {
        assert_eq!(door.verdict(Call::new("GET", host, "/")).await, verdict, "{host}");
    }
}

#[tokio::test]
async fn a_host_of_a_refused_fragment_is_unavailable_and_all_others_are_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("doorward.yaml"), MAIN).expect("a file");
    fs::create_dir(folder.path().join("apis.d")).expect("a folder");
    write_fragment(folder.path(), "shop", "shop.example");
    // One host is its own, one another's, and one nobody's.
    write_fragment(folder.path(), "pay", "pay.example, shop.example, other.example");

    let loaded = load(folder.path(), &Fragments::default());
    let door = Door::of(&loaded.config).await;
    let verdicts = [
        ("main.example", "allowed"),
        ("shop.example", "allowed"),
        ("pay.example", "unavailable"),
        ("PAY.example.:443", "unavailable"),
        ("pay2.example", "unavailable"),
        ("other.example", "route_unknown"),
        ("example", "route_unknown"),
    ];
    assert_verdicts(&door, verdicts).await;

    let call = Call::new("GET", "pay.example", "/").extension("api", "main");
    assert_eq!(cause(&door, call).await, "the fragment `pay` is refused");

    write_fragment(folder.path(), "pay", "pay.example");
    let good = load(folder.path(), &loaded.fragments);
    write_fragment(folder.path(), "pay", "other.example");
    let door = Door::of(&load(folder.path(), &good.fragments).config).await;
    let is_served = |host: &str| host.to_ascii_lowercase().starts_with("pay.");
    let verdicts = verdicts.map(|(host, verdict)| (host, if is_served(host) { "allowed" } else { verdict }));
    assert_verdicts(&door, verdicts).await;
}
