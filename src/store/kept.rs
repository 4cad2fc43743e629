//! What a Check looks up, by which name, and how much of it fits into memory.

use std::{
    fmt::{self, Debug},
    hash::Hash,
};

use sha2::{Digest, Sha256};

use crate::domain::{
    ApiName, CredentialHash, Entitlement, KeyRecord, KnownKey, MemberRecord, Membership, OrganizationId,
    OrganizationRecord, PlanName, ProjectId, ProjectRecord, ProjectSecrets, Scope, ScopeSet, SecretId,
    SecretRecord, SessionRecord, UserId,
};

use super::cached::{Alike, Memories, Memory};

/// The kinds of records that a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// An API key.
    Key,
    /// A session.
    Session,
    /// An organization.
    Organization,
    /// A project.
    Project,
    /// Somebody who belongs to organizations.
    Member,
    /// A secret with which a project signs.
    Secret,
    /// What the audit log tells of a change.
    Audit,
}

impl RecordKind {
    /// The stable code: what errors and metrics say.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Session => "session",
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Member => "member",
            Self::Secret => "secret",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// 32 bytes under which the change of a record is told: the hash itself for what is named by a hash, and for
/// everything else the SHA-256 of the kind's code and the parts of the name, each ended by a zero byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 32]);

/// The bytes are no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes")]
pub struct MarkError;

impl Mark {
    /// The mark of what is named by a hash.
    #[must_use]
    pub fn of_hash(hash: &CredentialHash) -> Self {
        Self(*hash.as_bytes())
    }

    /// The mark of what is named by texts. None of them holds a zero byte, as no id does.
    fn of_texts(kind: RecordKind, texts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for text in std::iter::once(&kind.code()).chain(texts) {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
        Self(digest.finalize().into())
    }

    /// The mark as it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A mark as it was stored.
    ///
    /// # Errors
    ///
    /// [`MarkError`] if `bytes` are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MarkError> {
        bytes.try_into().map(Self).map_err(|_| MarkError)
    }
}

/// Shows the first four bytes only, since the mark of a key is its hash.
impl Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = hex::encode(self.0).chars().take(8).collect();
        write!(f, "{start}…")
    }
}

/// A record that a Check looks up by its name.
pub trait Kept: Clone + Debug + Send + Sync + 'static {
    /// What it is looked up by.
    type Name: Clone + Debug + Eq + Hash + Send + Sync + 'static;

    /// What a Check needs of it: this is remembered.
    type Known: Clone + Debug + Send + Sync + 'static;

    /// Its kind.
    const KIND: RecordKind;

    /// Whether only proven principals can name such a record. If so, nobody can make up names to fill the
    /// cache with, and that there is no record is remembered for as long as a record is.
    const NAMED_BY_PRINCIPALS: bool;

    /// The mark of the record with this name.
    fn mark(name: &Self::Name) -> Mark;

    /// What a name occupies in memory beside `Self::Name` itself, in bytes: roughly and never less.
    fn name_bytes(name: &Self::Name) -> usize;

    /// What is remembered of the record, and what that occupies in memory beside `Self::Known` itself, in bytes:
    /// roughly and never less. What is in `alike` already it takes from there, for nothing.
    fn known(self, alike: &Alike) -> (Self::Known, usize);

    /// Where such records are remembered.
    fn memory(memories: &Memories) -> &Memory<Self>;
}

/// What an allocation of so many bytes occupies, with what the allocator needs beside it.
pub(super) fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + size_of::<usize>()).next_multiple_of(16) }
}

/// What shared content occupies beside the pointer to it.
pub(super) fn shared(bytes: usize) -> usize {
    allocated(2 * size_of::<usize>() + bytes)
}

fn text(text: &str) -> usize {
    shared(text.len())
}

fn texts<'t>(list: impl IntoIterator<Item = &'t str>) -> usize {
    list.into_iter().map(text).sum()
}

fn apis(apis: &[ApiName]) -> usize {
    shared(size_of_val(apis)) + texts(apis.iter().map(ApiName::as_str))
}

fn scopes(scopes: &ScopeSet) -> usize {
    shared(size_of::<Scope>() * scopes.iter().len()) + texts(scopes.iter().map(Scope::as_str))
}

fn memberships(memberships: &[Membership]) -> usize {
    let beside =
        |membership: &Membership| text(membership.organization.as_str()) + scopes(&membership.scopes);
    shared(size_of_val(memberships)) + memberships.iter().map(beside).sum::<usize>()
}

impl Kept for KeyRecord {
    type Name = CredentialHash;
    type Known = KnownKey;

