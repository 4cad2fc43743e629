//! Writing a document, of what was just made.

use serde_json::{Value, json};

use crate::{
    config::load::to_yaml_text,
    domain::{KeyRecord, SecretRecord},
};

use super::raw::Sealed;

/// A document in YAML that declares this key.
///
/// # Errors
///
/// It cannot be written as YAML: a mistake of ours.
pub fn declare_key(key: &KeyRecord) -> Result<String, String> {
    let mut declared = json!({
        "id": key.id.as_str(),
        "hash": format!("sha256:{}", hex::encode(key.hash.as_bytes())),
        "hint": key.hint.as_str(),
        "name": key.name,
        "kind": key.kind.to_string(),
        "apis": texts(&key.apis),
        "organization": key.organization.as_str(),
    });
    let more = [
        ("project", key.project.as_ref().map(|project| json!(project.as_str()))),
        ("environment", key.environment.as_ref().map(|environment| json!(environment.as_str()))),
        ("scopes", listed(key.scopes.iter())),
        ("plan", key.plan.as_ref().map(|plan| json!(plan.as_str()))),
        ("sources", listed(&key.sources)),
        ("created", Some(json!(key.created.to_string()))),
        ("expires", key.expires.map(|expires| json!(expires.to_string()))),
        ("lineage", (key.lineage != key.id).then(|| json!(key.lineage.as_str()))),
        ("labels", (!key.labels.is_empty()).then(|| json!(key.labels))),
    ];
    add(&mut declared, more);
    to_yaml_text(&json!({ "keys": [declared] }))
}

/// A document in YAML that declares this secret.
///
/// # Errors
///
/// It cannot be written as YAML: a mistake of ours.
pub fn declare_secret(secret: &SecretRecord) -> Result<String, String> {
    let mut declared = json!({
        "id": secret.id.as_str(),
        "api": secret.api.as_str(),
        "organization": secret.organization.as_str(),
        "project": secret.project.as_str(),
        "sealing_key": secret.sealed.key.as_str(),
        "sealed": Sealed(secret.sealed.bytes.clone()).to_string(),
        "created": secret.created.to_string(),
    });
    add(&mut declared, [("expires", secret.expires.map(|expires| json!(expires.to_string())))]);
    to_yaml_text(&json!({ "secrets": [declared] }))
}

fn texts<T: ToString>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    list.into_iter().map(|element| element.to_string()).collect()
}

/// A list, if anything stands in it.
fn listed<T: ToString>(list: impl IntoIterator<Item = T>) -> Option<Value> {
    Some(texts(list)).filter(|texts| !texts.is_empty()).map(|texts| json!(texts))
}

/// Adds the fields that there are.
fn add(declared: &mut Value, fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) {
    if let Value::Object(members) = declared {
        members.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
}
