//! Management of the secrets with which projects sign, over any store: create, rotate, revoke, read back, seal anew.

mod error;
pub(crate) mod message;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::CryptoRng;
use secrecy::ExposeSecret;

use crate::{
    admin::{Problem, field, problem::quoted, record::changed},
    config::{Api, CredentialRule, Sealing},
    domain::{
        ApiName, Author, Clock, CredentialStatus, OpenError, OrganizationId, PlainSecret, ProjectId,
        SealedSecret, SealingKeyId, SealingKeys, SecretId, SecretOwner, SecretRecord, Timestamp,
        to_the_millisecond,
    },
    store::{
        AuditStore, Audited, Deed, Page, PageRequest, ProjectStore, RecordKind, SecretFilter, SecretStore,
        StoreError, UniqueField,
    },
};

pub use error::SecretError;

/// Manages the secrets of the configured APIs in one store.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a, S> {
    store: &'a S,
    apis: &'a [Api],
    sealing: Option<&'a Sealing>,
    clock: &'a dyn Clock,
}

/// What is wanted of a new secret; the fields of [`SecretRecord`] that its creator chooses.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// The API that it serves; one that accepts signatures.
    pub api: ApiName,
    /// The project that signs with it.
    pub project: ProjectId,
    /// The organization that owns the project.
    pub organization: OrganizationId,
    /// The secret itself, if it was made elsewhere.
    pub secret: Option<PlainSecret>,
    /// From when on it proves nothing: a moment in the future.
    pub expires: Option<Timestamp>,
}

/// A secret that was just made.
#[derive(Debug)]
pub struct IssuedSecret {
    /// The secret; `None` if the same request made it before.
    pub secret: Option<PlainSecret>,
    /// What the store keeps.
    pub record: SecretRecord,
}

/// A secret that was read back, and what the store keeps of it.
#[derive(Debug)]
pub struct RevealedSecret {
    /// The secret.
    pub secret: PlainSecret,
    /// What the store keeps.
    pub record: SecretRecord,
}

/// What became of sealing all secrets under the current key.
#[derive(Debug)]
pub struct Resealed {
    /// The current key.
    pub key: SealingKeyId,
    /// How many secrets were sealed under it now.
    pub count: usize,
    /// Those that could not be opened, and so stay as they are.
    pub left: Vec<(SecretId, OpenError)>,
}

impl<'a, S: SecretStore + ProjectStore + AuditStore> Secrets<'a, S> {
    /// Manages the secrets of `apis` in `store`, sealed under the keys of `sealing`.
    #[must_use]
    pub fn new(store: &'a S, apis: &'a [Api], sealing: Option<&'a Sealing>, clock: &'a dyn Clock) -> Self {
        Self { store, apis, sealing, clock }
    }

