//! Methods about the secrets with which projects sign.

use std::slice;

use secrecy::SecretString;

use crate::{
    admin::{
        self, NewSecret,
        proto::{
            CreateSecretRequest, GetSecretRequest, IssuedSecret, ListSecretsRequest, ListSecretsResponse,
            RevealSecretRequest, RevealedSecret, RevokeSecretRequest, RotateSecretRequest, Secret,
        },
    },
    config::Config,
    domain::{Administrator, ApiName, PlainSecret, SecretId, SecretRecord},
    store::SecretFilter,
};

use super::{
    Answers, CreateSecret, Desk, Fault, GetSecret, Inspects, ListSecrets, RevealSecret, RevokeSecret,
    RotateSecret, Stores,
    desk::{author, author_of},
    page::{next, page},
    reach::{self, Grantee, Rights},
    reading::{Reading, one, present},
};

impl<S: Stores, I: Inspects> Answers<CreateSecret> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: CreateSecretRequest) -> Result<IssuedSecret, Fault> {
        if request.plain.is_some() && !request.request_id.is_empty() {
            let what = "expected none beside `plain`: nothing of a secret is kept outside of its seal";
            return Err(Fault::field("request_id", what));
        }
        let author = author_of::<CreateSecret>(by, &request.request_id, &request)?;
        let wanted = wanted(&present("secret", request.secret)?, request.plain)?;
        let config = self.config();
        reach::change(by, slice::from_ref(&wanted.api), Some(&wanted.organization))?;
        hand_out(by, &config, &wanted.api)?;
        self.own(by, &wanted).await?;
        let issued = self.secrets(&config).create(wanted, &mut self.random(), &author).await;
        Ok(self.issued_secret(issued.map_err(|error| Fault::of_secret("secret", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<GetSecret> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: GetSecretRequest) -> Result<Secret, Fault> {
        Ok(Secret::of(&self.secret(by, &request.id).await?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<ListSecrets> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListSecretsRequest,
    ) -> Result<ListSecretsResponse, Fault> {
        let (config, now) = (self.config(), self.now());
        let mut reading = Reading::of("");
        let api = reading.optional("api", request.api.as_deref());
        let project = reading.optional("project", request.project.as_deref());
        reading.end(Some(()))?;
        let filter = SecretFilter {
            apis: reach::apis(by, &config.apis, api)?,
            organization: reach::organization(by, None)?,
            project,
        };
        let page = self.secrets(&config).list(&filter, &page(request.page_size, &request.page_token)?).await;
        let page = page.map_err(|error| Fault::of_secret("", error))?;
        Ok(ListSecretsResponse {
            next_page_token: next(&page),
            secrets: page.records.iter().map(|record| Secret::of(record, now)).collect(),
        })
    }
}

impl<S: Stores, I: Inspects> Answers<RotateSecret> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: RotateSecretRequest) -> Result<IssuedSecret, Fault> {
        let author = author_of::<RotateSecret>(by, &request.request_id, &request)?;
        let record = self.secret(by, &request.id).await?;
        let mut reading = Reading::of("");
        let overlap = reading.span("overlap", request.overlap).unwrap_or_default();
        reading.end(Some(()))?;
        let config = self.config();
        hand_out(by, &config, &record.api)?;
        let issued = self.secrets(&config).rotate(&record.id, overlap, &mut self.random(), &author).await;
        Ok(self.issued_secret(issued.map_err(|error| Fault::of_secret("", error))?))
    }
}

impl<S: Stores, I: Inspects> Answers<RevokeSecret> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: RevokeSecretRequest) -> Result<Secret, Fault> {
        let record = self.secret(by, &request.id).await?;
        let config = self.config();
        let revoked = self.secrets(&config).revoke(&record.id, &author(by)).await;
        Ok(Secret::of(&revoked.map_err(|error| Fault::of_secret("", error))?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<RevealSecret> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: RevealSecretRequest,
    ) -> Result<RevealedSecret, Fault> {
        let record = self.secret(by, &request.id).await?;
        let config = self.config();
        hand_out(by, &config, &record.api)?;
        let revealed = self.secrets(&config).reveal(&record.id, &author(by)).await;
        let revealed = revealed.map_err(|error| Fault::of_secret("", error))?;
        Ok(RevealedSecret { id: revealed.record.id.to_string(), secret: revealed.secret.expose().to_owned() })
    }
}

impl<S: Stores, I> Desk<S, I> {
    /// A secret that the administrator may see and, since it serves one API alone, change.
    async fn secret(&self, by: &Administrator, id: &str) -> Result<SecretRecord, Fault> {
        let id: SecretId = one("id", id)?;
        let config = self.config();
        let record = self.secrets(&config).get(&id).await.map_err(|error| Fault::of_secret("", error))?;
        reach::see(by, "secret", slice::from_ref(&record.api), Some(&record.organization))?;
        Ok(record)
    }

    /// Whether the project of a new secret is of the administrator's organization. Whose it is otherwise is not told to whoever
    /// is confined to one.
    async fn own(&self, by: &Administrator, wanted: &NewSecret) -> Result<(), Fault> {
        let Some(own) = &by.reach.organization else { return Ok(()) };
        let owner = self.secrets(&self.config()).owner(&wanted.project).await;
        match owner.map_err(|error| Fault::of_secret("secret", error))? {
            Some(owner) if owner != *own => {
                let what = format!("found `{}`, expected a project of `{own}`", wanted.project);
                Err(Fault::field("secret.project", what))
            }
            _ => Ok(()),
        }
    }

    fn issued_secret(&self, issued: admin::IssuedSecret) -> IssuedSecret {
        IssuedSecret {
            id: issued.record.id.to_string(),
            repeated: issued.secret.is_none(),
            secret: issued.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
            record: Some(Secret::of(&issued.record, self.now())),
        }
    }
}

/// Whether the administrator holds what whoever signs with a secret may do, so that they may be told one.
fn hand_out(by: &Administrator, config: &Config, api: &ApiName) -> Result<(), Fault> {
    let (apis, scopes) = (slice::from_ref(api), Vec::new());
    reach::grant(by, &config.apis, &Rights { to: Grantee::Signer, apis, scopes, plan: None })
}

fn wanted(secret: &Secret, plain: Option<String>) -> Result<NewSecret, Fault> {
    let mut reading = Reading::of("secret");
    reading.output_only(&[
        ("id", !secret.id.is_empty()),
        ("sealing_key", !secret.sealing_key.is_empty()),
        ("status", secret.status != 0),
        ("created", secret.created.is_some()),
        ("revoked", secret.revoked.is_some()),
        ("rotated_from", secret.rotated_from.is_some()),
    ]);
    let (api, project) = (reading.one("api", &secret.api), reading.one("project", &secret.project));
    let organization = reading.one("organization", &secret.organization);
    let expires = reading.moment("expires", secret.expires);
    let plain = plain.map(|plain| PlainSecret::from_elsewhere(SecretString::from(plain))).transpose();
    let plain = plain.map_err(|error| Fault::field("plain", error.to_string()))?;
    let wanted = (|| {
        Some(NewSecret { api: api?, project: project?, organization: organization?, secret: plain, expires })
    })();
    reading.end(wanted)
}
