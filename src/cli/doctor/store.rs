//! The store: whether it can be used, and which keys in it need somebody.

use std::collections::BTreeMap;

use crate::{
    config::{Config, Sealing, StoreLocation},
    domain::{ApiName, CredentialStatus, KeyRecord, SecretRecord, Timestamp},
    store::{
        DocumentsRead, KeyFilter, KeyStore, OrganizationFilter, OrganizationStore, SecretFilter, SecretStore,
        SqlStore, StoreError, every_page,
    },
};

use super::{
    finding::{Finding, Level},
    plans,
};

const CHECK: &str = "store";

pub(super) async fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    let place = config.store.to_string();
    if let StoreLocation::Sqlite(path) = &config.store
        && !path.exists()
        && path.parent().is_some_and(std::path::Path::is_dir)
    {
        let found = "it is not there yet: the first start makes it";
        return vec![Finding::new(Level::Info, CHECK, place, found)];
    }
    match SqlStore::open_as_it_is(&config.store, SqlStore::PATIENCE).await {
        Err(error) => vec![failed(&place, &error)],
        Ok(store) => {
            let findings = look(&store, &place, config, now).await;
            store.close().await;
            findings
        }
    }
}

fn failed(place: &str, error: &StoreError) -> Finding {
    let level = match error {
        StoreError::Unavailable(_) => Level::Unreachable,
        _ => Level::Failed,
    };
    Finding::new(level, CHECK, place, error.to_string())
}

async fn look(store: &SqlStore, place: &str, config: &Config, now: Timestamp) -> Vec<Finding> {
    if let Some(read) = store.documents_read() {
        return [documents(place, &read), contents(store, place, config, now).await].concat();
    }
    let can_write = match store.try_to_write().await {
        Ok(()) => {
            let found = format!("schema {}, can be read and written to", store.schema_version());
            Finding::ok(CHECK, place, found)
        }
        Err(error) => failed(place, &error),
    };
    [vec![can_write], contents(store, place, config, now).await].concat()
}

/// Whether the documents are good.
fn documents(place: &str, read: &DocumentsRead) -> Vec<Finding> {
    let refused = read.refused.iter().map(|document| {
        let found = document.errors.to_string();
        let advice =
            if document.is_kept { "its last good version stays" } else { "what it declares is unavailable" };
        Finding::new(Level::Refused, "documents", document.file.display().to_string(), found).advise(advice)
    });
    let good = format!("{} documents are good", read.count - read.refused.len());
    std::iter::once(Finding::ok(CHECK, place, good)).chain(refused).collect()
}

/// What the store holds.
async fn contents(store: &SqlStore, place: &str, config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    match every_page(async |page| store.list(&KeyFilter::default(), page).await).await {
        Ok(mut keys) => {
            findings.extend(examine_keys(&keys, config, now));
            keys.retain(|key| key.status(now) == CredentialStatus::Active);
            match every_page(async |page| store.organizations(&OrganizationFilter::default(), page).await)
                .await
            {
                Ok(organizations) => findings.extend(plans::examine(config, &keys, &organizations)),
                Err(error) => findings.push(failed(place, &error)),
            }
        }
        Err(error) => findings.push(failed(place, &error)),
    }
    match every_page(async |page| store.secrets(&SecretFilter::default(), page).await).await {
        Ok(secrets) => findings.extend(examine_secrets(&secrets, config.sealing.as_ref(), now)),
        Err(error) => findings.push(failed(place, &error)),
    }
    findings
}

/// Whether every secret that works can be opened, and under which key it is sealed.
fn examine_secrets(secrets: &[SecretRecord], sealing: Option<&Sealing>, now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "secrets";
    let working: Vec<&SecretRecord> =
        secrets.iter().filter(|secret| secret.status(now) == CredentialStatus::Active).collect();
    if working.is_empty() {
        return Vec::new();
    }
    let place = "secrets of projects";
    let Some(keys) = sealing.map(|sealing| &sealing.keys) else {
        let found = format!("{} work, and `sealing` has no key that opens them", working.len());
        return vec![Finding::new(Level::Failed, CHECK, place, found).advise("Bring the keys back.")];
    };
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for secret in &working {
        if let Err(fault) = keys.open(&secret.sealed, secret.owner()) {
            *faults.entry(fault.to_string()).or_default() += 1;
        }
    }
    let mut findings = vec![Finding::ok(CHECK, place, format!("{} work", working.len()))];
    findings.extend(faults.into_iter().map(|(fault, count)| {
        let found = format!("{count} cannot be opened: {fault}");
        Finding::new(Level::Failed, CHECK, place, found)
            .advise("Bring the key back, or make new secrets for these projects.")
    }));
    let older = working.iter().filter(|secret| secret.sealed.key != *keys.current()).count();
    if older > 0 {
        let found = format!("{older} are sealed under another key than `{}`", keys.current());
        let finding = Finding::new(Level::Info, "sealing", place, found);
        findings.push(finding.advise("`doorward secrets reseal` seals them anew."));
    }
    findings
}

fn examine_keys(keys: &[KeyRecord], config: &Config, now: Timestamp) -> Vec<Finding> {
    let count = |status| keys.iter().filter(|key| key.status(now) == status).count();
    let statuses = [CredentialStatus::Active, CredentialStatus::Expired, CredentialStatus::Revoked];
    let counts = statuses.map(|status| format!("{}: {}", status.code(), count(status)));
    let found = format!("{} ({})", keys.len(), counts.join(", "));
    let mut findings = vec![Finding::ok("keys", "keys", found)];
    let days = KeyRecord::OLD.as_secs() / 86_400;
    let past = keys.iter().filter(|key| key.is_past(KeyRecord::OLD, now)).count();
    if past > 0 {
        findings.push(
            Finding::new(Level::Warning, "key_age", "keys", format!("{past} are older than {days} days"))
                .advise(format!(
                    "`doorward keys list --older-than {days}d` lists them; `doorward keys rotate` replaces one."
                )),
        );
    }
    let working = keys.iter().filter(|key| key.status(now) == CredentialStatus::Active);
    findings.extend(strange_apis(working.clone(), config));
    if let Some(key) = keys.iter().find(|key| key.created > now) {
        let found = format!("the key {} was created at {}, which is yet to come", key.id, key.created);
        findings.push(
            Finding::new(Level::Warning, "clock", "this machine's clock", found)
                .advise("Set the clock: expiry dates and signatures depend on it."),
        );
    }
    findings
}

/// The APIs that keys are for and that the configuration does not have.
fn strange_apis<'k>(keys: impl Iterator<Item = &'k KeyRecord>, config: &Config) -> Vec<Finding> {
    let mut strange: BTreeMap<&str, usize> = BTreeMap::new();
    for name in keys.flat_map(|key| &key.apis) {
        if !config.apis.iter().any(|api| api.name == *name) {
            *strange.entry(ApiName::as_str(name)).or_default() += 1;
        }
    }
    let finding = |(name, count): (&str, usize)| {
        let found = format!("the configuration has no API `{name}`, which {count} working keys are for");
        Finding::new(Level::Warning, "key_api", "keys", found)
            .advise(format!("Revoke them (`doorward keys list` lists them), or bring `{name}` back."))
    };
    strange.into_iter().map(finding).collect()
}
