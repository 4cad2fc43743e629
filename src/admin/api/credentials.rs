//! Telling what a credential is.

use crate::{
    admin::proto::{VerifiedCredential, VerifyCredentialRequest},
    domain::{Administrator, ApiName, DenialReason},
};

use super::{Answers, Desk, Fault, Inspects, Stores, VerifyCredential, reach, reading::one};

impl<S: Stores, I: Inspects> Answers<VerifyCredential> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: VerifyCredentialRequest,
    ) -> Result<VerifiedCredential, Fault> {
        let api: ApiName = one("api", &request.api)?;
        let config = self.config();
        reach::apis(by, &config.apis, Some(api.clone()))?;
        let verified = self.inspector.inspect(&api, &request.credential).await?;
        let organization = verified.organization.as_deref().and_then(|id| id.parse().ok());
        if verified.valid && reach::sees(by, std::slice::from_ref(&api), organization.as_ref()) {
            return Ok(verified);
        }
        if !verified.valid {
            // The cause may name the key of another organization.
            let cause = verified.cause.filter(|_| !by.reach.is_confined());
            return Ok(VerifiedCredential { cause, ..verified });
        }
        // To whoever administers another organization it is as good as none.
        Ok(VerifiedCredential {
            reason: Some(DenialReason::CredentialInvalid.code().to_owned()),
            ..VerifiedCredential::default()
        })
    }
}
