//! What `doorward secrets` answers to people.

use serde_json::{Value, json};

use crate::{
    admin::{
        Resealed,
        json::Coded,
        proto::{IssuedSecret, Secret},
    },
    cli::table::{self, optional, plain, time},
    domain::SecretId,
};

const COLUMNS: [&str; 8] =
    ["ID", "API", "PROJECT", "ORGANIZATION", "SEALING KEY", "STATUS", "CREATED", "EXPIRES"];

pub(super) fn issued(IssuedSecret { id, secret, .. }: &IssuedSecret) -> Vec<String> {
    let id = plain(id);
    vec![secret.clone(), format!("Its id is {id}. `doorward secrets reveal {id}` shows it again.")]
}

/// `old` is the secret that is replaced, if it could be looked at.
pub(super) fn rotated(new: &IssuedSecret, old: Option<&Secret>) -> Vec<String> {
    let mut lines = issued(new);
    if let Some(Secret { id, expires: end @ Some(_), .. }) = old {
        lines.push(format!("The old secret {} ends at {}.", plain(id), time(*end)));
    }
    lines
}

pub(super) fn taken_over(secret: &Secret) -> Vec<String> {
    vec![format!("The secret was taken over. Its id is {}.", plain(&secret.id))]
}

pub(super) fn rows(secrets: &[Secret]) -> Vec<String> {
    table::rows(COLUMNS, secrets.iter().map(row))
}

pub(super) fn details(secret: &Secret) -> Vec<String> {
    let more =
        [("REVOKED", time(secret.revoked)), ("ROTATED FROM", optional(secret.rotated_from.as_deref()))];
    table::details(COLUMNS.into_iter().zip(row(secret)).chain(more))
}

pub(super) fn revoked(Secret { id, revoked, .. }: &Secret) -> Vec<String> {
    vec![format!("The secret {} is revoked since {}.", plain(id), time(*revoked))]
}

pub(super) fn resealed_json(Resealed { key, count, left }: &Resealed) -> Value {
    let left = left.iter().map(|(id, error)| json!({ "id": id.as_str(), "error": error.to_string() }));
    json!({ "sealing_key": key.as_str(), "resealed": count, "left": left.collect::<Vec<_>>() })
}

pub(super) fn resealed(Resealed { key, count, left }: &Resealed) -> Vec<String> {
    let done = match count {
        1 => format!("1 secret was sealed under {key}."),
        count => format!("{count} secrets were sealed under {key}."),
    };
    let mut lines = vec![done];
    if left.is_empty() {
        lines.push("None is sealed under another key.".to_owned());
    }
    let stays = |(id, error): &(SecretId, _)| format!("{} stays as it was: {error}.", plain(id.as_str()));
    lines.extend(left.iter().map(stays));
    lines
}

fn row(secret: &Secret) -> [String; 8] {
    [
        plain(&secret.id),
        plain(&secret.api),
        plain(&secret.project),
        plain(&secret.organization),
        plain(&secret.sealing_key),
        secret.status().code(),
        time(secret.created),
        time(secret.expires),
    ]
}
