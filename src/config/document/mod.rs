//! Documents: files in which keys, secrets and organizations are declared, for the store `files:DIRECTORY`.
//!
//! A document is taken whole or refused whole. What it takes back under `revoked` counts either way, and so does what can
//! be told of the credentials that a refused one names: about these nothing is known, which is not that they are unknown.

mod claims;
mod declare;
mod documents;
mod raw;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::LazyLock,
};

use serde_json::Value;

use crate::domain::{
    ApiName, CredentialHash, KeyHint, KeyId, KeyRecord, Member, OrganizationRecord, ProjectId, ProjectRecord,
    Scope, ScopeSet, SealedSecret, SecretId, SecretRecord, Timestamp, is_credential_in_clear,
    to_the_millisecond,
};

use super::{
    ConfigErrors, document_schema, load,
    place::Place,
    problem::{Origin, Problem, Report, note},
    shadow::Moment,
    shape,
    text::{Format, Text},
    tree::{Content, Node},
    yaml,
};

use self::raw::{RawKey, RawOrganization, RawSecret};

pub use declare::{declare_key, declare_secret};
pub use documents::{Declared, Documents, RefusedDocument, Unread};
pub(super) use raw::{LabelName, LabelValue, Name, RawDocument, RevokedKey, Sealed};

static SCHEMA: LazyLock<Value> = LazyLock::new(document_schema);

/// What a good document declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Document {
    /// In their order.
    keys: Vec<KeyRecord>,
    /// In their order.
    secrets: Vec<SecretRecord>,
    /// In their order.
    organizations: Vec<OrganizationRecord>,
    projects: Vec<ProjectRecord>,
    members: Vec<Member>,
}

/// What a document takes back, in whichever document that stands, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Revoked {
    keys: HashMap<KeyId, Timestamp>,
    hashes: HashMap<CredentialHash, Timestamp>,
    secrets: HashMap<SecretId, Timestamp>,
}

/// The credentials that a document names, good or bad.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// It cannot be told which.
    Any,
    /// The keys with these hashes, and the secrets of these projects for these APIs.
    These { hashes: HashSet<CredentialHash>, projects: HashSet<(ApiName, ProjectId)> },
}

/// What was read of one file.
#[derive(Debug, Clone)]
struct Reading {
    document: Result<Document, ConfigErrors>,
    revoked: Revoked,
    named: Named,
}

impl Reading {
    /// Reads a document. What it takes back is taken back since `written`.
    fn of(file: &Path, written: Timestamp) -> Self {
        let mut problems = Vec::new();
        let written = to_the_millisecond(written);
        let text = load::read_within_folder(file).unwrap_or_else(|message| {
            problems.push(Problem::of_file(message));
            String::new()
        });
        let root = if problems.is_empty() { yaml::read(&text, None, &mut problems) } else { None };
        let Some(root) = root else {
            let document = Err(ConfigErrors::new(file, problems));
            return Self { document, revoked: Revoked::scan(&text, written), named: Named::Any };
        };
        let mut in_clear = Vec::new();
        find_in_clear(&root, &Place::Root, &mut in_clear);
        if in_clear.is_empty() {
            problems.extend(shape::check(&root, &SCHEMA));
        } else {
            // What is said of other mistakes could repeat what stands there in clear.
            problems = in_clear;
        }
        let document = if problems.is_empty() { understand(&root, &mut problems) } else { None };
        Self {
            document: document
                .filter(|_| problems.is_empty())
                .ok_or_else(|| ConfigErrors::new(file, problems)),
            revoked: Revoked::of(&root, written),
            named: Named::of(&root),
        }
    }
}

