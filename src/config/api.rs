//! `apis`: the products guarded, and their routes.

use crate::domain::{ApiName, Environment, Implications, PrincipalKind, RoutePattern, Scope};

use super::{Credential, Denials, PrincipalHeaders};

/// One product guarded.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name.
    pub name: ApiName,
    /// Its hosts, lower case, without port or final dot.
    pub hosts: Vec<String>,
    /// How the client's address is told; `None` where nothing may depend on it.
    pub client_address: Option<ClientAddress>,
    /// The ambiguities that paths may have although two parsers could read them differently.
    pub ambiguous_paths: Vec<Ambiguity>,
    /// What it accepts as proof of who is asking.
    pub credentials: Vec<Credential>,
    /// Whether a key without any scope may do everything instead of nothing.
    pub unscoped_keys_grant_all: bool,
    /// Which scope implies which.
    pub implications: Implications,
    /// Under which names the upstream reads who is asking.
    pub principal_headers: PrincipalHeaders,
    /// How it refuses.
    pub denials: Denials,
    /// Its routes; no two of them match the same request with equal specificity.
    pub routes: Vec<Route>,
}

/// How the client's address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    /// It is the peer of Envoy's connection.
    Peer,
    /// It is this many entries from the end of `x-forwarded-for`: the number of trusted proxies, Envoy
    /// included. Never 0.
    Hops(usize),
}

/// A way in which two parsers can read a path differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// `%2f`, `%5c` or `\`: is it a separator?
    EncodedSeparator,
    /// `//`: is the empty segment dropped?
    EmptySegment,
    /// `;`: does a parameter begin?
    PathParameter,
}

/// What is required for some requests.
#[derive(Debug, Clone)]
pub struct Route {
    /// Which requests.
    pub pattern: RoutePattern,
    /// Whether a credential is needed.
    pub access: Access,
    /// The kinds of principal that may call it; empty is all.
    pub principals: Vec<PrincipalKind>,
    /// The environments whose credentials may call it; empty is all.
    pub environments: Vec<Environment>,
    /// The scopes that the principal needs, all of them.
    pub scopes: Vec<Scope>,
}

/// Whether a route needs a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It does.
    Required,
    /// What is presented is verified, and what is bad refused; without any the principal is anonymous.
    Optional,
    /// What is presented is ignored and taken out; the principal is anonymous.
    Public,
}
