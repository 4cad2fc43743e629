//! How keys are used.

use std::collections::HashMap;

use crate::{
    domain::{KeyId, KeyUsage},
    store::{KeyStore, UsageStore},
};

use super::{KeyError, Keys};

impl<S: KeyStore + UsageStore> Keys<'_, S> {
    /// How these keys were used, as far as the servers have written it. One that was not is not among them.
    ///
    /// # Errors
    ///
    /// [`KeyError::Store`].
    pub async fn usage(&self, ids: &[KeyId]) -> Result<HashMap<KeyId, KeyUsage>, KeyError> {
        Ok(self.store.usage(ids).await?)
    }
}
