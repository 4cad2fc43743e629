//! What documents declare, in an SQLite database in memory: so every list, filter and look-up is the same as elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;

use crate::{
    config::{Declared, Documents, RefusedDocument, Unread},
    domain::{
        ApiName, CredentialHash, KeyRecord, MemberRecord, OrganizationRecord, ProjectId, ProjectRecord,
        ProjectSecrets, UserId,
    },
    store::{Kept, Mark, StoreError, sqlite::Sqlite},
};

use super::{Change, Engine, SqlStore, Statement, members, organizations, projects, secrets};

/// What a look at documents has found.
#[derive(Debug, Clone)]
pub struct DocumentsRead {
    /// How many there are, refused ones included.
    pub count: usize,
    /// Those that are refused.
    pub refused: Vec<RefusedDocument>,
}

/// Where everything comes from.
#[derive(Debug)]
pub(super) struct Declaring {
    /// Held while they are read, which no look-up waits for.
    documents: Arc<Mutex<Documents>>,
    /// One look at a time.
    in_force: tokio::sync::Mutex<InForce>,
    /// What may be declared beside that.
    unread: ArcSwap<Unread>,
}

/// What the tables hold.
#[derive(Debug, Default)]
struct InForce {
    declared: Declared,
    /// Whether the documents declare something else already.
    is_stale: bool,
}

impl SqlStore {
    /// A store of the documents in this folder.
    pub(super) async fn of_documents(folder: &Path) -> Result<Self, StoreError> {
        let engine = Engine::Sqlite(Sqlite::in_memory(folder).await?);
        let declaring = Declaring {
            documents: Arc::new(Mutex::new(Documents::new(folder))),
            in_force: tokio::sync::Mutex::default(),
            unread: ArcSwap::default(),
        };
        let store = Self { documents: Some(Arc::new(declaring)), ..Self::of(engine) };
        store.look_at_documents().await?;
        Ok(store)
    }

    /// Looks whether documents have changed, and if so, brings what they declare into force, all of it at once. `None` if
    /// nothing has, or if this is no store of documents.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], naming the folder: it cannot be read, and everything stays as it was.
    pub async fn look_at_documents(&self) -> Result<Option<DocumentsRead>, StoreError> {
        let Some(declaring) = &self.documents else { return Ok(None) };
        let mut in_force = declaring.in_force.lock().await;
        in_force.is_stale |= declaring.look().await?;
        if !in_force.is_stale {
            return Ok(None);
        }
        let (declared, unread) = {
            let documents = lock(&declaring.documents);
            (documents.declared(), documents.unread())
        };
        self.replace(&in_force.declared, &declared).await?;
        *in_force = InForce { declared, is_stale: false };
        // Last: what a document declares that was unread until now is there already.
        declaring.unread.store(Arc::new(unread));
        Ok(self.documents_read())
    }

    /// What the last look at documents has found; `None` if this is no store of documents.
    #[must_use]
    pub fn documents_read(&self) -> Option<DocumentsRead> {
        let documents = lock(&self.documents.as_ref()?.documents);
        Some(DocumentsRead { count: documents.count(), refused: documents.refused() })
    }

    /// Whether administrators can change anything here at all.
    pub(super) fn may_change(&self) -> Result<(), StoreError> {
        if self.documents.is_some() { Err(StoreError::ReadOnly) } else { Ok(()) }
    }

    /// That there is no key with this hash, unless a document may declare it that could not be taken.
    pub(super) fn no_key(&self, hash: &CredentialHash) -> Result<(), StoreError> {
        let Some(declaring) = &self.documents else { return Ok(()) };
        unread(declaring.unread.load().key(hash))
    }

    /// The same for the secrets of a project.
    pub(super) fn no_secret(&self, owner: &(ApiName, ProjectId)) -> Result<(), StoreError> {
        let Some(declaring) = &self.documents else { return Ok(()) };
        unread(declaring.unread.load().secrets(owner))
    }

    /// Puts what is declared now in the place of what was declared before.
    async fn replace(&self, before: &Declared, after: &Declared) -> Result<(), StoreError> {
        let mut change = self.engine.begin().await?;
        let mut marks = self.replace_keys(before, after, &mut change).await?;
        let (gone, new) = differences(&before.secrets, &after.secrets);
        for secret in &gone {
            delete("DELETE FROM secrets WHERE id = $1", secret.id.as_str(), &mut change).await?;
        }
        for secret in &new {
            self.run(secrets::insertion(secret), &mut change).await?;
        }
        let of_secrets = gone.iter().chain(&new).map(|secret| (secret.api.clone(), secret.project.clone()));
        marks.extend(self::marks::<ProjectSecrets>(of_secrets.collect::<BTreeSet<_>>()));
        marks.extend(self.replace_organizations(before, after, &mut change).await?);
        self.note_all(&marks, &mut change).await?;
        self.commit(change).await
    }

