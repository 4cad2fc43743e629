//! How one API refuses, made ready when the configuration is loaded: whoever knocks in vain, perhaps many times a second,
//! costs no more than whoever is let in.

use crate::{
    check::{
        decision::Seen,
        refusal::{Refusal, RefusalKind},
        wire::Message,
    },
    config::{Api, CredentialPlace, Denials},
    domain::DenialReason,
};

use super::{
    denial_body::{self, Filling},
    fields::{DENIED_BODY, DENIED_HEADERS, DENIED_STATUS, HTTP_STATUS_CODE, set_header},
};

/// The status of an answer that could not be found out (RFC 9110, section 15.6.4).
const SERVICE_UNAVAILABLE: u16 = 503;
/// What a 401 asks for where no scheme has a name: a status of 401 has to ask for something.
const DEFAULT_SCHEME: &str = "ApiKey";

/// How an API refuses.
#[derive(Debug)]
pub(super) struct Refusals {
    denials: Denials,
    /// What is written for the denial reasons, in their order, and then for an outage, if the refusal is not over after some
    /// time. `None` where the body tells of the request.
    ready: Vec<Option<Vec<u8>>>,
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
        let ready = |kind| {
            denial_body::is_fixed(&denials, kind).then(|| {
                let name = api.map(|api| api.name.as_str());
                let mut ready = Vec::new();
                write(&mut Message::new(&mut ready), &denials, kind, name, None);
                ready
            })
        };
        Self {
            ready: kinds.map(ready).collect(),
            challenges: challenges(api, false),
            challenges_in_vain: challenges(api, true),
            denials,
        }
    }

    /// Appends what every refusal has: a status, a body and its type.
    pub(super) fn write(&self, seen: &Seen<'_>, refusal: &Refusal, denied: &mut Message<'_>) {
        let place = match refusal.kind {
            RefusalKind::Denied(reason) => reason as usize,
            RefusalKind::Unavailable => DenialReason::ALL.len(),
        };
        if refusal.retry_after.is_none()
            && let Some(Some(ready)) = self.ready.get(place)
        {
            return denied.fields(ready);
        }
        let api = seen.api.map(|api| api.config.name.as_str());
        write(denied, &self.denials, refusal.kind, api, Some((seen, refusal)));
    }

    /// The challenges that go with a 401.
    pub(super) fn challenges(&self, reason: DenialReason) -> &str {
        match reason {
            DenialReason::CredentialMissing => &self.challenges,
            _ => &self.challenges_in_vain,
        }
    }
}

/// Writes them; `of` is the request and its refusal, if there is one already.
fn write(
    denied: &mut Message<'_>,
    denials: &Denials,
    kind: RefusalKind,
    api: Option<&str>,
    of: Option<(&Seen<'_>, &Refusal)>,
) {
    let status = match kind {
        RefusalKind::Denied(reason) => denials.status(reason),
        RefusalKind::Unavailable => SERVICE_UNAVAILABLE,
    };
    denied.message(DENIED_STATUS, |http| http.number(HTTP_STATUS_CODE, u64::from(status)));
    set_header(denied, DENIED_HEADERS, "content-type", [&*denials.content_type]);
    denied.text(DENIED_BODY, &denial_body::render(&Filling { denials, kind, status, api, of }));
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
