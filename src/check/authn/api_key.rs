//! Verification of API keys: checksum, look-up, and whether the record is good for this API now.

use crate::{
    check::refusal::Refusal,
    config::ChecksumRule,
    domain::{ApiName, CredentialHash, CredentialStatus, KeyRecord, KnownKey, Timestamp, is_well_formed_key},
    store::Lookups,
};

use super::{PresentedKey, Principal, Witnesses, invalid};

/// Proves a key. An unknown, an expired, a revoked key and one of another API cost the same look-up and look
/// alike outside.
pub(super) async fn verify<S: Lookups>(
    key: &PresentedKey<'_>,
    api: &ApiName,
    Witnesses { store, now, .. }: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    if key.checksum == ChecksumRule::Required && !is_well_formed_key(key.text, &key.rule.prefix) {
        return Err(invalid("the key's checksum is wrong"));
    }
    let found = store
        .find::<KeyRecord>(&CredentialHash::of(key.text))
        .await
        .map_err(|error| Refusal::unavailable(error.to_string()))?;
    let record = found.ok_or_else(|| invalid("the key is unknown"))?;
    judge(&record, key, api, now)?;
    Ok(Principal::of_key(record))
}

fn judge(record: &KnownKey, key: &PresentedKey<'_>, api: &ApiName, now: Timestamp) -> Result<(), Refusal> {
    let told = |cause: &str| invalid(format!("key {}: {cause}", record.id));
    if !record.apis.contains(api) {
        return Err(told("it is a key of another API"));
    }
    if record.environment != key.rule.environment {
        return Err(told("its prefix is that of another environment"));
    }
    if key.rule.kind.is_some_and(|kind| record.kind != kind) {
        return Err(told("its prefix is that of another kind of key"));
    }
    match record.status(now) {
        CredentialStatus::Active => Ok(()),
        CredentialStatus::Expired => Err(told("it is expired")),
        CredentialStatus::Revoked => Err(told("it was revoked")),
    }
}
