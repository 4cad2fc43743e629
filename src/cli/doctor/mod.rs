//! `doorward doctor`: whether a server finds all that it needs, and whether the configuration means what it seems to.
//!
//! It looks, and changes nothing, beside a running server too.

mod counters;
mod files;
mod finding;
mod issuers;
mod lints;
mod listeners;
mod plans;
mod store;
#[cfg(test)]
mod tests;

use clap::Args;
use serde_json::json;

use crate::{
    config::Loaded,
    domain::{Clock, SystemClock},
};

use super::{ConfigFile, Exit, Failure, Output, block_on, print, table::plain, to_json};

use self::finding::{Finding, Level};

/// Look whether everything is well: files, store, counters, listeners, clocks, and what the configuration says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward doctor
  doorward doctor --config doorward.yaml --output json

Run it as the user that the server runs as, before the server or beside it. It changes nothing,
but writes a key to shared counters that lives for a second.
Each line says how much it matters, what was looked at, what was found, and what to do:
  ok           all is well
  info         worth knowing; it may well be meant, as a public route is
  warning      it works, but not for long, or not as it seems to be meant
  failed       it does not work
  unreachable  something needed cannot be reached
  refused      a fragment of the configuration has a mistake

With `--output json`: `findings`, a list of `level`, `check` (a stable code), `place`, `found`,
and `advice` where there is something to do.

Exit codes:
  0   nothing worse than a warning
  1   something failed
  64  bad command line or configuration, or a fragment of it is refused
  69  something needed cannot be reached")]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    config: ConfigFile,
    /// How to answer: for people or for programs.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

/// Runs the command on the machine's clock, and prints its answer.
///
/// # Errors
///
/// There is no configuration, or it is wrong.
pub(super) fn run(command: &DoctorCommand, env: &[(String, String)]) -> Result<Exit, Failure> {
    let path = command.config.path(env)?;
    let loaded = command.config.load(env)?;
    let findings = block_on(async { Ok(examine(&path.display().to_string(), &loaded, &SystemClock).await) })?;
    print(&render(&findings, command.output)?)?;
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    Ok(worst.exit())
}

/// Looks at everything.
async fn examine(path: &str, loaded: &Loaded, clock: &dyn Clock) -> Vec<Finding> {
    let (config, now) = (&loaded.config, clock.now());
    let mut findings = configuration(path, loaded);
    findings.extend(files::examine(config));
    findings.extend(store::examine(config, now).await);
    findings.extend(counters::examine(config, clock).await);
    findings.extend(issuers::examine(config, clock).await);
    findings.extend(listeners::examine(config, now).await);
    findings.extend(lints::examine(config, now));
    findings
}

fn configuration(path: &str, loaded: &Loaded) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let (apis, routes) = (&loaded.config.apis, loaded.config.apis.iter().map(|api| api.routes.len()));
    let found =
        format!("APIs: {}, routes: {}, fragments: {}", apis.len(), routes.sum::<usize>(), loaded.taken);
    let mut findings = vec![Finding::ok(CHECK, path, found)];
    findings.extend(loaded.warnings.lines().map(|line| Finding::new(Level::Warning, CHECK, path, line)));
    for fragment in &loaded.refused {
        let found = format!("the fragment is refused: {}", fragment.errors);
        findings.push(
            Finding::new(Level::Refused, CHECK, fragment.file.display(), found)
                .advise("Correct it: until then its hosts are unavailable, or keep what they had."),
        );
    }
    findings
}

fn render(findings: &[Finding], output: Output) -> Result<String, Failure> {
    match output {
        Output::Table => Ok(findings.iter().map(line).collect::<Vec<_>>().join("\n")),
        Output::Json => to_json(&json!({ "findings": findings })),
    }
}

fn line(Finding { level, place, found, advice, .. }: &Finding) -> String {
    let advice = if advice.is_empty() { String::new() } else { format!(". {advice}") };
    plain(&format!("{level:12} {place}: {found}{advice}"))
}
