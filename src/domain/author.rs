//! Who asks for a change, and what the audit log tells of it.

use super::{ApiName, OrganizationId, Role, Timestamp};

/// The longest id of a request, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Who asks for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who, as the audit log tells of them.
    pub name: String,
    /// The role that they have.
    pub role: Role,
    /// From where: an address, or the id of a user of this machine.
    pub from: String,
    /// The request that asks for it, if it may be sent again.
    pub request: Option<Request>,
}

impl Author {
    /// Whoever works on the store itself, as the user of the machine with this id.
    #[must_use]
    pub fn on_the_store(user: u32) -> Self {
        Self { name: "cli".to_owned(), role: Role::Owner, from: format!("uid {user}"), request: None }
    }
}

/// A request that may be sent again, without anything being done twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    id: String,
    digest: [u8; 32],
}

/// The text is no id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {REQUEST_ID_BYTES_MAX} characters from `!` to `~`")]
pub struct RequestIdError;

impl Request {
    /// The request with this id; `digest` is the SHA-256 of all that it asks for.
    ///
    /// # Errors
    ///
    /// [`RequestIdError`] if `id` is empty, longer than 128 bytes, or holds anything but visible ASCII.
    pub fn new(id: String, digest: [u8; 32]) -> Result<Self, RequestIdError> {
        let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len());
        let is_visible = id.bytes().all(|byte| byte.is_ascii_graphic());
        if fits && is_visible { Ok(Self { id, digest }) } else { Err(RequestIdError) }
    }

    /// What its sender calls it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The SHA-256 of all that it asks for.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// What the audit log tells of one change, or of a secret that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number: later ones are greater.
    pub number: u64,
    /// When it was.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The role that they had.
    pub role: Role,
    /// From where.
    pub from: String,
    /// What was done, such as `key.rotate`.
    pub action: String,
    /// The kind of what was changed, such as `key`.
    pub kind: String,
    /// The id of what was changed.
    pub id: String,
    /// The organization that it belongs to, if to any.
    pub organization: Option<OrganizationId>,
    /// The APIs that it serves.
    pub apis: Vec<ApiName>,
    /// What it was, as JSON without secrets; `None` if it was not there.
    pub before: Option<String>,
    /// What it became, as JSON without secrets; `None` if it is no longer there.
    pub after: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_request_is_short_and_visible() {
        let long = "x".repeat(129);
        for (id, is_good) in [
            ("!", true),
            ("a-1~", true),
            (&long[1..], true),
            (&long, false),
            ("", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(Request::new(id.to_owned(), [0; 32]).is_ok(), is_good, "{id:?}");
        }
    }
}
