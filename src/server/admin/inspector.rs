//! Tells administrators what a credential is, by asking those who answer Checks.

use std::sync::Arc;

use crate::{
    admin::{
        api::{Fault, Inspects},
        proto::VerifiedCredential,
    },
    check::{
        Checker,
        authn::{Belonging, Principal},
        refusal::RefusalKind,
    },
    domain::ApiName,
    store::Lookups,
};

impl<S: Lookups> Inspects for Arc<Checker<S>> {
    async fn inspect(&self, api: &ApiName, credential: &str) -> Result<VerifiedCredential, Fault> {
        // A call upon the `Arc` would be a call upon itself.
        let checker: &Checker<S> = self;
        match checker.inspect(api, credential).await {
            None => Err(Fault::field("api", "found the name of no API, expected one that is configured")),
            Some(Ok(principal)) => Ok(proven(&principal)),
            Some(Err(refusal)) => match refusal.kind {
                RefusalKind::Unavailable => Err(Fault::unavailable(refusal.cause)),
                RefusalKind::Denied(reason) => Ok(VerifiedCredential {
                    reason: Some(reason.code().to_owned()),
                    cause: Some(refusal.cause.into_owned()),
                    ..VerifiedCredential::default()
                }),
            },
        }
    }
}

fn proven(principal: &Principal) -> VerifiedCredential {
    let organization = match principal.belonging() {
        Belonging::To(own) => Some(own.to_string()),
        Belonging::Nowhere | Belonging::Among(_) | Belonging::AsStored(_) => None,
    };
    let scopes = principal.scopes().into_iter().flatten().map(ToString::to_string);
    VerifiedCredential {
        valid: true,
        reason: None,
        cause: None,
        principal: principal.id().map(ToOwned::to_owned),
        kind: Some(principal.kind().code().to_owned()),
        organization,
        scopes: scopes.collect(),
        credential_id: principal.credential().map(ToOwned::to_owned),
    }
}
