//! Verification of sessions: look-up, and whether the record is good for this API now.

use std::sync::Arc;

use crate::{
    check::refusal::Refusal,
    domain::{ApiName, CredentialHash, SessionRecord, SessionStatus},
    store::{Lookups, StoreError},
};

use super::{PresentedSession, Principal, Witnesses, invalid};

/// Proves a session. An unknown, an ended and an expired one look alike outside.
pub(super) async fn verify<S: Lookups>(
    session: &PresentedSession<'_>,
    api: &ApiName,
    Witnesses { store, now, .. }: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    let hash = CredentialHash::of(session.text);
    let unavailable = |error: Arc<StoreError>| Refusal::unavailable(error.to_string());
    let unknown = || invalid("the session is unknown");
    let mut record = store.find::<SessionRecord>(&hash).await.map_err(unavailable)?.ok_or_else(unknown)?;
    if record.status(now) == SessionStatus::Idle {
        // Another replica may have seen it since: its use is no change that is told.
        record = store.find_anew::<SessionRecord>(&hash).await.map_err(unavailable)?.ok_or_else(unknown)?;
    }
    let told = |cause: &str| invalid(format!("session {}: {cause}", record.id));
    if !record.apis.contains(api) {
        return Err(told("it is a session of another API"));
    }
    match record.status(now) {
        SessionStatus::Active if session.rule.scopes.is_empty() => Ok(Principal::of_session(record)),
        SessionStatus::Active => {
            let scopes = record.scopes.union(&session.rule.scopes);
            Ok(Principal::of_session(Arc::new(SessionRecord { scopes, ..(*record).clone() })))
        }
        SessionStatus::Expired => Err(told("it is expired")),
        SessionStatus::Idle => Err(told("it was not used for too long")),
        SessionStatus::Ended => Err(told("it was ended")),
    }
}
