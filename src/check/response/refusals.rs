//! How one API refuses, made ready when the configuration is loaded: whoever knocks in vain, perhaps many times a second,
//! costs no more than whoever is let in.

use crate::{
    check::{
        decision::Seen,
        refusal::{Refusal, RefusalKind},
    },
    config::{Api, CredentialPlace, Denials},
    domain::DenialReason,
};

use super::denial_body::{self, Filling};

/// The status of an answer that could not be found out (RFC 9110, section 15.6.4).
const SERVICE_UNAVAILABLE: u16 = 503;
/// What a 401 asks for where no scheme has a name: a status of 401 has to ask for something.
const DEFAULT_SCHEME: &str = "ApiKey";

/// How an API refuses.
#[derive(Debug)]
pub(super) struct Refusals {
    denials: Denials,
    /// The bodies of the denial reasons, in their order, and then that of an outage, for refusals that are not over after
    /// some time. `None` where the body tells of the request.
    bodies: Vec<Option<String>>,
    /// What a 401 asks for, if nothing was presented.
    challenges: String,
    /// The same, if something was presented in vain.
    challenges_in_vain: String,
}

impl Refusals {
    /// How this API refuses; without one, how whatever belongs to none is refused.
    pub(super) fn new(api: Option<&Api>) -> Self {
        let denials = api.map(|api| api.denials.clone()).unwrap_or_default();
        let kinds = DenialReason::ALL.into_iter().map(RefusalKind::Denied).chain([RefusalKind::Unavailable]);
        let body = |kind| {
            let name = api.map(|api| api.name.as_str());
            let filling =
                Filling { denials: &denials, kind, status: status(&denials, kind), api: name, of: None };
            denial_body::is_fixed(&denials, kind).then(|| denial_body::render(&filling))
        };
        Self {
            bodies: kinds.map(body).collect(),
            challenges: challenges(api, false),
            challenges_in_vain: challenges(api, true),
            denials,
        }
    }

    /// The HTTP status of a refusal.
    pub(super) fn status(&self, kind: RefusalKind) -> u16 {
        status(&self.denials, kind)
    }

    /// The content type of the bodies.
    pub(super) fn content_type(&self) -> &str {
        &self.denials.content_type
    }

    /// Does something with the body of a refusal.
    pub(super) fn with_body<T>(&self, seen: &Seen<'_>, refusal: &Refusal, act: impl FnOnce(&str) -> T) -> T {
        let place = match refusal.kind {
            RefusalKind::Denied(reason) => reason as usize,
            RefusalKind::Unavailable => DenialReason::ALL.len(),
        };
        if refusal.retry_after.is_none()
            && let Some(Some(ready)) = self.bodies.get(place)
        {
            return act(ready);
        }
        let filling = Filling {
            denials: &self.denials,
            kind: refusal.kind,
            status: self.status(refusal.kind),
            api: seen.api.map(|api| api.config.name.as_str()),
            of: Some((seen, refusal)),
        };
        act(&denial_body::render(&filling))
    }

    /// The challenges that go with a 401.
    pub(super) fn challenges(&self, reason: DenialReason) -> &str {
        match reason {
            DenialReason::CredentialMissing => &self.challenges,
            _ => &self.challenges_in_vain,
        }
    }
}

fn status(denials: &Denials, kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::Denied(reason) => denials.status(reason),
        RefusalKind::Unavailable => SERVICE_UNAVAILABLE,
    }
}

/// The challenges that go with a 401 (RFC 9110, section 11.6.1): one for each scheme that the API accepts. With
/// `Bearer`, a credential that was presented in vain is told apart (RFC 6750, section 3.1).
fn challenges(api: Option<&Api>, in_vain: bool) -> String {
    let Some(api) = api else {
        return DEFAULT_SCHEME.to_owned();
    };
    let realm = &api.name;
    let mut challenges: Vec<String> = Vec::new();
    for scheme in schemes(api) {
        let in_vain = in_vain && scheme.eq_ignore_ascii_case("bearer");
        let error = if in_vain { ", error=\"invalid_token\"" } else { "" };
        let challenge = format!("{scheme} realm=\"{realm}\"{error}");
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    challenges.join(", ")
}

fn schemes(api: &Api) -> Vec<&str> {
    let named: Vec<&str> = api
        .credential_places()
        .filter_map(|place| match place {
            CredentialPlace::Header { scheme, .. } => scheme.as_deref(),
            CredentialPlace::Query { .. } | CredentialPlace::Cookie { .. } => None,
        })
        .collect();
    if named.is_empty() { vec![DEFAULT_SCHEME] } else { named }
}
