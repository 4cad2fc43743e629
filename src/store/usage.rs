//! Keeping how keys are used.

use std::collections::HashMap;

use crate::domain::{KeyId, KeyUsage};

use super::StoreError;

/// Keeps how often keys were used and when last, the moment to the millisecond. Nothing of it is written into the change
/// table or the audit log: it opens and shuts no door, and what is remembered elsewhere stays as good as it was.
pub trait UsageStore: Send + Sync {
    /// Adds these uses to those that are kept, and keeps the latest moment: all of them, or none. Those of keys that are
    /// not there are left out.
    fn add_uses(&self, uses: &[(KeyId, KeyUsage)]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How these keys were used. One that was not is not among them.
    fn usage(
        &self,
        ids: &[KeyId],
    ) -> impl Future<Output = Result<HashMap<KeyId, KeyUsage>, StoreError>> + Send;
}
