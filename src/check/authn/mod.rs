//! Stages 3 and 4: who is asking. Extraction finds what the request presents, verification proves it.

mod api_key;
mod credential;
mod principal;

use crate::{
    check::{refusal::Refusal, route::GuardedApi},
    domain::Timestamp,
    store::{CachedStore, Lookups},
};

pub use credential::{Credential, PresentedKey, extract, presented_by_header, presented_by_parameter};
pub use principal::Principal;

/// Stage 4, verify: credential → principal.
///
/// # Errors
///
/// `credential_invalid` if the credential is not good, whatever the cause; unavailable if that could not be
/// found out.
pub async fn verify<S: Lookups>(
    credential: Credential<'_>,
    api: &GuardedApi,
    store: &CachedStore<S>,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    match credential {
        Credential::Anonymous => Ok(Principal::anonymous()),
        Credential::ApiKey(key) => api_key::verify(&key, &api.config.name, store, now).await,
    }
}
