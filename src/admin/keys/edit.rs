//! Whether the configuration allows a change of a key.

use crate::{
    admin::{Problem, field},
    config::{Api, Plans},
    domain::Timestamp,
    store::KeyEdit,
};

/// Everything about a change that the configuration does not allow.
pub(super) fn edit_problems(
    edit: &KeyEdit,
    configured: &[Api],
    plans: &Plans,
    now: Timestamp,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    match edit {
        KeyEdit::Name(name) => {
            problems.extend(field::name_problem(name));
            problems.extend(field::secrets_in_clear(configured, [("name", name.as_str())]));
        }
        KeyEdit::Scopes(scopes) => {
            let fields = scopes.iter().map(|scope| ("scopes", scope.as_str()));
            problems.extend(field::secrets_in_clear(configured, fields));
        }
        KeyEdit::Plan(plan) => problems.extend(field::plan_problem(plans, plan.as_ref())),
        KeyEdit::Expires(expires) => problems.extend(field::expiry_problem(*expires, now)),
        KeyEdit::Labels(labels) => {
            problems.extend(field::label_problems(labels));
            let texts = labels.iter().flat_map(|(name, value)| [name, value]);
            let fields = texts.map(|text| ("labels", text.as_str()));
            problems.extend(field::secrets_in_clear(configured, fields));
        }
    }
    problems
}
