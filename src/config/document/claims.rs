//! Which document declares what: it belongs to the one that had it first.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::Hash,
};

use crate::{
    config::problem::{Origin, Problem},
    domain::{ApiName, CredentialHash, KeyId, OrganizationId, ProjectId, SecretId},
};

use super::Document;

/// The most secrets of one project for one API: the old and the new one while they are rotated.
const SECRETS_MAX: usize = 2;

/// Which document declares what.
#[derive(Debug, Default)]
pub(super) struct Claims {
    keys: HashMap<KeyId, String>,
    hashes: HashMap<CredentialHash, String>,
    secrets: HashMap<SecretId, String>,
    secrets_of: HashMap<(ApiName, ProjectId), usize>,
    organizations: HashMap<OrganizationId, String>,
    projects: HashMap<ProjectId, String>,
}

impl Claims {
    /// What a document declares that another does, or twice itself.
    pub(super) fn quarrels(&self, document: &Document) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (mut ids, mut hashes) = (Seen::new(&self.keys), Seen::new(&self.hashes));
        for (index, key) in document.keys.iter().enumerate() {
            ids.look(&key.id, &format_args!("keys[{index}].id"), &mut problems);
            hashes.look(&key.hash, &format_args!("keys[{index}].hash"), &mut problems);
        }
        let mut ids = Seen::new(&self.secrets);
        let mut active = self.secrets_of.clone();
        for (index, secret) in document.secrets.iter().enumerate() {
            ids.look(&secret.id, &format_args!("secrets[{index}].id"), &mut problems);
            let count = active.entry((secret.api.clone(), secret.project.clone())).or_default();
            *count += 1;
            if *count > SECRETS_MAX {
                let place = format_args!("secrets[{index}].project");
                let message = format!(
                    "found more than {SECRETS_MAX} secrets of this project for this API, expected the \
                                       old and the new one at most"
                );
                problems.push(problem(&place, message));
            }
        }
        let mut ids = Seen::new(&self.organizations);
        for (index, organization) in document.organizations.iter().enumerate() {
            ids.look(&organization.id, &format_args!("organizations[{index}].id"), &mut problems);
        }
        let mut ids = Seen::new(&self.projects);
        for project in &document.projects {
            ids.look(&project.id, &format_args!("organizations, project {}", project.id), &mut problems);
        }
        let mut members = HashSet::new();
        for member in &document.members {
            if !members.insert((&member.user, &member.organization)) {
                let place = format_args!("organizations, member {}", member.user);
                problems.push(problem(&place, "found this member twice, expected it once".to_owned()));
            }
        }
        problems
    }

    /// Notes what a document declares.
    pub(super) fn claim(&mut self, document: &Document, name: &str) {
        let name = || name.to_owned();
        self.keys.extend(document.keys.iter().map(|key| (key.id.clone(), name())));
        self.hashes.extend(document.keys.iter().map(|key| (key.hash, name())));
        self.secrets.extend(document.secrets.iter().map(|secret| (secret.id.clone(), name())));
        for secret in &document.secrets {
            *self.secrets_of.entry((secret.api.clone(), secret.project.clone())).or_default() += 1;
        }
        self.organizations.extend(document.organizations.iter().map(|one| (one.id.clone(), name())));
        self.projects.extend(document.projects.iter().map(|project| (project.id.clone(), name())));
    }

    /// Leaves of a document what no other declares.
    pub(super) fn narrow(&self, document: &mut Document) {
        document.keys.retain(|key| !self.keys.contains_key(&key.id) && !self.hashes.contains_key(&key.hash));
        document.secrets.retain(|secret| !self.secrets.contains_key(&secret.id));
        let is_free = |id: &OrganizationId| !self.organizations.contains_key(id);
        document.organizations.retain(|organization| is_free(&organization.id));
        document
            .projects
            .retain(|project| is_free(&project.organization) && !self.projects.contains_key(&project.id));
        document.members.retain(|member| is_free(&member.organization));
    }
}

/// The ids of one kind: those of other documents, and those of this one so far.
struct Seen<'a, I> {
    others: &'a HashMap<I, String>,
    own: HashSet<&'a I>,
}

impl<'a, I: Eq + Hash> Seen<'a, I> {
    fn new(others: &'a HashMap<I, String>) -> Self {
        Self { others, own: HashSet::new() }
    }

    fn look(&mut self, id: &'a I, place: &dyn fmt::Display, problems: &mut Vec<Problem>) {
        if let Some(other) = self.others.get(id) {
            let message =
                format!("found what the document {other} declares already, expected it in one of them");
            problems.push(problem(place, message));
        }
        if !self.own.insert(id) {
            problems.push(problem(place, "found it a second time, expected it once".to_owned()));
        }
    }
}

fn problem(place: &dyn fmt::Display, message: String) -> Problem {
    Problem { origin: Origin::File {}, path: place.to_string(), message }
}