/// Finds keys and tokens that stand in a document by mistake. They are not repeated.
fn find_in_clear(node: &Node, at: &Place<'_>, problems: &mut Vec<Problem>) {
    let found = |text: &str, origin: &Origin, problems: &mut Vec<Problem>| {
        if is_credential_in_clear(text) {
            let message =
                "found a key or a token in clear, expected no secret: a key is declared by its hash";
            note(problems, || Problem::new(origin, at, message));
        }
    };
    match &node.content {
        Content::Text(text) => found(text, &node.origin, problems),
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                find_in_clear(item, &at.item(index), problems);
            }
        }
        Content::Mapping(members) => {
            for member in members {
                found(&member.key, &member.origin, problems);
                // The place of what stands below would repeat it.
                if !is_credential_in_clear(&member.key) {
                    find_in_clear(&member.node, &at.field(&member.key), problems);
                }
            }
        }
        Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) => {}
    }
}

/// What a tree of the right shape declares.
fn understand(root: &Node, problems: &mut Vec<Problem>) -> Option<Document> {
    let raw: RawDocument = match serde_json::from_value(root.to_json()) {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(Problem::of_file(format!("cannot be understood: {error}")));
            return None;
        }
    };
    let mut report = Report::new(root, Path::new(""), &[]);
    let document = raw.check(&mut report);
    problems.extend(report.finish().problems);
    Some(document)
}

impl RawDocument {
    fn check(self, report: &mut Report<'_>) -> Document {
        let at = Place::Root;
        let mut document = Document::default();
        for (index, key) in self.keys.into_iter().enumerate() {
            document.keys.push(key.check(&at.field("keys").item(index), report));
        }
        document.secrets = self.secrets.into_iter().map(RawSecret::record).collect();
        for (index, organization) in self.organizations.into_iter().enumerate() {
            organization.check(&at.field("organizations").item(index), &mut document, report);
        }
        document
    }
}

impl RawKey {
    fn check(self, at: &Place<'_>, report: &mut Report<'_>) -> KeyRecord {
        let id = self.id.value;
        KeyRecord {
            lineage: self.lineage.map_or_else(|| id.clone(), |lineage| lineage.value),
            id,
            hash: self.hash.value,
            hint: self.hint.map_or_else(KeyHint::unknown, |hint| hint.value),
            name: self.name.value.0,
            kind: self.kind.into(),
            apis: values(self.apis),
            organization: self.organization.value,
            project: self.project.map(|project| project.value),
            environment: self.environment.map(|environment| environment.value),
            scopes: scope_set(self.scopes, at, report),
            plan: self.plan.map(|plan| plan.value),
            sources: values(self.sources),
            created: moment(&self.created),
            expires: self.expires.as_ref().map(moment),
            revoked: None,
            rotated_from: None,
            labels: self.labels.into_iter().map(|(name, value)| (name, value.value.0)).collect(),
        }
    }
}

impl RawSecret {
    fn record(self) -> SecretRecord {
        SecretRecord {
            id: self.id.value,
            api: self.api.value,
            organization: self.organization.value,
            project: self.project.value,
            sealed: SealedSecret { key: self.sealing_key.value, bytes: self.sealed.value.0 },
            created: moment(&self.created),
            expires: self.expires.as_ref().map(moment),
            revoked: None,
            rotated_from: None,
        }
    }
}

impl RawOrganization {
    fn check(self, at: &Place<'_>, document: &mut Document, report: &mut Report<'_>) {
        let (id, apis) = (self.id.value, values(self.apis));
        for project in self.projects {
            document.projects.push(ProjectRecord {
                id: project.id.value,
                name: project.name.value.0,
                apis: project.apis.map_or_else(|| apis.clone(), values),
                organization: id.clone(),
                created: moment(&project.created),
            });
        }
        for (index, member) in self.members.into_iter().enumerate() {
            let members = at.field("members");
            document.members.push(Member {
                user: member.user.value,
                organization: id.clone(),
                apis: member.apis.map_or_else(|| apis.clone(), values),
                scopes: scope_set(member.scopes, &members.item(index), report),
            });
        }
        let mut entitlements = values(self.entitlements);
        entitlements.sort_unstable();
        entitlements.dedup();
        document.organizations.push(OrganizationRecord {
            id,
            name: self.name.value.0,
            apis,
            plan: self.plan.map(|plan| plan.value),
            entitlements,
            suspended: self.suspended.as_ref().map(moment),
            created: moment(&self.created),
        });
    }
}

