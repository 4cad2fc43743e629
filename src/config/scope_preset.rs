//! `scope_presets`: named sets of scopes that keys are created from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Scope;

use super::text::Text;

/// A named set of scopes that keys are created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePreset {
    /// The scopes.
    pub scopes: Vec<Scope>,
    /// Whether a key made from it needs an expiry.
    pub must_expire: bool,
}

/// A named set of scopes that keys are created from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScopePreset")]
pub(super) struct RawScopePreset {
    /// The scopes.
    #[schemars(length(min = 1))]
    scopes: Vec<Text<Scope>>,
    /// Whether a key made from it needs an expiry.
    #[serde(default)]
    must_expire: bool,
}

impl RawScopePreset {
    pub(super) fn check(&self) -> ScopePreset {
        ScopePreset {
            scopes: self.scopes.iter().map(|scope| scope.value.clone()).collect(),
            must_expire: self.must_expire,
        }
    }
}