    /// Puts those keys anew of which anything has changed. Returns the marks of those that are no more.
    async fn replace_keys(
        &self,
        before: &Declared,
        after: &Declared,
        change: &mut Change,
    ) -> Result<Vec<Mark>, StoreError> {
        let (gone, new) = differences(&before.keys, &after.keys);
        for key in &gone {
            let id = key.id.as_str();
            delete("DELETE FROM labels WHERE id = $1", id, change).await?;
            delete("DELETE FROM lineages WHERE id = $1", id, change).await?;
            delete("DELETE FROM key_usage WHERE id = $1", id, change).await?;
            delete("DELETE FROM keys WHERE id = $1", id, change).await?;
        }
        let mut new: Vec<KeyRecord> = new.into_iter().cloned().collect();
        // As if they had been made one after the other.
        new.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        self.put_keys(&new, change).await?;
        let put: HashSet<CredentialHash> = new.iter().map(|key| key.hash).collect();
        let removed = gone.iter().map(|key| key.hash).filter(|hash| !put.contains(hash));
        Ok(marks::<KeyRecord>(removed))
    }

    /// Puts all organizations anew, with what depends on them, if anything of them has changed. Returns the marks of what
    /// has.
    async fn replace_organizations(
        &self,
        before: &Declared,
        after: &Declared,
        change: &mut Change,
    ) -> Result<Vec<Mark>, StoreError> {
        let ids = changed(&before.organizations, &after.organizations);
        let mut all = marks::<OrganizationRecord>(ids);
        all.extend(marks::<ProjectRecord>(changed(&before.projects, &after.projects)));
        let (gone, new) = differences(&before.members, &after.members);
        let mut of_members: BTreeSet<(UserId, ApiName)> = BTreeSet::new();
        for member in gone.iter().chain(&new) {
            of_members.extend(member.apis.iter().map(|api| (member.user.clone(), api.clone())));
        }
        all.extend(marks::<MemberRecord>(of_members));
        if all.is_empty() {
            return Ok(all);
        }
        for table in ["DELETE FROM members", "DELETE FROM projects", "DELETE FROM organizations"] {
            change.run(Statement::new(table)).await?;
        }
        for organization in after.organizations.values() {
            self.run(organizations::insertion(organization), change).await?;
        }
        for project in after.projects.values() {
            self.run(projects::insertion(project), change).await?;
        }
        for member in after.members.values() {
            self.run(members::replacement(member), change).await?;
        }
        Ok(all)
    }
}

impl Declaring {
    /// Looks at the documents, beside all else.
    async fn look(&self) -> Result<bool, StoreError> {
        let documents = Arc::clone(&self.documents);
        let looked = spawn_blocking(move || {
            let mut documents = lock(&documents);
            documents.look().map_err(|error| {
                let place = documents.folder().display();
                StoreError::Unavailable(format!("the documents in {place} cannot be read: {error}"))
            })
        });
        looked.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

fn lock(documents: &Mutex<Documents>) -> MutexGuard<'_, Documents> {
    documents.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unread(document: Option<&Path>) -> Result<(), StoreError> {
    document.map_or(Ok(()), |document| Err(StoreError::Unread(document.to_owned())))
}

async fn delete(statement: &'static str, id: &str, change: &mut Change) -> Result<(), StoreError> {
    change.run(Statement::new(statement).bind(id)).await.map(drop)
}

fn marks<R: Kept>(names: impl IntoIterator<Item = R::Name>) -> Vec<Mark> {
    names.into_iter().map(|name| R::mark(&name)).collect()
}

/// The records that are not there any more as they were, and those that are there and were not so before.
fn differences<'r, I: Ord, R: PartialEq>(
    before: &'r BTreeMap<I, R>,
    after: &'r BTreeMap<I, R>,
) -> (Vec<&'r R>, Vec<&'r R>) {
    let lacking = |these: &'r BTreeMap<I, R>, others: &BTreeMap<I, R>| {
        these
            .iter()
            .filter(|(id, record)| others.get(id) != Some(*record))
            .map(|(_, record)| record)
            .collect()
    };
    (lacking(before, after), lacking(after, before))
}

/// The ids of records that are not as they were before.
fn changed<I: Ord + Clone, R: PartialEq>(before: &BTreeMap<I, R>, after: &BTreeMap<I, R>) -> BTreeSet<I> {
    let all = before.keys().chain(after.keys());
    all.filter(|id| before.get(id) != after.get(id)).cloned().collect()
}