    const KIND: RecordKind = RecordKind::Key;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &CredentialHash) -> Mark {
        Mark::of_hash(name)
    }

    fn name_bytes(_: &CredentialHash) -> usize {
        0
    }

    fn known(self, alike: &Alike) -> (KnownKey, usize) {
        let mut key = KnownKey::from(self);
        let mut bytes = text(key.id.as_str()) + allocated(size_of_val(&*key.sources));
        if key.lineage != key.id {
            bytes += text(key.lineage.as_str());
        }
        let (api_bytes, scope_bytes) = (apis(&key.apis), scopes(&key.scopes));
        bytes +=
            alike.apis.share(&mut key.apis, api_bytes) + alike.scopes.share(&mut key.scopes, scope_bytes);
        let organization = text(key.organization.as_str());
        bytes += alike.organizations.share(&mut key.organization, organization);
        bytes += key.project.as_ref().map_or(0, |project| text(project.as_str()));
        if let Some(environment) = &mut key.environment {
            let own = text(environment.as_str());
            bytes += alike.environments.share(environment, own);
        }
        if let Some(plan) = &mut key.plan {
            let own = text(plan.as_str());
            bytes += alike.plans.share(plan, own);
        }
        (key, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.keys
    }
}

impl Kept for SessionRecord {
    type Name = CredentialHash;
    type Known = Self;

    const KIND: RecordKind = RecordKind::Session;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &CredentialHash) -> Mark {
        Mark::of_hash(name)
    }

    fn name_bytes(_: &CredentialHash) -> usize {
        0
    }

    fn known(mut self, alike: &Alike) -> (Self, usize) {
        let scope_bytes = scopes(&self.scopes);
        let bytes = texts([self.id.as_str(), self.user.as_str()])
            + apis(&self.apis)
            + memberships(&self.memberships)
            + alike.scopes.share(&mut self.scopes, scope_bytes);
        (self, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.sessions
    }
}

impl Kept for OrganizationRecord {
    type Name = OrganizationId;
    type Known = Self;

    const KIND: RecordKind = RecordKind::Organization;
    const NAMED_BY_PRINCIPALS: bool = true;

    fn mark(name: &OrganizationId) -> Mark {
        Mark::of_texts(Self::KIND, &[name.as_str()])
    }

    fn name_bytes(name: &OrganizationId) -> usize {
        texts([name.as_str()])
    }

    fn known(self, _: &Alike) -> (Self, usize) {
        let bytes = texts([self.id.as_str(), &self.name])
            + apis(&self.apis)
            + texts(self.plan.as_ref().map(PlanName::as_str))
            + allocated(size_of_val(self.entitlements.as_slice()))
            + texts(self.entitlements.iter().map(Entitlement::as_str));
        (self, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.organizations
    }
}

impl Kept for ProjectRecord {
    type Name = ProjectId;
    type Known = Self;

    const KIND: RecordKind = RecordKind::Project;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &ProjectId) -> Mark {
        Mark::of_texts(Self::KIND, &[name.as_str()])
    }

    fn name_bytes(name: &ProjectId) -> usize {
        texts([name.as_str()])
    }

    fn known(self, _: &Alike) -> (Self, usize) {
        let bytes = texts([self.id.as_str(), &self.name, self.organization.as_str()]) + apis(&self.apis);
        (self, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.projects
    }
}

/// What somebody may do differs from API to API, so they are looked up for one.
impl Kept for MemberRecord {
    type Name = (UserId, ApiName);
    type Known = Self;

    const KIND: RecordKind = RecordKind::Member;
    const NAMED_BY_PRINCIPALS: bool = true;

    fn mark((user, api): &(UserId, ApiName)) -> Mark {
        Mark::of_texts(Self::KIND, &[user.as_str(), api.as_str()])
    }

    fn name_bytes((user, api): &(UserId, ApiName)) -> usize {
        texts([user.as_str(), api.as_str()])
    }

    fn known(self, _: &Alike) -> (Self, usize) {
        let bytes = text(self.user.as_str()) + memberships(&self.memberships);
        (self, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.members
    }
}

impl Kept for ProjectSecrets {
    type Name = (ApiName, ProjectId);
    type Known = Self;

    const KIND: RecordKind = RecordKind::Secret;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark((api, project): &(ApiName, ProjectId)) -> Mark {
        Mark::of_texts(Self::KIND, &[api.as_str(), project.as_str()])
    }

    fn name_bytes((api, project): &(ApiName, ProjectId)) -> usize {
        texts([api.as_str(), project.as_str()])
    }

    fn known(self, _: &Alike) -> (Self, usize) {
        let beside = |secret: &SecretRecord| {
            let single = [
                secret.id.as_str(),
                secret.api.as_str(),
                secret.organization.as_str(),
                secret.project.as_str(),
                secret.sealed.key.as_str(),
            ];
            let predecessor = secret.rotated_from.as_ref().map(SecretId::as_str);
            texts(single.into_iter().chain(predecessor)) + allocated(secret.sealed.bytes.len())
        };
        let bytes = shared(size_of_val(&*self.secrets)) + self.secrets.iter().map(beside).sum::<usize>();
        (self, bytes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.secrets
    }
}
