//! The addresses of the configuration: whether a server could listen on them, or does, and its certificates.

use crate::{
    config::{Config, ListenAddress, Transport},
    domain::Timestamp,
    server::{
        CertificateEnd, Probed, ServeError, certificate_ends, probe_admin, probe_check, probe_telemetry,
    },
};

use super::finding::{Finding, Level};

const CHECK: &str = "listener";
/// How long before the end of a certificate somebody has to see to it, in days.
const NOTICE_DAYS: i64 = 30;

pub(super) async fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for listener in &config.listen.check {
        let probed = probe_check(listener).await;
        findings.push(describe(probed, &listener.address.to_string(), "listen.check"));
        findings.extend(certificates(&listener.address, &listener.transport, now));
    }
    if let Some(address) = config.listen.telemetry {
        let probed = probe_telemetry(address).await;
        findings.push(describe(probed, &address.to_string(), "listen.telemetry"));
    }
    if let Some(listener) = &config.listen.admin {
        let probed = probe_admin(listener).await;
        findings.push(describe(probed, &listener.address.to_string(), "listen.admin"));
        findings.extend(certificates(&listener.address, &listener.transport, now));
    }
    findings
}

fn describe(probed: Probed, address: &str, field: &'static str) -> Finding {
    let (level, found) = match probed {
        Probed::Free => (Level::Ok, "nobody listens there: a server could"),
        Probed::LeftBehind => (Level::Ok, "a socket that nobody answers: the next start replaces it"),
        Probed::Serving => (Level::Ok, "a running server answers there"),
        Probed::NotReady => (Level::Warning, "a running server says that it is not ready: it begins or ends"),
        Probed::Guarded => (Level::Info, "somebody listens there by TLS, who is not asked"),
        Probed::Foreign(reason) => {
            let found = format!("somebody else listens there: {reason}");
            return Finding::new(Level::Failed, CHECK, place(field, address), found)
                .advise(format!("End it, or choose another address in `{field}`."));
        }
        Probed::Unusable(error) => {
            let failure = ServeError::Listen { address: address.to_owned(), field, error };
            return Finding::new(Level::Failed, CHECK, field, failure.to_string());
        }
    };
    Finding::new(level, CHECK, place(field, address), found)
}

fn place(field: &str, address: &str) -> String {
    format!("{field} {address}")
}

fn certificates(address: &ListenAddress, transport: &Transport, now: Timestamp) -> Vec<Finding> {
    let ends = match certificate_ends(transport) {
        Ok(ends) => ends,
        Err(error) => {
            return vec![Finding::new(Level::Failed, "certificate", address, error.to_string())];
        }
    };
    let finding = |CertificateEnd { path, ends }: CertificateEnd| {
        let days = ends.duration_since(now).as_hours().div_euclid(24);
        let advice = "Replace the file: a running server reads it again.";
        let finding = |level, found| Finding::new(level, "certificate", path.display(), found);
        if ends <= now {
            finding(Level::Failed, format!("a certificate ended at {ends}")).advise(advice)
        } else if days < NOTICE_DAYS {
            finding(Level::Warning, format!("a certificate ends in {days} days, at {ends}")).advise(advice)
        } else {
            finding(Level::Ok, format!("a certificate, good until {ends}"))
        }
    };
    ends.into_iter().map(finding).collect()
}
