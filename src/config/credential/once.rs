//! `credentials[].signature.once`: whether a signature proves only one request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a signature proves only one request, and who remembers that it was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Once {
    /// It proves any number.
    No,
    /// One. All replicas remember it where they share counters, otherwise each by itself. When shared counters do not
    /// answer, it cannot be known.
    #[default]
    Everywhere,
    /// One at each replica, which remembers it by itself.
    Memory,
}

/// `true`, `false` or `memory`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "SignatureOnce")]
pub(super) enum RawOnce {
    /// Whether it does. With shared counters all replicas remember what was used, and while these do not answer,
    /// signed requests are unavailable.
    Switch(bool),
    /// It does at each replica, which remembers by itself what was used.
    Alone(RawAlone),
}

/// Where uses are remembered, in one word.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SignatureOnceAlone")]
pub(super) enum RawAlone {
    /// In this process.
    Memory,
}

impl Default for RawOnce {
    fn default() -> Self {
        Self::Switch(true)
    }
}

impl RawOnce {
    pub(super) fn check(self) -> Once {
        match self {
            Self::Switch(false) => Once::No,
            Self::Switch(true) => Once::Everywhere,
            Self::Alone(RawAlone::Memory) => Once::Memory,
        }
    }
}
