//! Configuration: file and environment → a raw tree → [`Config`], made of domain types.
//!
//! One file per section: each has the section as it is written (`Raw…`, which also makes the JSON Schema) and as
//! it is checked. Whoever holds a [`Config`] holds something that was checked whole.
//!
//! The way through: [`Config::load`] reads the file into a tree that knows its lines, puts the environment's overrides
//! into it, checks its shape against the schema, and has each section check what its values mean. The fragments
//! that it includes go the same way, each alone, and are held against what the file grants them. All problems
//! are reported together.

mod administrators;
mod api;
mod binding;
mod cache;
mod client_tls;
mod counters;
mod credential;
mod credential_place;
mod denials;
mod document;
mod duration;
mod expiry_warning;
mod find;
mod fingerprint;
mod fragment;
mod grants;
mod guards;
mod host;
mod include;
mod limits;
mod listen;
mod load;
mod origin;
mod overrides;
mod place;
mod plans;
mod principal_headers;
mod problem;
mod regular_file;
mod reserved_headers;
mod route;
mod schema;
mod scope_preset;
mod sealing;
mod secret_source;
mod shadow;
mod shape;
mod shutdown;
mod sound;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod wording;
mod yaml;

use std::{collections::BTreeMap, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::PlanName;

pub use administrators::{KnownAdministrator, SignIn, Standing, Token};
pub use api::{Ambiguity, Api, ClientAddress};
pub use binding::{Binding, NamePlace};
pub use cache::CacheLimits;
pub use client_tls::ClientTls;
pub use counters::{CounterLocation, RedisAddress, RedisCounters, RedisServers};
pub use credential::{
    ChecksumRule, CredentialRule,
    api_key::{ApiKeyCredential, PrefixRule},
    jwt::{Algorithm, ClaimPath, Claims, JwtCredential, JwtKeys, KeyTiming, PrivateAddresses, RemoteKeys},
    once::Once,
    session::SessionCredential,
    signature::{Encoding, SignatureCredential},
    signed_text::{SignedHole, SignedPart, SignedText},
};
pub use credential_place::CredentialPlace;
pub use denials::Denials;
pub use document::{Declared, Documents, RefusedDocument, Unread, declare_key, declare_secret};
pub use expiry_warning::ExpiryWarning;
pub use find::{NotFound, find};
pub use fingerprint::Fingerprint;
pub use fragment::{FragmentName, Fragments, RefusedFragment};
pub use guards::{Guard, Guards, Preflight};
pub use limits::{LimitBy, LimitHeaders, LimitRule, Limits, Quotas, ResetForm, WithoutCounters};
pub use listen::{AdminListener, CheckListener, Listen, ListenAddress, Transport};
pub use load::Loaded;
pub use plans::Plans;
pub use principal_headers::PrincipalHeaders;
pub use problem::{ConfigErrors, ConfigWarnings};
pub use route::{Access, Route};
pub use schema::{document_schema, fragment_schema, schema};
pub use scope_preset::ScopePreset;
pub use sealing::Sealing;
pub use secret_source::{SecretOrigin, SecretSource};
pub use shadow::Shadow;
pub use shutdown::Shutdown;
pub use store::{PostgresAddress, PostgresLocation, PostgresTls, StoreLocation};
pub use template::{Hole, Part, Template};

use self::{
    administrators::{
        RawAdministrator,
        sign_in::{self, RawSignIn},
    },
    api::RawApi,
    cache::RawCache,
    counters::RawCounters,
    duration::Span,
    grants::Grants,
    include::RawInclude,
    listen::RawListen,
    place::Place,
    plans::RawPlans,
    problem::Report,
    sealing::RawSealing,
    shutdown::RawShutdown,
    store::RawStore,
    text::{Text, names},
};

/// All that one process of Doorward is told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Where keys, organizations, sessions and secrets are kept.
    pub store: StoreLocation,
    /// How much of the store is remembered, and for how long.
    pub cache: CacheLimits,
    /// The keys under which the secrets of projects are sealed. Wherever a signature is accepted there are some.
    pub sealing: Option<Sealing>,
    /// How Envoy is told that the answer could not be found out.
    pub outage: Outage,
    /// The time that one Check may take before it is answered as unavailable; shorter than Envoy's own.
    pub budget: Duration,
    /// How it ends.
    pub shutdown: Shutdown,
    /// Where requests are counted.
    pub counters: CounterLocation,
    /// Quotas by the names of plans. Those that an API or a route names are among them.
    pub plans: Plans,
    /// Who may administer, beside whoever may connect to a Unix socket. No two have a name, a token or a certificate in common.
    pub administrators: Vec<KnownAdministrator>,
    /// The issuers by whose tokens people administer.
    pub sign_in: Vec<SignIn>,
    /// The products guarded, of all files. No host stands in two of them and no name is used twice.
    pub apis: Vec<Api>,
    /// The hosts of no API that a refused fragment may have: what is asked there cannot be answered.
    pub unavailable: BTreeMap<String, FragmentName>,
}