    /// Makes a new secret, or takes one over, unless the same request did so within the last day.
    ///
    /// # Errors
    ///
    /// [`SecretError::Invalid`] with everything that the configuration and what is known of the project do not
    /// allow, [`SecretError::NoSealing`], or [`SecretError::Store`], also where two secrets of the project are active.
    pub async fn create(
        &self,
        wanted: NewSecret,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSecret, SecretError> {
        if let Some(made) = self.made_for(by).await? {
            return Ok(made);
        }
        match self.make(wanted, rng, by).await {
            Err(SecretError::Store(StoreError::Repeated)) => self.made_meanwhile(by).await,
            made => made,
        }
    }

    async fn make(
        &self,
        wanted: NewSecret,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSecret, SecretError> {
        let now = self.now();
        let mut problems = Vec::new();
        problems.extend(self.api_problem(&wanted.api));
        let fields = [("project", wanted.project.as_str()), ("organization", wanted.organization.as_str())];
        problems.extend(field::secrets_in_clear(self.apis, fields));
        problems.extend(secrets_in_clear(&wanted, fields));
        problems.extend(field::expiry_problem(wanted.expires, now));
        problems.extend(self.owner_problem(&wanted).await?);
        if !problems.is_empty() {
            return Err(SecretError::Invalid(problems));
        }
        let secret = wanted.secret.unwrap_or_else(|| PlainSecret::generate(rng));
        let id = SecretId::generate(rng);
        let owner = SecretOwner { api: &wanted.api, project: &wanted.project, id: &id };
        let sealed = self.seal(&secret, owner, rng)?;
        let record = SecretRecord {
            sealed,
            id,
            api: wanted.api,
            organization: wanted.organization,
            project: wanted.project,
            created: now,
            expires: wanted.expires,
            revoked: None,
            rotated_from: None,
        };
        self.store.insert_secret(&record, by).await?;
        changed("create", &record, by);
        Ok(IssuedSecret { secret: Some(secret), record })
    }

    /// Makes a secret that replaces another one, with the same end. Both are good for the time of the overlap, or
    /// until the old one expires if that is sooner. The same request does so once within a day.
    ///
    /// # Errors
    ///
    /// [`SecretError::Ended`] for a revoked or expired secret, [`SecretError::Replaced`] for one that was rotated
    /// before, [`SecretError::Invalid`] if the overlap is above 90 days or the API accepts no signatures any more,
    /// [`SecretError::NoSealing`], or [`SecretError::Store`], also where two secrets of the project are active.
    pub async fn rotate(
        &self,
        id: &SecretId,
        overlap: Duration,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSecret, SecretError> {
        if let Some(made) = self.made_for(by).await? {
            return Ok(made);
        }
        match self.replace(id, overlap, rng, by).await {
            Err(SecretError::Store(StoreError::Repeated)) => self.made_meanwhile(by).await,
            made => made,
        }
    }

    async fn replace(
        &self,
        id: &SecretId,
        overlap: Duration,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSecret, SecretError> {
        let now = self.now();
        let overlap_ends = field::overlap_ends(now, overlap)?;
        let old = self.store.secret(id).await?;
        let status = old.status(now);
        if status != CredentialStatus::Active {
            return Err(SecretError::Ended { id: old.id, status });
        }
        if let Some(problem) = self.api_problem(&old.api) {
            return Err(problem.into());
        }
        let secret = PlainSecret::generate(rng);
        let id = SecretId::generate(rng);
        let owner = SecretOwner { id: &id, ..old.owner() };
        let sealed = self.seal(&secret, owner, rng)?;
        let record =
            SecretRecord { id, sealed, created: now, rotated_from: Some(old.id.clone()), ..old.clone() };
        match self.store.rotate_secret(&old.id, &record, overlap_ends, by).await {
            Err(StoreError::Exists(_, UniqueField::Predecessor)) => Err(SecretError::Replaced(old.id)),
            Err(StoreError::Revoked(_)) => {
                Err(SecretError::Ended { id: old.id, status: CredentialStatus::Revoked })
            }
            rotated => {
                rotated?;
                changed("rotate", &old, by);
                changed("create", &record, by);
                Ok(IssuedSecret { secret: Some(secret), record })
            }
        }
    }

    /// Revokes a secret at once and for ever. One that is revoked already stays as it was.
    ///
    /// # Errors
    ///
    /// [`SecretError::Store`], also where no secret has this id.
    pub async fn revoke(&self, id: &SecretId, by: &Author) -> Result<SecretRecord, SecretError> {
        let now = self.now();
        let record = self.store.revoke_secret(id, now, by).await?;
        if record.revoked == Some(now) {
            changed("revoke", &record, by);
        }
        Ok(record)
    }

    /// What is known of a secret.
    ///
    /// # Errors
    ///
    /// [`SecretError::Store`], also where no secret has this id.
    pub async fn get(&self, id: &SecretId) -> Result<SecretRecord, SecretError> {
        Ok(self.store.secret(id).await?)
    }

    /// The secrets that the filter lets through, oldest first.
    ///
    /// # Errors
    ///
    /// [`SecretError::Invalid`] if no API has the name that the filter asks for, or [`SecretError::Store`].
    pub async fn list(
        &self,
        filter: &SecretFilter,
        page: &PageRequest,
    ) -> Result<Page<SecretRecord>, SecretError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        Ok(self.store.secrets(filter, page).await?)
    }

    /// Reads a secret back, whether it is good still or not, and notes that in the audit log first.
    ///
    /// # Errors
    ///
    /// [`SecretError::Open`] if it is sealed under a key that is not configured, or is damaged;
    /// [`SecretError::NoSealing`], or [`SecretError::Store`], also where no secret has this id.
    pub async fn reveal(&self, id: &SecretId, by: &Author) -> Result<RevealedSecret, SecretError> {
        let record = self.store.secret(id).await?;
        let opened = self.keys()?.open(&record.sealed, record.owner());
        let opened = opened.map_err(|error| SecretError::Open { id: record.id.clone(), error })?;
        let text = std::str::from_utf8(opened.expose_secret()).ok();
        let secret = text.and_then(|text| PlainSecret::from_elsewhere(text.into()).ok());
        match secret {
            Some(secret) => {
                self.store.note(&revelation(&record, self.now()), by).await?;
                changed("reveal", &record, by);
                Ok(RevealedSecret { secret, record })
            }
            None => Err(SecretError::NoText(record.id)),
        }
    }

    /// Seals every secret under the current key that is sealed under another one. What is done stays done, so it
    /// can be called again after it was interrupted. After each secret `progress` is told how many of how many were
    /// looked at.
    ///
    /// # Errors
    ///
    /// [`SecretError::NoSealing`], or [`SecretError::Store`].
    pub async fn reseal(
        &self,
        rng: &mut impl CryptoRng,
        mut progress: impl FnMut(usize, usize),
        by: &Author,
    ) -> Result<Resealed, SecretError> {
        let keys = self.keys()?;
        let records = self.store.secrets_not_sealed_under(keys.current()).await?;
        let mut resealed = Resealed { key: keys.current().clone(), count: 0, left: Vec::new() };
        for (index, record) in records.iter().enumerate() {
            match keys.open(&record.sealed, record.owner()) {
                Ok(secret) => {
                    let new = keys.seal(secret.expose_secret(), record.owner(), rng)?;
                    if self.store.reseal(&record.id, &record.sealed, &new, self.now(), by).await? {
                        changed("reseal", record, by);
                        resealed.count += 1;
                    }
                }
                Err(error) => resealed.left.push((record.id.clone(), error)),
            }
            progress(index + 1, records.len());
        }
        Ok(resealed)
    }

    fn keys(&self) -> Result<&'a SealingKeys, SecretError> {
        self.sealing.map(|sealing| &sealing.keys).ok_or(SecretError::NoSealing)
    }

    fn seal(
        &self,
        secret: &PlainSecret,
        owner: SecretOwner<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedSecret, SecretError> {
        Ok(self.keys()?.seal(secret.expose().as_bytes(), owner, rng)?)
    }

    fn api_problem(&self, name: &ApiName) -> Option<Problem> {
        let api = match field::api(self.apis, name) {
            Ok(api) => api,
            Err(problem) => return Some(Problem { field: "api", ..problem }),
        };
        let accepts = api.credentials.iter().any(|rule| matches!(rule, CredentialRule::Signature(_)));
        let expected = "expected an API that accepts signatures";
        (!accepts).then(|| Problem::new("api", quoted(name.as_str()), expected))
    }

    /// The organization that owns a project, whichever way that is known.
    ///
    /// # Errors
    ///
    /// [`SecretError::Store`].
    pub async fn owner(&self, project: &ProjectId) -> Result<Option<OrganizationId>, SecretError> {
        match self.store.project(project).await {
            Ok(project) => Ok(Some(project.organization)),
            Err(StoreError::NotFound(_)) => {
                let first = PageRequest { size: 1, after: None };
                let filter = SecretFilter { project: Some(project.clone()), ..SecretFilter::default() };
                let other = self.store.secrets(&filter, &first).await?.records.pop();
                Ok(other.map(|other| other.organization))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong with the organization: a project has one.
    async fn owner_problem(&self, wanted: &NewSecret) -> Result<Option<Problem>, SecretError> {
        let owner = self.owner(&wanted.project).await?;
        Ok(owner.filter(|owner| *owner != wanted.organization).map(|owner| {
            let expected = format!("expected {}, which owns the project", quoted(owner.as_str()));
            Problem::new("organization", quoted(wanted.organization.as_str()), expected)
        }))
    }

    /// What the same request made before.
    async fn made_for(&self, by: &Author) -> Result<Option<IssuedSecret>, SecretError> {
        let made = self.store.secret_made_for(by, self.now()).await?;
        Ok(made.map(|record| IssuedSecret { secret: None, record }))
    }

    /// What the same request made on another way while this one was under way.
    async fn made_meanwhile(&self, by: &Author) -> Result<IssuedSecret, SecretError> {
        Ok(self.made_for(by).await?.ok_or(StoreError::Repeated)?)
    }

    fn now(&self) -> Timestamp {
        to_the_millisecond(self.clock.now())
    }
}

/// That a secret is told in clear.
fn revelation(record: &SecretRecord, at: Timestamp) -> Deed<'_> {
    Deed {
        at,
        action: "secret.reveal",
        kind: RecordKind::Secret,
        id: record.id(),
        organization: record.organization(),
        apis: record.apis(),
    }
}

/// The fields in which the secret itself stands by mistake; they are stored and shown in clear.
fn secrets_in_clear<'f>(
    wanted: &'f NewSecret,
    fields: [(&'static str, &'f str); 2],
) -> impl Iterator<Item = Problem> {
    let is_secret = |text: &str| wanted.secret.as_ref().is_some_and(|secret| text.contains(secret.expose()));
    fields
        .into_iter()
        .filter(move |(_, text)| is_secret(text))
        .map(|(field, _)| Problem::new(field, "the secret in clear", "expected no secret"))
}
