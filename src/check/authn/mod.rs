//! Stages 3 and 4: who is asking. Extraction finds what the request presents, verification proves it.

mod api_key;
mod attempts;
mod credential;
pub mod jwks;
pub mod jwt;
mod principal;
mod replay;
mod session;
mod signature;
mod strict_json;

use std::borrow::Cow;

use crate::{
    check::{refusal::Refusal, request::InboundRequest, route::GuardedApi},
    domain::{DenialReason, SealingKeys, Timestamp},
    store::{Inquiry, Lookups},
};

pub use attempts::{AttemptLimits, RefusedAddresses, Watch, Watching};
pub use credential::{
    Credential, PresentedKey, PresentedSession, PresentedSignature, PresentedToken, extract,
    presented_by_header, presented_by_parameter, without_cookies,
};
pub use jwks::Issuers;
pub use jwt::Tokens;
pub use principal::{Belonging, Principal, ProjectSubject, TokenSubject};
pub use replay::{Noted, Replays};
pub use session::Touches;

/// What verification asks beside the request itself.
#[derive(Debug, Clone, Copy)]
pub struct Witnesses<'a, S> {
    /// What is known of keys, sessions and secrets.
    pub store: Inquiry<'a, S>,
    /// Where the use of a session is noted.
    pub touches: &'a Touches,
    /// The keys under which secrets are sealed.
    pub sealing: Option<&'a SealingKeys>,
    /// The signatures that were used.
    pub replays: &'a Replays,
    /// The keys of issuers, and the tokens that were verified with them.
    pub tokens: &'a Tokens,
    /// Who failed too often.
    pub watch: Watch<'a>,
    /// The time of the Check.
    pub now: Timestamp,
}

/// Stage 4, verify: credential → principal.
///
/// # Errors
///
/// `credential_invalid` if the credential is not good, whatever the cause; `too_many_attempts` if it is not known to be
/// good and too many that were not came from the same address, `request_malformed` if that address cannot be told;
/// `body_incomplete` if a signature stands over a body that is not there; unavailable if it could not be found out.
pub async fn verify<S: Lookups>(
    credential: Credential<'_>,
    request: &InboundRequest<'_>,
    api: &GuardedApi,
    witnesses: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    if matches!(credential, Credential::Anonymous) {
        return Ok(Principal::anonymous());
    }
    let Witnesses { store, watch, now, .. } = witnesses;
    let Some(attempt) = watch.attempt(request, api)? else {
        return prove(credential, request, api, witnesses).await;
    };
    if let Some(wait) = attempt.waits(now) {
        let remembered = Witnesses { store: store.only_remembering(), ..witnesses };
        return prove(credential, request, api, remembered).await.map_err(|_| attempt.refuse_for(wait));
    }
    let proven = prove(credential, request, api, witnesses).await;
    if matches!(&proven, Err(refusal) if refusal.is(DenialReason::CredentialInvalid)) {
        attempt.count(now, store.deadline()).await?;
    }
    proven
}

/// Whom a text proves that would be presented to this API, wherever it accepts such credentials. A signature proves
/// nobody by itself.
///
/// # Errors
///
/// As [`verify`]; `credential_malformed` if the API accepts nothing of this form. Failed attempts are not counted.
pub async fn inspect<S: Lookups>(
    text: &str,
    api: &GuardedApi,
    witnesses: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    prove_by_itself(credential::of_text(text, api)?, api, witnesses).await
}

async fn prove<S: Lookups>(
    credential: Credential<'_>,
    request: &InboundRequest<'_>,
    api: &GuardedApi,
    witnesses: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    match credential {
        Credential::Signature(signature) => {
            signature::verify(&signature, request, &api.config.name, witnesses).await
        }
        other => prove_by_itself(other, api, witnesses).await,
    }
}

/// Proves what needs nothing else of the request.
async fn prove_by_itself<S: Lookups>(
    credential: Credential<'_>,
    api: &GuardedApi,
    witnesses: Witnesses<'_, S>,
) -> Result<Principal, Refusal> {
    let by_cookie = credential.is_by_cookie();
    let principal = match credential {
        Credential::Anonymous => Principal::anonymous(),
        Credential::ApiKey(key) => api_key::verify(&key, &api.config.name, witnesses).await?,
        Credential::Session(session) => session::verify(&session, &api.config.name, witnesses).await?,
        Credential::Jwt(token) => {
            let Witnesses { tokens, now, store, .. } = witnesses;
            let deadline = (!store.only_remembers()).then(|| store.deadline());
            jwt::verify_presented(&token, api, tokens, now, deadline).await?
        }
        Credential::Signature(_) => {
            return Err(credential::malformed("a signature proves one request alone"));
        }
    };
    Ok(principal.by_cookie(by_cookie))
}

fn invalid(cause: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::denied(DenialReason::CredentialInvalid, cause)
}
