//! A decision, told stage by stage.

use std::cmp::Ordering;

use envoy_types::ext_authz::v3::pb::CheckResponse;
use serde::Serialize;
use tonic::Status;

use crate::{
    check::{
        decision::{Decision, Seen, Verdict},
        record::CHECKS,
        refusal::{Refusal, RefusalKind},
    },
    cli::Exit,
    config::{Config, CounterLocation},
    domain::DenialReason,
};

use super::{
    advice::advice,
    answer::Answer,
    facts::{self, Facts, facts},
};

/// The number of the stage after which quotas by client address are counted.
const EXTRACT: usize = 3;
/// The number of the stage that counts.
const ADMIT: usize = 6;

/// What was decided, and why.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// `allowed`, `denied`, `unavailable` or `waived`.
    pub(super) decision: &'static str,
    #[serde(flatten)]
    refused: Option<Refused>,
    /// All nine, in their order.
    pub(super) stages: Vec<Stage>,
    /// What to do next.
    pub(super) advice: Vec<String>,
    /// What Envoy is told.
    pub(super) answer: Answer,
    #[serde(skip)]
    exit: Exit,
}

/// One stage.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    /// From 1 to 9.
    pub(super) number: usize,
    pub(super) name: &'static str,
    /// What it saw.
    pub(super) saw: Facts,
    /// What it concluded, in a word.
    pub(super) concluded: String,
    #[serde(flatten)]
    pub(super) refused: Option<Refused>,
}

/// Why a stage let the request go no further.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Refused {
    /// The stable code.
    pub(super) reason: &'static str,
    /// What happened, for the operator.
    pub(super) cause: String,
}

impl Refused {
    fn of(refusal: &Refusal, seen: &Seen<'_>) -> Self {
        Self { reason: refusal.kind.code(), cause: seen.redact(&refusal.cause).into_owned() }
    }
}

impl Explanation {
    /// Explains a decision; `response` is what Envoy is told of it.
    pub(super) fn new(
        decision: &Decision<'_>,
        response: Result<CheckResponse, Status>,
        config: &Config,
    ) -> Self {
        let (name, refusal) = match &decision.verdict {
            Verdict::Allowed(_) => ("allowed", None),
            Verdict::Waived(_, refusal) => ("waived", Some(refusal)),
            Verdict::Refused(refusal) => match refusal.kind {
                RefusalKind::Denied(_) => ("denied", Some(refusal)),
                RefusalKind::Unavailable => ("unavailable", Some(refusal)),
            },
        };
        let refused = refusal.map(|refusal| Refused::of(refusal, &decision.seen));
        let answer = Answer::new(response, decision.seen.api);
        let mut stages = first_stages(&decision.seen, refused.as_ref(), &config.counters);
        stages.extend(last_stages(decision, name, refused.as_ref(), &answer));
        Self {
            decision: name,
            stages,
            advice: refusal.map(|refusal| advice(&decision.seen, refusal, &config.apis)).unwrap_or_default(),
            exit: match refusal.map(|refusal| refusal.kind) {
                None => Exit::Success,
                Some(RefusalKind::Denied(_)) => Exit::Failure,
                Some(RefusalKind::Unavailable) => Exit::Unreachable,
            },
            refused,
            answer,
        }
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

/// The six stages that can refuse.
fn first_stages(seen: &Seen<'_>, refused: Option<&Refused>, counters: &CounterLocation) -> Vec<Stage> {
    let refusing = refused.map(|refused| refusing(seen, refused.reason));
    let is_early = refusing == Some(ADMIT) && !seen.arrived;
    let stages = [
        ("parse", facts::parse(seen)),
        ("route", facts::route(seen)),
        ("extract", facts::extract(seen)),
        ("verify", facts::verify(seen)),
        ("authorize", facts::authorize(seen)),
        ("admit", facts::admit(seen, counters)),
    ];
    let stage = |(number, (name, saw)): (usize, (&'static str, Facts))| {
        let order = refusing.map_or(Ordering::Less, |refusing| number.cmp(&refusing));
        let (concluded, saw, refused) = match order {
            Ordering::Less if is_early && number > EXTRACT => ("not_reached", Facts::new(), None),
            Ordering::Less => ("passed", saw, None),
            Ordering::Equal => ("refused", saw, refused.cloned()),
            Ordering::Greater => ("not_reached", Facts::new(), None),
        };
        Stage { number, name, saw, concluded: concluded.to_owned(), refused }
    };
    (1..).zip(stages).map(stage).collect()
}

/// The number of the stage that refused: the first that noted nothing of its own. How a request came is judged when
/// its route is noted already; and quotas by client address, which belong to the last stage, between the third and
/// the fourth.
fn refusing(seen: &Seen<'_>, reason: &str) -> usize {
    let is_insecure = reason == DenialReason::TransportInsecure.code();
    let noted = [
        (1, seen.request.is_some()),
        (2, seen.matched.is_some() && !is_insecure),
        (EXTRACT, seen.credential.is_some()),
        (ADMIT, seen.arrived),
        (4, seen.principal.is_some()),
        (5, seen.granted),
    ];
    noted.into_iter().find(|(_, noted)| !noted).map_or(ADMIT, |(number, _)| number)
}

/// The three stages that always come.
fn last_stages(
    decision: &Decision<'_>,
    name: &'static str,
    refused: Option<&Refused>,
    answer: &Answer,
) -> [Stage; 3] {
    let Decision { seen, in_shadow, .. } = decision;
    let shadow = seen.route().and_then(|route| route.shadow).or(seen.api.and_then(|api| api.config.shadow));
    let shadow = shadow.filter(|_| *in_shadow).map(|shadow| shadow.until.to_string().into());
    let api = seen.api.map_or("-", |api| api.config.name.as_str());
    let reason = refused.map_or("", |refused| refused.reason);
    let counted = format!("{CHECKS}{{api=\"{api}\",decision=\"{name}\",reason=\"{reason}\"}}");
    let audit = refused.map(|refused| format!("a line with the reason {}", refused.reason).into());
    let stage = |number, name, saw, concluded: String| Stage { number, name, saw, concluded, refused: None };
    [
        stage(7, "conclude", facts([("shadow_until", shadow)]), name.to_owned()),
        stage(8, "render", Facts::new(), answer.summary()),
        stage(
            9,
            "record",
            facts([("would_count", Some(counted.into())), ("would_log", audit)]),
            "not_recorded".to_owned(),
        ),
    ]
}
