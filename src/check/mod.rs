//! The data plane: one Check, in nine stages, a file or folder for each.
//!
//! | stage | room |
//! |---|---|
//! | 1 parse | [`request`] |
//! | 2 route | [`route`] |
//! | 3 extract, 4 verify | [`authn`] |
//! | 5 authorize | [`authz`] |
//! | 6 admit | [`rate_limit`] |
//! | 7 conclude | [`decision`] |
//! | 8 render | [`response`] |
//! | 9 record | [`record`] |
//!
//! [`wire`] is how Envoy's messages are read and written, [`refusal`] how a stage says no.
//!
//! Each stage takes what the one before it proved, by type: without a `Principal` there is no `Grant`, without a
//! `Grant` no `Admission`, and nothing but an `Admission` is allowed.

pub mod authn;
pub mod authz;
pub mod decision;
pub mod rate_limit;
pub(crate) mod record;
pub mod refusal;
pub mod request;
mod response;
pub mod route;
pub mod usage;
pub mod wire;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tonic::Status;

use crate::{
    config::Config,
    counters::{Memory, Meter, Redis},
    domain::{ApiName, Clock, DenialReason, SealingKeys},
    store::{CachedStore, Lookups, SessionStore, StoreError, UsageStore},
};

use self::{
    authn::{
        AttemptLimits, Issuers, Principal, RefusedAddresses, Replays, Tokens, Touches, Watch, Watching,
        Witnesses,
    },
    decision::{Decision, Seen},
    rate_limit::{Counting, Rules},
    record::Recorder,
    refusal::Refusal,
    request::Call,
    response::Renderer,
    route::Doors,
    usage::Uses,
};

/// What of the configuration a Check depends on, made ready for it. Replaced as a whole by a reload.
#[derive(Debug)]
pub struct Policy {
    doors: Doors,
    issuers: Issuers,
    tokens: Tokens,
    rules: Rules,
    attempts: AttemptLimits,
    renderer: Renderer,
    recorder: Recorder,
    sealing: Option<SealingKeys>,
}

impl Policy {
    /// Makes a checked configuration ready: builds the tables of hosts and routes, and the metrics, and begins to
    /// fetch the keys of issuers. If there are any, within a runtime of tokio only.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::with_issuers(config, Issuers::default())
    }

    /// Does the same for a configuration that takes the place of this one. Keys of issuers that both know are not
    /// fetched again.
    #[must_use]
    pub fn succeeded_by(&self, config: &Config) -> Self {
        Self::with_issuers(config, self.issuers.clone())
    }

    fn with_issuers(config: &Config, issuers: Issuers) -> Self {
        let doors = Doors::new(config);
        let tokens = Tokens::new(&config.apis, &issuers);
        let recorder = Recorder::new(config.apis.iter().map(|api| &api.name));
        let sealing = config.sealing.as_ref().map(|sealing| sealing.keys.clone());
        let rules = Rules::new(config);
        let attempts = AttemptLimits::new(&config.apis);
        let renderer = Renderer::new(config);
        Self { doors, issuers, tokens, rules, attempts, renderer, recorder, sealing }
    }

    /// Puts a decision under this policy into Envoy's words: appends a `CheckResponse` to `out`.
    ///
    /// # Errors
    ///
    /// Only for an outage, and only where the configuration says `outage: grpc_error`.
    pub fn render(&self, decision: &Decision<'_>, out: &mut Vec<u8>) -> Result<(), Status> {
        self.renderer.render(decision, out)
    }

    /// Records a decision that took so long.
    pub fn record(&self, decision: &Decision<'_>, took: Duration) {
        self.recorder.record(decision, took);
    }

    /// Waits until the keys of every issuer have been asked for once, well or not.
    pub async fn first_fetches(&self) {
        self.issuers.first_fetches().await;
    }
}

/// Answers Checks.
#[derive(Debug)]
pub struct Checker<S> {
    policy: ArcSwap<Policy>,
    store: CachedStore<S>,
    touches: Touches,
    uses: Uses,
    replays: Replays,
    refused: RefusedAddresses,
    meter: Arc<Meter>,
    only_looks: bool,
    clock: Arc<dyn Clock>,
}

impl<S: Lookups> Checker<S> {
    /// A checker under `policy` that asks `store` who is asking, and counts in this process.
    pub fn new(policy: Policy, store: CachedStore<S>, clock: Arc<dyn Clock>) -> Self {
        let meter = Arc::new(Meter::in_memory(Memory::new(Arc::clone(&clock))));
        Self {
            policy: ArcSwap::from_pointee(policy),
            store,
            touches: Touches::default(),
            uses: Uses::default(),
            replays: Replays::default(),
            refused: RefusedAddresses::default(),
            meter,
            only_looks: false,
            clock,
        }
    }

    /// The same, that counts by this meter.
    #[must_use]
    pub fn with_meter(self, meter: Arc<Meter>) -> Self {
        Self { meter, ..self }
    }

    /// The same, that shares with other replicas which signatures were used.
    #[must_use]
    pub fn with_shared_replays(self, redis: Arc<Redis>) -> Self {
        Self { replays: Replays::shared(redis), ..self }
    }

    /// The same, that counts nothing: it looks at the counters, and tells what would be.
    #[must_use]
    pub fn only_looking(self) -> Self {
        Self { only_looks: true, ..self }
    }

