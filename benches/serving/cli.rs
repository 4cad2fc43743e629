//! The program's words.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{floor::FloorArguments, ratios::Part};

/// Measures Doorward against servers that decide nothing, on this machine.
///
/// All figures that are compared come from runs in turn, and what is told is the median of their ratios: the machine
/// may be busy, but is so for all of them. Each server has one thread for its work, this program another. The absolute
/// figures are worth nothing elsewhere.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo bench --bench serving --",
    after_help = "\
Examples:
  cargo bench --bench serving                                 all tables, in half an hour
  cargo bench --bench serving -- ratios --runs 9              some of them
  cargo bench --bench serving -- ratios refusals --runs 41    one, in a minute or two
  cargo bench --bench serving -- ratios --product ./doorward  another build of the product

Tables go to standard output, in Markdown; what is being done, to standard error. `ratios` needs
redis-server, `envoy` an Envoy: tests/parts.sh installs both."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// How it is measured.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// The product's binary, if not the one that cargo has just built
    #[arg(long, global = true, value_name = "PATH", default_value = env!("CARGO_BIN_EXE_doorward"), hide_default_value = true)]
    pub(crate) product: PathBuf,
    /// How many rounds count, after one that warms up
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 5)]
    pub(crate) runs: usize,
    /// How long each run is measured
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// How many keys "many keys" are
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 1_000_000)]
    pub(crate) keys: usize,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Every kind of request, in ratio to what decides nothing and to each other, beside the goals
    Ratios {
        /// Which tables; without any, all of them
        #[arg(value_name = "TABLE")]
        parts: Vec<Part>,
    },
    /// What a client sees through a real Envoy: with Doorward, with Envoy's own filters, and with none
    Envoy,
    /// How figures grow with keys, routes, organizations, requests in flight and connections; draws docs/performance/*.svg
    Growth,
    /// From the start of the process to the first right answer
    ColdStart,
    /// Whether all kinds of requests are answered as they should be: no figures, in seconds
    Smoke,
    /// A server that decides nothing
    #[command(hide = true)]
    Floor(FloorArguments),
}
