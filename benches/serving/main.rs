//! The measuring stick: `cargo bench --bench serving` prints what Doorward costs, in ratio to servers that decide nothing.
//! `cargo bench --bench serving -- --help` tells the rest.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench says what went wrong by ending")]
#![expect(clippy::indexing_slicing, reason = "what is indexed was made here")]
#![expect(clippy::disallowed_methods, reason = "a bench lives in the machine's time")]
#![expect(unused_results, reason = "what it shares with the tests is written as tests are")]

mod checks;
mod cli;
mod cold_start;
mod compare;
mod envoy;
mod floor;
mod generator;
mod growth;
mod picture;
mod process;
mod progress;
mod ratios;
#[path = "../../tests/redis/mod.rs"]
mod redis_servers;
#[path = "../request/mod.rs"]
mod request;
mod server;
mod site;
mod table;

use std::{
    cell::OnceCell,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;

use cli::{Action, Arguments, How};
use compare::Method;
use growth::Growth;
use progress::Progress;
use ratios::{Part, Ratios};
use site::{Site, Size};

/// The floors are measured with the allocator that makes them fastest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a run is of which only the answers matter, and how many requests are in flight at most: a product that was not
/// built for speed takes a moment for a thousand.
const SMOKE_SECONDS: f64 = 0.25;
const SMOKE_IN_FLIGHT_MAX: usize = 64;
/// How many are in flight at most where figures matter.
const IN_FLIGHT_MAX: usize = 1024;

fn main() {
    let words: Vec<OsString> = std::env::args_os().collect();
    // `cargo test --benches` runs it without any.
    if words.len() == 1 {
        return;
    }
    raise_file_limit();
    let Arguments { action, how } = Arguments::parse_from(words.into_iter().filter(|word| word != "--bench"));
    match action {
        Some(Action::Floor(floor)) => floor::serve(&floor),
        Some(Action::Smoke) => {
            Stick::new(How { runs: 1, seconds: SMOKE_SECONDS, ..how }, SMOKE_IN_FLIGHT_MAX).smoke();
        }
        Some(Action::Ratios { parts }) => Stick::new(how, IN_FLIGHT_MAX).ratios(&parts),
        Some(Action::Envoy) => Stick::new(how, IN_FLIGHT_MAX).envoy(),
        Some(Action::Growth) => Stick::new(how, IN_FLIGHT_MAX).growth(),
        Some(Action::ColdStart) => Stick::new(how, IN_FLIGHT_MAX).cold_start(),
        None => Stick::new(how, IN_FLIGHT_MAX).all(),
    }
}

/// A thousand connections are more than many a system lets a process have at first. Servers inherit the limit.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, connecting says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// What all measurements need.
struct Stick {
    runtime: Runtime,
    method: Method,
    product: PathBuf,
    keys: usize,
    /// The site with many keys: making it takes a minute or two.
    many: OnceCell<Site>,
}

impl Stick {
    fn new(how: How, in_flight_max: usize) -> Self {
        let time = Duration::from_secs_f64(how.seconds);
        let method = Method { runs: how.runs, time, in_flight_max, progress: Progress::new() };
        Self {
            runtime: Runtime::new().expect("a runtime"),
            method,
            product: how.product,
            keys: how.keys,
            many: OnceCell::new(),
        }
    }

    fn all(&self) {
        self.ratios(&[]);
        self.envoy();
        self.growth();
        self.cold_start();
    }

    fn site(&self, size: Size) -> Site {
        self.runtime.block_on(Site::new(size, &self.method.progress))
    }

    fn many(&self) -> &Site {
        self.many.get_or_init(|| self.site(Size { keys: self.keys, ..ratios::FEW }))
    }

    fn ratios(&self, parts: &[Part]) {
        let parts = if parts.is_empty() { Part::value_variants() } else { parts };
        let few = self.site(ratios::FEW);
        self.ratios_with_few(&few, parts);
        if parts.contains(&Part::Memory) {
            ratios::memory(&self.method, &self.product, &few, self.many());
        }
    }

    fn ratios_with_few(&self, few: &Site, parts: &[Part]) {
        let redis = self.runtime.block_on(redis_servers::Server::start(&[]));
        let ratios = Ratios::start(&self.method, &self.product, few, redis);
        for part in parts {
            ratios.tell_part(*part);
        }
    }

    fn envoy(&self) {
        envoy::tell(&self.method, &self.product, &self.site(ratios::FEW));
    }

    fn growth(&self) {
        self.growth_of(self.many(), &Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance"));
    }

    fn growth_of(&self, many: &Site, pictures: &Path) {
        let site = |size| self.site(size);
        Growth { method: &self.method, binary: &self.product, site: &site, many, pictures }.all();
    }

    fn cold_start(&self) {
        let one = self.site(Size { keys: 1, organizations: 1, routes: 0 });
        cold_start::tell(&self.method, &self.product, &one, self.many());
    }

    /// All tables, of few keys and with runs so short that their figures say nothing: but wrong answers end it.
    fn smoke(&self) {
        let few = self.site(ratios::FEW);
        self.ratios_with_few(&few, Part::value_variants());
        let more = self.site(Size { keys: 2 * ratios::FEW_KEYS, ..ratios::FEW });
        ratios::memory(&self.method, &self.product, &few, &more);
        envoy::tell(&self.method, &self.product, &few);
        cold_start::tell(&self.method, &self.product, &few, &more);
        let pictures = tempfile::tempdir().expect("a folder");
        self.growth_of(&more, pictures.path());
        println!("Every answer was what it had to be. The figures say nothing: the runs were too short.");
    }
}
