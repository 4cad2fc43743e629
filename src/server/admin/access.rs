//! The door of the admin API: a request gets in with the administrator who sends it, or is refused in its own protocol.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{HeaderValue, Request, Response, header, request::Parts};
use metrics::{counter, describe_counter};
use quick_cache::sync::Cache;
use tokio::time::Instant;
use tonic::Status;
use tracing::info;

use crate::{
    admin::{
        access::{Attempts, Caller, Hosts, Refusal, Roster, bearer, judge_site, owner},
        api::Fault,
    },
    check::authn::{
        Issuers,
        jwks::IssuerKeys,
        jwt::{Unproven, proven_claims},
    },
    config::{Config, JwtCredential, SignIn},
    domain::{Administrator, Clock, CredentialHash},
};

use super::{json_error, routes::is_grpc, services::is_open};

/// How long the keys of an issuer are waited for.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);
/// How many tokens of issuers are known to have been good.
const PROVEN_MAX: usize = 4_096;

/// The most of a path that a line shows, in characters.
const PATH_CHARS_MAX: usize = 256;

/// Counts requests that did not get in, by reason.
const REFUSALS: &str = "doorward_admin_refusals_total";

/// Who gets in. One for a process: what failed is remembered through reloads.
#[derive(Debug)]
pub(in crate::server) struct Access {
    current: ArcSwap<Known>,
    issuers: Issuers,
    attempts: Attempts,
    /// Tokens that were good once. Each is verified again whenever it is presented; so that a guesser who shares its
    /// address keeps nobody out.
    proven: Cache<CredentialHash, ()>,
    clock: Arc<dyn Clock>,
}

/// What of the configuration it depends on.
#[derive(Debug)]
struct Known {
    roster: Roster,
    sign_in: Vec<SignIn>,
    /// The tokens of each `sign_in` and its keys, in the same order.
    issuers: Vec<(JwtCredential, IssuerKeys)>,
}

impl Known {
    fn new(config: &Config, issuers: &Issuers) -> Self {
        let keys = |sign_in: &SignIn| (sign_in.tokens.clone(), issuers.keys_of(&sign_in.tokens));
        Self {
            roster: Roster::new(config),
            sign_in: config.sign_in.clone(),
            issuers: config.sign_in.iter().map(keys).collect(),
        }
    }
}

impl Access {
    /// Makes a configuration ready, and begins to fetch the keys of issuers.
    pub(in crate::server) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        describe_counter!(REFUSALS, "Requests to the admin API that did not get in, by reason.");
        let issuers = Issuers::default();
        Self {
            current: ArcSwap::from_pointee(Known::new(config, &issuers)),
            issuers,
            attempts: Attempts::default(),
            proven: Cache::new(PROVEN_MAX),
            clock,
        }
    }

    /// Puts another configuration in force. Keys of issuers that both know are not fetched again.
    pub(in crate::server) fn reload(&self, config: &Config) {
        self.current.store(Arc::new(Known::new(config, &self.issuers)));
    }

    /// Waits until the keys of every issuer have been asked for once, well or not.
    pub(in crate::server) async fn first_fetches(&self) {
        self.issuers.first_fetches().await;
    }

    /// Lets a request in: puts the [`Administrator`] into its extensions, unless nobody in particular may ask it.
    ///
    /// # Errors
    ///
    /// The answer to one that does not get in, which is logged and counted.
    pub(super) async fn admit(
        &self,
        request: Request<Body>,
        caller: &Caller,
        hosts: &Hosts,
    ) -> Result<Request<Body>, Response<Body>> {
        let is_grpc = is_grpc(&request);
        let (mut parts, body) = request.into_parts();
        match self.judge(&parts, caller, hosts).await {
            Ok(by) => {
                if let Some(by) = by {
                    parts.extensions.insert(by);
                }
                Ok(Request::from_parts(parts, body))
            }
            Err(refusal) => {
                record(&refusal, &parts, caller);
                Err(refuse(refusal, is_grpc))
            }
        }
    }

    async fn judge(
        &self,
        parts: &Parts,
        caller: &Caller,
        hosts: &Hosts,
    ) -> Result<Option<Administrator>, Refusal> {
        judge_site(&parts.uri, &parts.headers, hosts)?;
        if is_open(parts.uri.path()) {
            return Ok(None);
        }
        let proven = match bearer(&parts.headers) {
            Ok(token) => self.prove(token, caller).await,
            Err(refusal) => Err(refusal),
        };
        if proven.as_ref().is_err_and(|refusal| refusal.fault.reason == "credential_invalid") {
            let (network, now) = (caller.network(), self.clock.now());
            self.attempts.judge(network, now)?;
            self.attempts.count(network, now);
        }
        proven.map(Some)
    }

    /// Who presents this token, or else opened the connection. What is presented is what counts: one that is no good is
    /// not passed over for something else.
    async fn prove(&self, token: Option<&str>, caller: &Caller) -> Result<Administrator, Refusal> {
        let known = self.current.load_full();
        match (token, caller) {
            (Some(token), _) => match known.roster.by_token(token, caller) {
                Some(by) => Ok(by),
                None => self.prove_by_issuer(token, caller, &known).await,
            },
            (None, Caller::Unix { uid }) => Ok(owner(*uid, caller)),
            (None, Caller::Tcp { certificate: Some(names), .. }) => {
                known.roster.by_certificate(names, caller)
            }
            (None, Caller::Tcp { certificate: None, .. }) => Err(Refusal::missing()),
        }
    }

    async fn prove_by_issuer(
        &self,
        token: &str,
        caller: &Caller,
        known: &Known,
    ) -> Result<Administrator, Refusal> {
        let now = self.clock.now();
        let hash = CredentialHash::of(token);
        if self.proven.get(&hash).is_none() {
            self.attempts.judge(caller.network(), now)?;
        }
        if known.issuers.is_empty() || token.split('.').count() != 3 {
            return Err(Refusal::invalid("the token is none that is known"));
        }
        let proven = proven_claims(token, &known.issuers, now, Instant::now() + KEYS_PATIENCE).await;
        let (at, claims) = proven.map_err(|unproven| match unproven {
            Unproven::Fault(fault) => Refusal::invalid(fault.to_string()),
            outage @ Unproven::Outage { .. } => Refusal::unavailable(outage.to_string()),
        })?;
        let rule = known.sign_in.get(at).ok_or_else(|| Refusal::invalid("its issuer is unknown"))?;
        let by = known.roster.by_claims(rule, &claims, caller)?;
        self.proven.insert(hash, ());
        Ok(by)
    }
}

/// Writes the line of one refusal and counts it. Query and headers are left out, since a credential may stand in them.
fn record(refusal: &Refusal, parts: &Parts, caller: &Caller) {
    let reason = refusal.fault.reason;
    counter!(REFUSALS, "reason" => reason).increment(1);
    let path: String = parts.uri.path().chars().take(PATH_CHARS_MAX).collect();
    info!(
        target: "doorward::audit",
        reason,
        cause = refusal.cause,
        from = %caller,
        method = %parts.method,
        path,
        "an administrator is refused"
    );
}

/// A refusal in the protocol of the request.
fn refuse(refusal: Refusal, is_grpc: bool) -> Response<Body> {
    let retry_after = refusal.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    let mut answer = answer(refusal.fault, is_grpc);
    if answer.status() == http::StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// What is not done, in the protocol of the request.
pub(super) fn answer(fault: Fault, is_grpc: bool) -> Response<Body> {
    if is_grpc { Status::from(fault).into_http() } else { json_error::of(&fault) }
}
