//! `guards`: what is refused beside bad credentials, each a switch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is refused beside bad credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// Requests that came over plain HTTP, on all routes that are not public: those whose `x-forwarded-proto`
    /// is not `https`. Envoy has to see to it that the header is true, so this is allowed unless it is said.
    pub plain_http: Guard,
    /// API keys that a browser sends. A key is for back ends: what is in a page is no secret.
    pub browser_keys: Guard,
    /// CORS preflights: `OPTIONS` with `Origin` and `Access-Control-Request-Method`, without body, for a route
    /// that exists. Allowed, they need no credential, as browsers send none with them.
    pub cors_preflight: Preflight,
}

/// Whether something is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// It is not.
    #[default]
    Allow,
    /// It is.
    Refuse,
}

/// What is done with CORS preflights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preflight {
    /// They need what any other request needs.
    #[default]
    Check,
    /// They pass without a credential.
    Pass,
}
