//! What `doorward keys` answers to people.

use crate::{
    admin::{
        json::Coded,
        proto::{ImportKeysResponse, IssuedKey, Key},
    },
    cli::table::{self, list, optional, plain, time},
};

const COLUMNS: [&str; 13] = [
    "HINT",
    "ID",
    "NAME",
    "KIND",
    "ENVIRONMENT",
    "ORGANIZATION",
    "PROJECT",
    "SCOPES",
    "PLAN",
    "STATUS",
    "CREATED",
    "EXPIRES",
    "LAST USED",
];

pub(super) fn issued(IssuedKey { id, key, .. }: &IssuedKey) -> Vec<String> {
    let id = plain(id);
    vec![key.clone(), format!("This is the only time that the key is shown: keep it now. Its id is {id}.")]
}

/// `old` is the key that is replaced, if it could be looked at.
pub(super) fn rotated(new: &IssuedKey, old: Option<&Key>) -> Vec<String> {
    let mut lines = issued(new);
    if let Some(Key { id, expires: end @ Some(_), .. }) = old {
        lines.push(format!("The old key {} ends at {}.", plain(id), time(*end)));
    }
    lines
}

pub(super) fn rows(keys: &[Key]) -> Vec<String> {
    table::rows(COLUMNS, keys.iter().map(row))
}

pub(super) fn details(key: &Key) -> Vec<String> {
    let labels = key.labels.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value)));
    let more = [
        ("USES", optional(key.uses.map(|uses| uses.to_string()).as_deref())),
        ("REVOKED", time(key.revoked)),
        ("APIS", list(&key.apis)),
        ("SOURCES", list(&key.sources)),
        ("LABELS", list(labels)),
        ("ROTATED FROM", optional(key.rotated_from.as_deref())),
    ];
    table::details(COLUMNS.into_iter().zip(row(key)).chain(more))
}

pub(super) fn revoked(Key { id, revoked, .. }: &Key) -> Vec<String> {
    vec![format!("The key {} is revoked since {}.", plain(id), time(*revoked))]
}

/// `is_dry` says that nothing was changed.
pub(super) fn imported(answer: &ImportKeysResponse, is_dry: bool) -> Vec<String> {
    if answer.refused.is_empty() {
        return vec![match (is_dry, answer.imported) {
            (true, _) => "Nothing would be refused.".to_owned(),
            (false, 1) => "1 key was imported.".to_owned(),
            (false, count) => format!("{count} keys were imported."),
        }];
    }
    let first = if is_dry { "nothing would be imported" } else { "nothing was imported" };
    let refused = answer.refused.iter().map(|refusal| format!("line {}: {}", refusal.line, refusal.reason));
    let more = (answer.more_refused > 0).then(|| format!("and {} more problems", answer.more_refused));
    std::iter::once(first.to_owned()).chain(refused).chain(more).collect()
}

fn row(key: &Key) -> [String; 13] {
    [
        plain(&key.hint),
        plain(&key.id),
        plain(&key.name),
        key.kind().code(),
        optional(key.environment.as_deref()),
        plain(&key.organization),
        optional(key.project.as_deref()),
        list(&key.scopes),
        optional(key.plan.as_deref()),
        key.status().code(),
        time(key.created),
        time(key.expires),
        time(key.used),
    ]
}
