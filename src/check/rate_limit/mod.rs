//! Stage 6, admit: grant → [`Admission`], counted against the principal's quotas.

use super::authz::Grant;

/// The proof that the request was counted and there was room. Only this stage makes one.
#[derive(Debug)]
pub struct Admission<'r> {
    grant: Grant<'r>,
}

impl<'r> Admission<'r> {
    /// What was granted.
    #[must_use]
    pub fn grant(&self) -> &Grant<'r> {
        &self.grant
    }
}

/// Admits a granted request. No configuration can name a quota, so there is always room.
#[must_use]
pub fn admit(grant: Grant<'_>) -> Admission<'_> {
    Admission { grant }
}
