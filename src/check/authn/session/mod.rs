//! Verification of sessions: checksum, look-up, and whether the record is good for this API now.

mod touches;

use std::sync::Arc;

use crate::{
    check::refusal::Refusal,
    config::ChecksumRule,
    domain::{ApiName, CredentialHash, SessionRecord, SessionStatus, is_well_formed_session_token},
    store::{Lookups, StoreError},
};

use super::{PresentedSession, Principal, Witnesses, invalid};

pub use touches::Touches;

/// Proves a session. An unknown, an ended, an idle and an expired one look alike outside.
pub(super) async fn verify<S: Lookups>(
    session: &PresentedSession<'_>,
    api: &ApiName,
    Witnesses { store, touches, now, .. }: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    if session.rule.checksum == ChecksumRule::Required && !is_well_formed_session_token(session.text) {
        return Err(invalid("the session's checksum is wrong"));
    }
    let hash = CredentialHash::of(session.text);
    let unavailable = |error: Arc<StoreError>| Refusal::unavailable(error.to_string());
    let unknown = || invalid("the session is unknown");
    let mut record = store.find::<SessionRecord>(&hash).await.map_err(unavailable)?.ok_or_else(unknown)?;
    if touches.status(&record, now) == SessionStatus::Idle {
        // Another server may have seen it since: its use is no change that is told.
        record = store.find_anew::<SessionRecord>(&hash).await.map_err(unavailable)?.ok_or_else(unknown)?;
    }
    let told = |cause: &str| invalid(format!("session {}: {cause}", record.id));
    if !record.apis.contains(api) {
        return Err(told("it is a session of another API"));
    }
    match touches.status(&record, now) {
        SessionStatus::Active => touches.note(&record, now),
        SessionStatus::Expired => return Err(told("it is expired")),
        SessionStatus::Idle => return Err(told("it was not used for too long")),
        SessionStatus::Ended => return Err(told("it was ended")),
    }
    if session.rule.scopes.is_empty() {
        return Ok(Principal::of_session(record));
    }
    let scopes = record.scopes.union(&session.rule.scopes);
    Ok(Principal::of_session(Arc::new(SessionRecord { scopes, ..(*record).clone() })))
}
