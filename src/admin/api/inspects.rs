//! Who tells what a credential is.

use crate::{admin::proto::VerifiedCredential, domain::ApiName};

use super::Fault;

/// Tells what a credential is, without using it.
pub trait Inspects: Send + Sync + 'static {
    /// What it would be to this API. Nothing is counted.
    ///
    /// # Errors
    ///
    /// It could not be found out, or there is no such API.
    fn inspect(
        &self,
        api: &ApiName,
        credential: &str,
    ) -> impl Future<Output = Result<VerifiedCredential, Fault>> + Send;
}
