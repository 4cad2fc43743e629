//! What a store could not do, in sentences for whoever asked.

use std::{fmt, path::PathBuf};

use super::RecordKind;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is locked for too long, or is damaged: nothing is known about the record.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds makes no sense to this program.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// A record of this kind with this id, hash or predecessor is there already.
    #[error("another {0} has this {1} already")]
    Exists(RecordKind, UniqueField),
    /// No record of this kind has this id. It is not repeated: what was asked for may be a key, by mistake.
    #[error("{}", not_found(*.0))]
    NotFound(RecordKind),
    /// It is revoked, so nothing may replace or change it.
    #[error("this {0} is revoked")]
    Revoked(RecordKind),
    /// It is no longer as whoever decided about it saw it.
    #[error("this {0} was changed meanwhile: look at it, and ask again")]
    Changed(RecordKind),
    /// A project may not have a third active secret.
    #[error("two secrets of this project are active for this API already: revoke one of them first")]
    TwoSecretsActive,
    /// This very request was carried out already: nothing was done again.
    #[error("this request was carried out already")]
    Repeated,
    /// Another request had this id less than a day ago.
    #[error("another request had this id within the last day: give each request an id of its own")]
    RequestReused,
    /// It is a folder of documents: only whoever writes these changes anything.
    #[error(
        "the store is a folder of documents, which are only read: change them, or add one that `doorward keys create --declare` \
         or `doorward secrets create --declare` prints"
    )]
    ReadOnly,
    /// What a refused document may declare: nothing is known about it.
    #[error("{}: this document is refused, and may declare it", .0.display())]
    Unread(PathBuf),
    /// The place belongs to another kind of list.
    #[error("this is no place in this list: expected the token that came with the page before")]
    Misplaced,
}

impl StoreError {
    /// The error for what stands in a column of a table already.
    pub(super) fn exists(table: &str, column: &str) -> Option<Self> {
        let kind = match table {
            "keys" => RecordKind::Key,
            "sessions" => RecordKind::Session,
            "organizations" => RecordKind::Organization,
            "projects" => RecordKind::Project,
            "secrets" => RecordKind::Secret,
            _ => return None,
        };
        let field = match column {
            "id" => UniqueField::Id,
            "hash" => UniqueField::Hash,
            "rotated_from" => UniqueField::Predecessor,
            _ => return None,
        };
        Some(Self::Exists(kind, field))
    }
}

/// What no two records of a kind share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueField {
    /// Its id.
    Id,
    /// The hash of the credential.
    Hash,
    /// The record that it replaces.
    Predecessor,
}

impl fmt::Display for UniqueField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Hash => "hash",
            Self::Predecessor => "predecessor",
        })
    }
}

fn not_found(kind: RecordKind) -> String {
    match kind {
        RecordKind::Member => "this user is no member of this organization".to_owned(),
        other => format!("no {other} has this id"),
    }
}
