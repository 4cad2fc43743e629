//! What a Check looks up, by which name, and how much of it fits into memory.

use std::{
    fmt::{self, Debug},
    hash::Hash,
};

use sha2::{Digest, Sha256};

use crate::domain::{
    ApiName, CredentialHash, Entitlement, Environment, KeyId, KeyRecord, MemberRecord, Membership,
    OrganizationId, OrganizationRecord, PlanName, ProjectId, ProjectRecord, ProjectSecrets, Scope, ScopeSet,
    SecretId, SecretRecord, SessionRecord, UserId,
};

use super::cached::{Memories, Memory};

/// What an `Arc<str>` and the pointer to it occupy beside their text.
const TEXT_BYTES: usize = 32;

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

    /// Its kind.
    const KIND: RecordKind;

    /// Whether only proven principals can name such a record. If so, nobody can make up names to fill the
    /// cache with, and that there is no record is remembered for as long as a record is.
    const NAMED_BY_PRINCIPALS: bool;

    /// The mark of the record with this name.
    fn mark(name: &Self::Name) -> Mark;

    /// What a name occupies in memory beside `Self::Name` itself, in bytes: roughly and never less.
    fn name_bytes(name: &Self::Name) -> usize;

    /// What the record occupies in memory beside `Self` itself, in bytes: roughly and never less.
    fn bytes(&self) -> usize;

    /// Where such records are remembered.
    fn memory(memories: &Memories) -> &Memory<Self>;
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    texts.into_iter().map(|text| TEXT_BYTES + text.len()).sum()
}

fn apis(apis: &[ApiName]) -> usize {
    texts(apis.iter().map(ApiName::as_str))
}

fn scopes(scopes: &ScopeSet) -> usize {
    texts(scopes.iter().map(Scope::as_str))
}

fn memberships(memberships: &[Membership]) -> usize {
    let beside =
        |membership: &Membership| texts([membership.organization.as_str()]) + scopes(&membership.scopes);
    size_of_val(memberships) + memberships.iter().map(beside).sum::<usize>()
}

impl Kept for KeyRecord {
    type Name = CredentialHash;

    const KIND: RecordKind = RecordKind::Key;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &CredentialHash) -> Mark {
        Mark::of_hash(name)
    }

    fn name_bytes(_: &CredentialHash) -> usize {
        0
    }

    fn bytes(&self) -> usize {
        let single = [
            Some(self.id.as_str()),
            Some(self.hint.as_str()),
            Some(self.name.as_str()),
            Some(self.organization.as_str()),
            self.project.as_ref().map(ProjectId::as_str),
            self.environment.as_ref().map(Environment::as_str),
            self.plan.as_ref().map(PlanName::as_str),
            self.rotated_from.as_ref().map(KeyId::as_str),
            Some(self.lineage.as_str()),
        ];
        let sources = size_of_val(self.sources.as_slice());
        texts(single.into_iter().flatten()) + apis(&self.apis) + scopes(&self.scopes) + sources
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.keys
    }
}

impl Kept for SessionRecord {
    type Name = CredentialHash;

    const KIND: RecordKind = RecordKind::Session;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &CredentialHash) -> Mark {
        Mark::of_hash(name)
    }

    fn name_bytes(_: &CredentialHash) -> usize {
        0
    }

    fn bytes(&self) -> usize {
        texts([self.id.as_str(), self.user.as_str()])
            + apis(&self.apis)
            + memberships(&self.memberships)
            + scopes(&self.scopes)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.sessions
    }
}

impl Kept for OrganizationRecord {
    type Name = OrganizationId;

    const KIND: RecordKind = RecordKind::Organization;
    const NAMED_BY_PRINCIPALS: bool = true;

    fn mark(name: &OrganizationId) -> Mark {
        Mark::of_texts(Self::KIND, &[name.as_str()])
    }

    fn name_bytes(name: &OrganizationId) -> usize {
        texts([name.as_str()])
    }

    fn bytes(&self) -> usize {
        texts([self.id.as_str(), &self.name])
            + apis(&self.apis)
            + texts(self.plan.as_ref().map(PlanName::as_str))
            + texts(self.entitlements.iter().map(Entitlement::as_str))
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.organizations
    }
}

impl Kept for ProjectRecord {
    type Name = ProjectId;

    const KIND: RecordKind = RecordKind::Project;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark(name: &ProjectId) -> Mark {
        Mark::of_texts(Self::KIND, &[name.as_str()])
    }

    fn name_bytes(name: &ProjectId) -> usize {
        texts([name.as_str()])
    }

    fn bytes(&self) -> usize {
        texts([self.id.as_str(), &self.name, self.organization.as_str()]) + apis(&self.apis)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.projects
    }
}

/// What somebody may do differs from API to API, so they are looked up for one.
impl Kept for MemberRecord {
    type Name = (UserId, ApiName);

    const KIND: RecordKind = RecordKind::Member;
    const NAMED_BY_PRINCIPALS: bool = true;

    fn mark((user, api): &(UserId, ApiName)) -> Mark {
        Mark::of_texts(Self::KIND, &[user.as_str(), api.as_str()])
    }

    fn name_bytes((user, api): &(UserId, ApiName)) -> usize {
        texts([user.as_str(), api.as_str()])
    }

    fn bytes(&self) -> usize {
        texts([self.user.as_str()]) + memberships(&self.memberships)
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.members
    }
}

impl Kept for ProjectSecrets {
    type Name = (ApiName, ProjectId);

    const KIND: RecordKind = RecordKind::Secret;
    const NAMED_BY_PRINCIPALS: bool = false;

    fn mark((api, project): &(ApiName, ProjectId)) -> Mark {
        Mark::of_texts(Self::KIND, &[api.as_str(), project.as_str()])
    }

    fn name_bytes((api, project): &(ApiName, ProjectId)) -> usize {
        texts([api.as_str(), project.as_str()])
    }

    fn bytes(&self) -> usize {
        let beside = |secret: &SecretRecord| {
            let single = [
                secret.id.as_str(),
                secret.api.as_str(),
                secret.organization.as_str(),
                secret.project.as_str(),
                secret.sealed.key.as_str(),
            ];
            let predecessor = secret.rotated_from.as_ref().map(SecretId::as_str);
            texts(single.into_iter().chain(predecessor)) + secret.sealed.bytes.len()
        };
        size_of_val(&*self.secrets) + self.secrets.iter().map(beside).sum::<usize>()
    }

    fn memory(memories: &Memories) -> &Memory<Self> {
        &memories.secrets
    }
}