    /// Puts another configuration in force from the next Check on; running ones end under the policy they began
    /// with. Within a runtime of tokio only.
    pub fn reload(&self, config: &Config) {
        self.policy.store(Arc::new(self.policy().succeeded_by(config)));
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Answers one Check: decides, renders, records, and notes which key was used. `message` is a `CheckRequest`; a `CheckResponse` is appended to
    /// `out`.
    ///
    /// # Errors
    ///
    /// The message is no `CheckRequest`; or there is an outage, and the configuration says `outage: grpc_error`.
    pub async fn check(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Status> {
        let began = Instant::now();
        let call = Call::read(message).map_err(|broken| Status::invalid_argument(broken.to_string()))?;
        let policy = self.policy.load();
        let decision = self.decide(&policy, &call).await;
        let response = policy.render(&decision, out);
        policy.record(&decision, began.elapsed());
        if let Some(id) = decision.opened_by() {
            self.uses.note(id, decision.at);
        }
        response
    }

    /// Answers a Check that is too large to be read, as `cause` says: it is denied, whatever it asks for, since an error
    /// would let it pass where Envoy fails open. A `CheckResponse` is appended to `out`.
    ///
    /// # Errors
    ///
    /// As [`Checker::check`]; a denial has none.
    pub fn refuse_unread(&self, cause: &'static str, out: &mut Vec<u8>) -> Result<(), Status> {
        let (began, policy) = (Instant::now(), self.policy.load());
        let refusal = Refusal::denied(DenialReason::BodyIncomplete, cause);
        let decision = decision::conclude(Seen::default(), Err(refusal), self.clock.now());
        let response = policy.render(&decision, out);
        policy.record(&decision, began.elapsed());
        response
    }

    /// Decides one Check. A refusal ends it at the stage that gives it.
    pub async fn decide<'r>(&self, policy: &'r Policy, call: &'r Call<'r>) -> Decision<'r> {
        let (now, store) = (self.clock.now(), self.store.inquire());
        let counting = self.counting(policy, store.deadline());
        let mut seen = Seen::default();
        let judged = async {
            let request = seen.request(request::parse(call)?);
            let api = seen.api(policy.doors.api(&request)?);
            let matched = seen.matched(api.route(&request)?);
            api.judge_transport(&request, matched)?;
            let credential = seen.credential(authn::extract(&request, api, matched)?);
            let in_shadow = seen.waiver(now).is_some();
            let arrival = counting.arrive(&request, api, matched, in_shadow, &mut seen.gauge).await?;
            let arrival = seen.arrival(arrival);
            let witnesses = Witnesses {
                store,
                touches: &self.touches,
                tokens: &policy.tokens,
                sealing: policy.sealing.as_ref(),
                replays: &self.replays,
                watch: self.watch(policy, in_shadow),
                now,
            };
            let principal = seen.principal(authn::verify(credential, &request, api, witnesses).await?);
            let standing = authz::stand(principal, &request, &api.config, matched, store).await?;
            let standing = seen.standing(standing);
            let grant = seen.grant(authz::authorize(standing, request, api, matched)?);
            counting.admit(grant, matched, arrival, &mut seen.gauge).await
        }
        .await;
        if let Err(refusal) = &judged {
            seen.look(refusal, counting, store, now).await;
            if let Some(noted) = seen.noted_in_vain(now) {
                self.replays.forget(noted, store.deadline()).await;
            }
        }
        decision::conclude(seen, judged, now)
    }

    /// Whom a credential would prove to an API, without using it: nothing is counted or noted. `None` if there is no API of
    /// this name.
    ///
    /// # Errors
    ///
    /// It proves nobody, or it could not be found out.
    pub async fn inspect(&self, api: &ApiName, credential: &str) -> Option<Result<Principal, Refusal>> {
        let policy = self.policy();
        let api = policy.doors.named(api)?;
        let witnesses = Witnesses {
            store: self.store.inquire(),
            touches: &Touches::default(),
            tokens: &policy.tokens,
            sealing: policy.sealing.as_ref(),
            replays: &self.replays,
            watch: self.watch(&policy, true),
            now: self.clock.now(),
        };
        Some(authn::inspect(credential, api, witnesses).await)
    }

    /// What counts requests.
    fn counting<'r, 'm>(&'m self, policy: &'r Policy, deadline: Instant) -> Counting<'r, 'm> {
        Counting { rules: &policy.rules, meter: &self.meter, deadline, only_looks: self.only_looks }
    }

    /// What counts bad credentials.
    fn watch<'a>(&'a self, policy: &'a Policy, in_shadow: bool) -> Watch<'a> {
        let mode = match (in_shadow, self.only_looks) {
            (true, _) => Watching::Sleeps,
            (false, true) => Watching::Looks,
            (false, false) => Watching::Counts,
        };
        Watch { limits: &policy.attempts, refused: &self.refused, meter: &self.meter, mode }
    }
}

impl<S: Lookups + SessionStore> Checker<S> {
    /// Writes which sessions were used until now.
    ///
    /// # Errors
    ///
    /// What the store could not do.
    pub async fn write_touches(&self) -> Result<(), Arc<StoreError>> {
        self.touches.write(&self.store).await
    }
}

impl<S: Lookups + UsageStore> Checker<S> {
    /// Writes which keys were used until now, and how often.
    ///
    /// # Errors
    ///
    /// What the store could not do. What was not written waits for the next time.
    pub async fn write_uses(&self) -> Result<(), Arc<StoreError>> {
        self.uses.write(&self.store).await
    }
}
