//! Management of API keys over any store: create, rotate, revoke, look up, import.

mod edit;
mod error;
mod import;
pub(crate) mod message;
mod new_key;
#[cfg(test)]
mod tests;
mod usage;

use std::{slice, time::Duration};

use rand::CryptoRng;

use crate::{
    admin::{Problem, field, problem::quoted, record::changed},
    config::{Api, Plans},
    domain::{
        Author, Clock, CredentialStatus, KeyId, KeyRecord, OrganizationId, PlainKey, ProjectId, Timestamp,
        to_the_millisecond,
    },
    store::{KeyEdit, KeyFilter, KeyStore, Page, PageRequest, ProjectStore, StoreError, UniqueField},
};

pub use error::KeyError;
pub use import::{Import, ImportFormat, LineProblems};

use self::edit::edit_problems;
pub use new_key::NewKey;

/// Manages the keys of the configured APIs in one store.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a, S> {
    store: &'a S,
    apis: &'a [Api],
    plans: &'a Plans,
    clock: &'a dyn Clock,
}

/// A key that was just made: the only time that it is there in clear.
#[derive(Debug)]
pub struct Issued {
    /// The key; `None` if the same request made it before.
    pub key: Option<PlainKey>,
    /// What the store keeps of it.
    pub record: KeyRecord,
}

impl<'a, S: KeyStore + ProjectStore> Keys<'a, S> {
    /// Manages the keys of `apis` in `store`, which have one of these plans.
    #[must_use]
    pub fn new(store: &'a S, apis: &'a [Api], plans: &'a Plans, clock: &'a dyn Clock) -> Self {
        Self { store, apis, plans, clock }
    }

