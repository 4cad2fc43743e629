//! Shared counters: whether their servers can be reached, forget nothing, and agree on the time.

use crate::{
    config::{Config, CounterLocation},
    counters::redis::{Inquired, inquire},
    domain::Clock,
};

use super::finding::{Finding, Level};

const CHECK: &str = "counters";
/// So far may two clocks be apart, in milliseconds.
const APART_MS_MAX: u64 = 1_000;

pub(super) async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let CounterLocation::Redis(redis) = &config.counters else { return Vec::new() };
    let inquired = inquire(redis, clock).await;
    inquired.iter().flat_map(|(server, answer)| describe(&format!("counters {server}"), answer)).collect()
}

fn describe(place: &str, answer: &Result<Inquired, String>) -> Vec<Finding> {
    let Inquired { version, policy, ahead_ms } = match answer {
        Ok(inquired) => inquired,
        Err(cause) => {
            let finding = Finding::new(Level::Unreachable, CHECK, place, cause.as_str());
            return vec![finding.advise(
                "Until it answers, APIs do as `without_counters` says, and signatures that are good once are unavailable.",
            )];
        }
    };
    let version = version
        .as_ref()
        .map_or("a server of unknown version".to_owned(), |version| format!("Redis {version}"));
    let mut findings = vec![Finding::ok(CHECK, place, format!("{version}, takes what is counted"))];
    match policy.as_deref() {
        Some("noeviction") => {}
        Some(policy) => findings.push(
            Finding::new(
                Level::Warning,
                CHECK,
                place,
                format!("`maxmemory-policy` is `{policy}`: when it is full, counters are forgotten"),
            )
            .advise("Set `maxmemory-policy noeviction`, and let it count alone."),
        ),
        None => findings.push(
            Finding::new(Level::Info, CHECK, place, "it does not tell its `maxmemory-policy`")
                .advise("Make sure that it is `noeviction`, or let its user ask `INFO`."),
        ),
    }
    if ahead_ms.unsigned_abs() > APART_MS_MAX {
        let side = if *ahead_ms > 0 { "ahead of" } else { "behind" };
        let found = format!("its clock is {} ms {side} this machine's", ahead_ms.unsigned_abs());
        findings.push(
            Finding::new(Level::Warning, "clock", place, found)
                .advise("Set both: windows begin and end by its clock, and clients are told so."),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(version: Option<&str>, policy: Option<&str>, ahead_ms: i64) -> Vec<String> {
        let (version, policy) = (version.map(str::to_owned), policy.map(str::to_owned));
        let findings = describe("counters a:1", &Ok(Inquired { version, policy, ahead_ms }));
        findings.iter().map(|finding| format!("{} {}", finding.level, finding.found)).collect()
    }

    #[test]
    fn what_a_server_says_of_itself_is_judged() {
        let well = "ok Redis 7.0.15, takes what is counted";
        let evicts = "warning `maxmemory-policy` is `allkeys-lru`: when it is full, counters are forgotten";
        for (policy, ahead_ms, expected) in [
            (Some("noeviction"), 1_000, vec![well]),
            (Some("allkeys-lru"), -1_000, vec![well, evicts]),
            (None, 0, vec![well, "info it does not tell its `maxmemory-policy`"]),
            (Some("noeviction"), 1_001, vec![well, "warning its clock is 1001 ms ahead of this machine's"]),
            (Some("noeviction"), -7_000, vec![well, "warning its clock is 7000 ms behind this machine's"]),
        ] {
            assert_eq!(lines(Some("7.0.15"), policy, ahead_ms), expected);
        }
        let unknown = lines(None, Some("noeviction"), 0);
        assert_eq!(unknown, ["ok a server of unknown version, takes what is counted"]);
    }

    #[test]
    fn one_that_cannot_be_reached_is_told_with_what_follows() {
        let findings = describe("counters a:1", &Err("no connection (refused)".to_owned()));
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].level, findings[0].found.as_str()),
            (Level::Unreachable, "no connection (refused)")
        );
        assert!(findings[0].advice.contains("without_counters"));
    }
}
