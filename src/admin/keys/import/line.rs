//! One line of an import: a JSON object, field by field.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    admin::{
        field,
        problem::{Problem, quoted},
    },
    config::Api,
    domain::{
        ApiName, CredentialHash, HashError, KeyHint, KeyId, KeyKind, ProjectId, parse_moment, parse_network,
    },
};

use super::super::new_key::{self, NewKey};

const FIELDS: &str = "expected hash, api, apis, name, organization, hint, kind, project, environment, scopes, plan, \
                      expires, sources, labels and id";

/// A key made elsewhere.
pub(super) struct Imported {
    pub(super) hash: CredentialHash,
    pub(super) hint: Option<KeyHint>,
    pub(super) id: Option<KeyId>,
    pub(super) wanted: NewKey,
}

impl Imported {
    /// The fields that hold the key itself by mistake; they would be stored and shown in clear.
    pub(super) fn leaks(&self) -> Vec<Problem> {
        let wanted = &self.wanted;
        let scopes = wanted.scopes.iter().map(|scope| ("scopes", Some(scope.as_str())));
        let shown = [
            ("hint", self.hint.as_ref().map(KeyHint::as_str)),
            ("id", self.id.as_ref().map(KeyId::as_str)),
            ("name", Some(wanted.name.as_str())),
            ("organization", Some(wanted.organization.as_str())),
            ("project", wanted.project.as_ref().map(ProjectId::as_str)),
        ];
        let labels = wanted.labels.iter().flat_map(|(name, value)| [name, value]);
        let labels = labels.map(|text| ("labels", Some(text.as_str())));
        shown
            .into_iter()
            .chain(scopes)
            .chain(labels)
            .filter(|(_, text)| text.is_some_and(|text| CredentialHash::of(text) == self.hash))
            .map(|(field, _)| Problem::new(field, "the key itself", "expected no secret"))
            .collect()
    }
}

/// The hint of a key of which only the prefix can be told.
pub(super) fn default_hint(configured: &[Api], wanted: &NewKey) -> Result<KeyHint, Problem> {
    let first = wanted.apis.first().ok_or_else(field::no_api)?;
    let prefix = new_key::prefix(field::api(configured, first)?, wanted.kind, wanted.environment.as_ref())?;
    Ok(KeyHint::of_prefix(prefix))
}

/// Reads a line, or tells everything that is wrong with its form.
pub(super) fn read(text: &[u8]) -> Result<Imported, Vec<Problem>> {
    let mut fields = Fields::read(text).map_err(|problem| vec![problem])?;
    let hash = fields.hash();
    let hint = fields.parsed("hint");
    let id = fields.parsed("id");
    let apis = fields.apis();
    let name = fields.required("name");
    let kind = fields.parsed("kind").unwrap_or(KeyKind::ApiKey);
    let organization = fields.required("organization");
    let project = fields.parsed("project");
    let environment = fields.parsed("environment");
    let scopes = fields.list("scopes", str::parse);
    let plan = fields.parsed("plan");
    let expires = fields.read_with("expires", parse_moment);
    let sources = fields.list("sources", parse_network);
    let labels = fields.labels();
    fields.nothing_else();
    match (hash, name, organization) {
        (Some(hash), Some(name), Some(organization)) if fields.problems.is_empty() => Ok(Imported {
            hash,
            hint,
            id,
            wanted: NewKey {
                apis,
                name,
                kind,
                organization,
                project,
                environment,
                scopes,
                preset: None,
                plan,
                expires,
                sources,
                labels,
            },
        }),
        _ => Err(fields.problems),
    }
}

/// The members of the object that have not been read yet, and what was wrong with the others.
struct Fields {
    members: Vec<(String, Value)>,
    problems: Vec<Problem>,
}

impl Fields {
    fn read(text: &[u8]) -> Result<Self, Problem> {
        let members: Members = serde_json::from_slice(text).map_err(|error| {
            // What serde_json says of wrong content can repeat that content; of wrong syntax it tells the place.
            let found = if error.is_data() {
                "something else, or a field twice".to_owned()
            } else {
                format!("an error of syntax at column {}", error.column())
            };
            Problem::new("line", found, "expected one JSON object with each field once")
        })?;
        Ok(Self { members: members.0, problems: Vec::new() })
    }

    fn problem(&mut self, field: &'static str, found: impl Into<String>, expected: impl Into<String>) {
        self.problems.push(Problem::new(field, found, expected));
    }

    fn value(&mut self, field: &'static str) -> Option<Value> {
        let at = self.members.iter().position(|(name, _)| name == field)?;
        let (_, value) = self.members.swap_remove(at);
        (!value.is_null()).then_some(value)
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        match self.value(field)? {
            Value::String(text) => Some(text),
            other => {
                self.problem(field, kind_of(&other), "expected a text");
                None
            }
        }
    }

    fn read_with<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(field)?;
        self.convert(field, &text, read)
    }

    fn convert<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        text: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        read(text).map_err(|error| self.problem(field, quoted(text), error.to_string())).ok()
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, field: &'static str) -> Option<T> {
        self.read_with(field, str::parse)
    }

    fn required<T: FromStr<Err: fmt::Display>>(&mut self, field: &'static str) -> Option<T> {
        let before = self.problems.len();
        let parsed = self.parsed(field);
        if parsed.is_none() && self.problems.len() == before {
            self.problem(field, "nothing", "expected a text");
        }
        parsed
    }

    fn list<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let elements = match self.value(field) {
            None => return Vec::new(),
            Some(Value::Array(elements)) => elements,
            Some(other) => {
                self.problem(field, kind_of(&other), "expected a list of texts");
                return Vec::new();
            }
        };
        let mut list = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Value::String(text) => list.extend(self.convert(field, &text, &read)),
                other => self.problem(field, kind_of(&other), "expected a list of texts"),
            }
        }
        list
    }

    fn labels(&mut self) -> BTreeMap<String, String> {
        let members = match self.value("labels") {
            None => return BTreeMap::new(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                self.problem("labels", kind_of(&other), "expected an object of texts");
                return BTreeMap::new();
            }
        };
        let mut labels = BTreeMap::new();
        for (name, value) in members {
            match value {
                Value::String(text) => drop(labels.insert(name, text)),
                other => self.problem("labels", kind_of(&other), "expected an object of texts"),
            }
        }
        labels
    }

    /// The hash. Whatever stands here is not repeated: it might be the key.
    fn hash(&mut self) -> Option<CredentialHash> {
        let expected = HashError.to_string();
        match self.value("hash") {
            None => self.problem("hash", "nothing", expected),
            Some(Value::String(text)) => {
                if let Ok(hash) = text.parse() {
                    return Some(hash);
                }
                let found = format!("another text of {} characters", text.chars().count());
                self.problem("hash", found, expected);
            }
            Some(other) => self.problem("hash", kind_of(&other), expected),
        }
        None
    }

    fn apis(&mut self) -> Vec<ApiName> {
        let single: Option<ApiName> = self.parsed("api");
        let mut apis: Vec<ApiName> = self.list("apis", str::parse);
        if single.is_some() && !apis.is_empty() {
            self.problem("api", "both `api` and `apis`", "expected one of them");
        }
        apis.extend(single);
        apis
    }

    fn nothing_else(&mut self) {
        for (name, _) in std::mem::take(&mut self.members) {
            self.problem("line", format!("the unknown field {}", quoted(&name)), FIELDS);
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The members of a JSON object, none of them twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom("a field twice"));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