fn values<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|text| text.value).collect()
}

fn moment(text: &Text<Moment>) -> Timestamp {
    to_the_millisecond(text.value.0)
}

fn scope_set(scopes: Vec<Text<Scope>>, at: &Place<'_>, report: &mut Report<'_>) -> ScopeSet {
    ScopeSet::new(values(scopes)).unwrap_or_else(|error| {
        report.add(&at.field("scopes"), error.to_string());
        ScopeSet::default()
    })
}

/// The texts of this form in a list, wherever there is one: whatever else stands there is passed over.
fn readable<'n, T: Format + 'n>(list: Option<&'n Node>) -> impl Iterator<Item = T> + 'n {
    items(list).filter_map(text)
}

fn items(list: Option<&Node>) -> std::slice::Iter<'_, Node> {
    match list.map(|list| &list.content) {
        Some(Content::List(items)) => items.iter(),
        _ => [].iter(),
    }
}

fn text<T: Format>(node: &Node) -> Option<T> {
    match &node.content {
        Content::Text(text) => T::read(text).ok(),
        _ => None,
    }
}

impl Revoked {
    /// What a tree of whatever shape takes back.
    fn of(root: &Node, at: Timestamp) -> Self {
        let mut revoked = Self::default();
        let section = root.member("revoked");
        for key in readable(section.and_then(|section| section.member("keys"))) {
            revoked.add_key(key, at);
        }
        let secrets = readable(section.and_then(|section| section.member("secrets")));
        revoked.secrets.extend(secrets.map(|id| (id, at)));
        revoked
    }

    /// What a text takes back that is not even YAML: each word from a line that begins with `revoked` on, up to the next
    /// line that begins with something else than a space, a dash or a bracket. What is no id of anything does no harm.
    fn scan(text: &str, at: Timestamp) -> Self {
        let mut revoked = Self::default();
        let mut is_inside = false;
        for line in text.lines() {
            let goes_on = line.is_empty() || line.starts_with([' ', '\t', '-', ']', '}', '#']);
            is_inside = (is_inside && goes_on) || line.trim_start_matches(['"', '\'']).starts_with("revoked");
            let words = line.split(|char: char| char.is_whitespace() || "[]{},\"'".contains(char));
            for word in words.filter(|word| is_inside && !word.is_empty()) {
                if let Ok(key) = RevokedKey::read(word) {
                    revoked.add_key(key, at);
                }
                revoked.secrets.extend(SecretId::read(word).map(|id| (id, at)));
            }
        }
        revoked
    }

    fn add_key(&mut self, key: RevokedKey, at: Timestamp) {
        match key {
            RevokedKey::Id(id) => self.keys.insert(id, at),
            RevokedKey::Hash(hash) => self.hashes.insert(hash, at),
        };
    }

    /// Adds what another takes back.
    fn extend(&mut self, other: &Self) {
        self.keys.extend(other.keys.iter().map(|(id, at)| (id.clone(), *at)));
        self.hashes.extend(&other.hashes);
        self.secrets.extend(other.secrets.iter().map(|(id, at)| (id.clone(), *at)));
    }
}

impl Named {
    /// Which credentials a tree of whatever shape names.
    fn of(root: &Node) -> Self {
        let hashes = items(root.member("keys")).filter_map(|key| text(key.member("hash")?)).collect();
        let owner = |secret: &Node| Some((text(secret.member("api")?)?, text(secret.member("project")?)?));
        Self::These { hashes, projects: items(root.member("secrets")).filter_map(owner).collect() }
    }
}
