//! What the operator has switched off: TLS, one reading of paths, refusals for a time.

use crate::{
    cli::doctor::finding::{Finding, Level},
    config::{Access, Ambiguity, Api, Config, Guard, ListenAddress, Shadow, Transport},
    domain::Timestamp,
};

use super::route_of;

/// How long before its end somebody has to know that refusals will be enforced, in hours.
const NOTICE_HOURS: i64 = 7 * 24;

pub(super) fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = insecure(config);
    let is_remote = config.listen.check.iter().any(|listener| is_remote(&listener.address));
    for api in &config.apis {
        if is_remote {
            findings.extend(plain_http(api));
        }
        findings.extend(api.ambiguous_paths.iter().map(|ambiguity| ambiguous(api, *ambiguity)));
        findings.extend(api.shadow.map(|shadow| in_shadow(api.name.to_string(), shadow, now)));
        for route in &api.routes {
            findings.extend(route.shadow.map(|shadow| in_shadow(route_of(api, route), shadow, now)));
        }
    }
    findings
}

fn is_remote(address: &ListenAddress) -> bool {
    matches!(address, ListenAddress::Tcp(address) if !address.ip().to_canonical().is_loopback())
}

fn insecure(config: &Config) -> Vec<Finding> {
    let listeners = config.listen.check.iter();
    let insecure =
        listeners.filter(|listener| listener.transport == Transport::Plain && is_remote(&listener.address));
    let finding = |address: &ListenAddress| {
        let found = "`insecure: true`: others can reach it, and read what passes there, credentials included";
        Finding::new(Level::Warning, "listener_insecure", address, found)
            .advise("Give it `tls`, unless the network protects it.")
    };
    insecure.map(|listener| finding(&listener.address)).collect()
}

fn plain_http(api: &Api) -> Option<Finding> {
    let needs_credentials = api.routes.iter().any(|route| route.access != Access::Public);
    (api.guards.plain_http == Guard::Allow && needs_credentials).then(|| {
        let found = "credentials that come over plain HTTP are accepted";
        Finding::new(Level::Info, "plain_http_allowed", &api.name, found)
            .advise("If TLS ends at Envoy or before it, say `guards: { plain_http: refuse }`.")
    })
}

fn ambiguous(api: &Api, ambiguity: Ambiguity) -> Finding {
    let what = match ambiguity {
        Ambiguity::EncodedSeparator => "encoded_separator",
        Ambiguity::EmptySegment => "empty_segment",
        Ambiguity::PathParameter => "path_parameter",
        Ambiguity::EncodedDelimiter => "encoded_delimiter",
        Ambiguity::LetterCase => "letter_case",
        Ambiguity::TrailingSlash => "trailing_slash",
    };
    let found = format!("`{what}` lets paths through that two parsers can read differently");
    Finding::new(Level::Warning, "path_ambiguous", &api.name, found)
        .advise("Make sure that Envoy and the application read them as Doorward does.")
}

fn in_shadow(place: String, Shadow { until }: Shadow, now: Timestamp) -> Finding {
    const CHECK: &str = "shadow";
    if until <= now {
        let found = format!("`shadow` ended at {until}: refusals are enforced");
        return Finding::new(Level::Info, CHECK, place, found).advise("Take it away.");
    }
    let found = format!("refusals are not enforced until {until}");
    let finding = Finding::new(Level::Warning, CHECK, place, found);
    if until.duration_since(now).as_hours() < NOTICE_HOURS {
        return finding.advise("That is within a week: look at the metric of waived Checks before.");
    }
    finding
}