    /// Makes a new key, unless the same request made one within the last day.
    ///
    /// # Errors
    ///
    /// [`KeyError::Invalid`] with everything that the configuration does not allow, or [`KeyError::Store`].
    pub async fn create(
        &self,
        wanted: NewKey,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<Issued, KeyError> {
        if let Some(made) = self.made_for(by).await? {
            return Ok(made);
        }
        match self.make(wanted, rng, by).await {
            Err(KeyError::Store(StoreError::Repeated)) => self.made_meanwhile(by).await,
            made => made,
        }
    }

    async fn make(&self, wanted: NewKey, rng: &mut impl CryptoRng, by: &Author) -> Result<Issued, KeyError> {
        let now = self.now();
        let mut problems = wanted.problems(self.apis, self.plans, now);
        problems.extend(self.project_problem(wanted.project.as_ref(), &wanted.organization).await?);
        if !problems.is_empty() {
            return Err(KeyError::Invalid(problems));
        }
        let prefix =
            new_key::common_prefix(self.apis, &wanted.apis, wanted.kind, wanted.environment.as_ref())?;
        let key = PlainKey::generate(prefix, rng);
        let record =
            wanted.into_record(KeyId::generate(rng), key.hash(), key.hint(prefix), now, self.apis)?;
        self.store.insert(slice::from_ref(&record), by).await?;
        changed("create", &record, by);
        Ok(Issued { key: Some(key), record })
    }

    /// What is wrong with a key's project: one that the store has belongs to an organization.
    async fn project_problem(
        &self,
        project: Option<&ProjectId>,
        organization: &OrganizationId,
    ) -> Result<Option<Problem>, KeyError> {
        let Some(project) = project else {
            return Ok(None);
        };
        match self.store.project(project).await {
            Ok(record) if record.organization != *organization => {
                let expected = format!("expected one of the organization {}", quoted(organization.as_str()));
                Ok(Some(Problem::new("project", quoted(project.as_str()), expected)))
            }
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a key that replaces another one, with the same rights and the same end. Both work for the time
    /// of the overlap, or until the old one expires if that is sooner. The same request does so once within a day.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ended`] for a revoked or expired key, [`KeyError::Replaced`] for one that was rotated
    /// before, [`KeyError::Invalid`] if the overlap is above 90 days or the API of the key has gone,
    /// or [`KeyError::Store`], also where the key is no longer as `old` says.
    pub async fn rotate(
        &self,
        old: &KeyRecord,
        overlap: Duration,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<Issued, KeyError> {
        if let Some(made) = self.made_for(by).await? {
            return Ok(made);
        }
        match self.replace(old, overlap, rng, by).await {
            Err(KeyError::Store(StoreError::Repeated)) => self.made_meanwhile(by).await,
            made => made,
        }
    }

    async fn replace(
        &self,
        old: &KeyRecord,
        overlap: Duration,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<Issued, KeyError> {
        let now = self.now();
        let overlap_ends = field::overlap_ends(now, overlap)?;
        let id = &old.id;
        let status = old.status(now);
        if status != CredentialStatus::Active {
            return Err(KeyError::Ended { id: id.clone(), status });
        }
        let prefix = new_key::common_prefix(self.apis, &old.apis, old.kind, old.environment.as_ref())?;
        let key = PlainKey::generate(prefix, rng);
        let record = KeyRecord {
            id: KeyId::generate(rng),
            hash: key.hash(),
            hint: key.hint(prefix),
            created: now,
            rotated_from: Some(id.clone()),
            ..old.clone()
        };
        match self.store.rotate(old, &record, overlap_ends, by).await {
            Err(StoreError::Exists(_, UniqueField::Predecessor)) => Err(KeyError::Replaced(id.clone())),
            Err(StoreError::Revoked(_)) => {
                Err(KeyError::Ended { id: id.clone(), status: CredentialStatus::Revoked })
            }
            rotated => {
                rotated?;
                changed("rotate", old, by);
                changed("create", &record, by);
                Ok(Issued { key: Some(key), record })
            }
        }
    }

    /// Makes all these changes of a key, or none of them; whatever they do not name stays. Every running server goes by
    /// them within a second.
    ///
    /// # Errors
    ///
    /// [`KeyError::Invalid`] with everything that the configuration does not allow, or [`KeyError::Store`], also where
    /// no key has this id, or it is revoked.
    pub async fn update(&self, id: &KeyId, edits: Vec<KeyEdit>, by: &Author) -> Result<KeyRecord, KeyError> {
        let now = self.now();
        let problems: Vec<Problem> =
            edits.iter().flat_map(|edit| edit_problems(edit, self.apis, self.plans, now)).collect();
        if !problems.is_empty() {
            return Err(KeyError::Invalid(problems));
        }
        let before = self.store.get(id).await?;
        let after = self.store.update(id, &edits, now, by).await?;
        if after != before {
            changed("update", &after, by);
        }
        Ok(after)
    }

    /// Revokes a key at once and for ever. One that is revoked already stays as it was.
    ///
    /// # Errors
    ///
    /// [`KeyError::Store`], also where no key has this id.
    pub async fn revoke(&self, id: &KeyId, by: &Author) -> Result<KeyRecord, KeyError> {
        let now = self.now();
        let record = self.store.revoke(id, now, by).await?;
        if record.revoked == Some(now) {
            changed("revoke", &record, by);
        }
        Ok(record)
    }

    /// What is known of a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Store`], also where no key has this id.
    pub async fn get(&self, id: &KeyId) -> Result<KeyRecord, KeyError> {
        Ok(self.store.get(id).await?)
    }

    /// The keys that the filter lets through, oldest first.
    ///
    /// # Errors
    ///
    /// [`KeyError::Invalid`] if no API has the name that the filter asks for, or [`KeyError::Store`].
    pub async fn list(&self, filter: &KeyFilter, page: &PageRequest) -> Result<Page<KeyRecord>, KeyError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        Ok(self.store.list(filter, page).await?)
    }

    /// What the same request made before.
    async fn made_for(&self, by: &Author) -> Result<Option<Issued>, KeyError> {
        let made = self.store.made_for(by, self.now()).await?;
        Ok(made.map(|record| Issued { key: None, record }))
    }

    /// What the same request made on another way while this one was under way.
    async fn made_meanwhile(&self, by: &Author) -> Result<Issued, KeyError> {
        Ok(self.made_for(by).await?.ok_or(StoreError::Repeated)?)
    }

    fn now(&self) -> Timestamp {
        to_the_millisecond(self.clock.now())
    }
}