/// How Envoy is told that the answer could not be found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// By `error_response`, which Envoy honours from 1.37 on.
    #[default]
    ErrorResponse,
    /// By a gRPC error, for older ones.
    GrpcError,
}

/// The configuration of Doorward. Relative paths are relative to the folder of the file. The environment can
/// override every value: `DOORWARD_CACHE__POSITIVE=30s` sets `cache.positive`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Doorward")]
struct RawConfig {
    /// Where Doorward can be reached.
    #[serde(default)]
    listen: RawListen,
    /// Where keys, organizations, sessions and secrets are kept: `sqlite:PATH`, a file that is made if it is not there,
    /// a PostgreSQL database that many servers share, or `files:DIRECTORY`, a folder of documents that are only read.
    #[serde(default)]
    store: RawStore,
    /// How much of the store is remembered, and for how long.
    #[serde(default)]
    cache: RawCache,
    /// The keys under which the secrets of projects are sealed; needed where a signature is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealing: Option<RawSealing>,
    /// How Envoy is told that the answer could not be found out.
    #[serde(default)]
    outage: Outage,
    /// The time that one Check may take before it is answered as unavailable. Keep it below the timeout of
    /// Envoy's `ext_authz`, which is 200ms unless set. At most 1 minute.
    #[serde(default = "default_budget")]
    budget: Text<Span>,
    /// How a process ends without dropping a Check.
    #[serde(default)]
    shutdown: RawShutdown,
    /// Where requests are counted: `memory`, each process by itself, or a Redis, all together.
    #[serde(default)]
    counters: RawCounters,
    /// Quotas by the names of plans: `developer: [500/minute]`. A key or an organization has a plan, or else an API
    /// says which one holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("propertyNames" = names::<PlanName>()))]
    plans: RawPlans,
    /// Who may administer over `listen.admin`, beside whoever may connect to it if it is a Unix socket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    administrators: Vec<RawAdministrator>,
    /// Issuers of tokens (`OpenID` Connect) by which people administer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    sign_in: Vec<RawSignIn>,
    /// Fragments: files with the APIs of one team each, which `grants` must name. Patterns of paths such as
    /// `apis.d/*.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include: Option<RawInclude>,
    /// What each fragment may have, by the name of its file without extension.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    #[schemars(extend("propertyNames" = names::<FragmentName>()))]
    grants: Grants,
    /// The products guarded. It can be left out where there is an `include`.
    #[serde(default)]
    apis: Vec<RawApi>,
}

fn default_budget() -> Text<Span> {
    Text::of_ms(150)
}

impl RawConfig {
    /// Checks what the values mean. `apis` are those whose shape is right, each with its place in the list;
    /// they stand in for `self.apis`.
    fn check(&self, apis: &[(usize, RawApi)], folder: &Path, report: &mut Report<'_>) -> Config {
        let at = Place::Root;
        grants::check(&self.grants, apis, &at.field("grants"), report);
        let budget = self.budget.within(1..=60_000, &at.field("budget"), report);
        let config = Config {
            listen: self.listen.check(folder, &at.field("listen"), report),
            store: self.store.check(folder, &at.field("store"), report),
            cache: self.cache.check(&at.field("cache"), report),
            sealing: self.sealing.as_ref().and_then(|raw| raw.check(&at.field("sealing"), report)),
            outage: self.outage,
            budget,
            shutdown: self.shutdown.check(&at.field("shutdown"), report),
            counters: self.counters.check(folder, budget, &at.field("counters"), report),
            plans: plans::check(&self.plans, &at.field("plans"), report),
            administrators: administrators::check(&self.administrators, &at.field("administrators"), report),
            sign_in: sign_in::check(&self.sign_in, &at.field("sign_in"), report),
            apis: api::check(apis, &at.field("apis"), report),
            unavailable: BTreeMap::new(),
        };
        self.check_admin(&config, report);
        if !report.is_written(&at.field("sealing")) {
            for ((number, _), api) in apis.iter().zip(&config.apis) {
                sealing::check_need(api, &at.field("apis").item(*number), report);
            }
        }
        config
    }

    fn check_admin(&self, config: &Config, report: &mut Report<'_>) {
        let at = Place::Root;
        // Of what is written and yet not here something was reported.
        let is_unsound = (self.administrators.is_empty() && report.is_written(&at.field("administrators")))
            || (self.sign_in.is_empty() && report.is_written(&at.field("sign_in")));
        if let Some(listener) = config.listen.admin.as_ref().filter(|_| !is_unsound) {
            let at = at.field("listen");
            let signs_in = !config.sign_in.is_empty();
            administrators::check_use(listener, &config.administrators, signs_in, &at.field("admin"), report);
        }
    }
}
