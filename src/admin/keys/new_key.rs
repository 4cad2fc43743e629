//! What is wanted of a new key, and whether the configuration allows it.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{
    admin::{
        field,
        problem::{Problem, named, quoted},
    },
    config::{Api, Plans},
    domain::{
        ApiName, CredentialHash, Environment, KeyHint, KeyId, KeyKind, KeyPrefix, KeyRecord, OrganizationId,
        PlanName, ProjectId, Scope, ScopeSet, Timestamp,
    },
};

/// What is wanted of a new key; the fields of [`KeyRecord`] that its owner chooses.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The APIs that it serves, at least one.
    pub apis: Vec<ApiName>,
    /// What its owner calls it: 1 to 256 bytes without control characters.
    pub name: String,
    /// What it stands for.
    pub kind: KeyKind,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The one project that it is confined to.
    pub project: Option<ProjectId>,
    /// The environment that it is for: one of the API's, if the API has any.
    pub environment: Option<Environment>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The preset of the API that says what else it may do.
    pub preset: Option<String>,
    /// Its own plan: one of those configured, if there are any.
    pub plan: Option<PlanName>,
    /// From when on it is refused: a moment in the future.
    pub expires: Option<Timestamp>,
    /// The addresses that it may be used from; the API must say how a client's address is told.
    pub sources: Vec<IpNet>,
    /// Whatever its owner wants to find it by: at most 32, names of 1 to 63 characters `a-z0-9._/-`, values of at most
    /// 256 bytes.
    pub labels: BTreeMap<String, String>,
}

impl NewKey {
    /// Everything about the key that the configuration does not allow.
    pub(super) fn problems(&self, configured: &[Api], plans: &Plans, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(field::name_problem(&self.name));
        problems.extend(self.secrets_in_clear(configured));
        problems.extend(field::api_problems(configured, &self.apis));
        for api in configured.iter().filter(|api| self.apis.contains(&api.name)) {
            problems.extend(prefix(api, self.kind, self.environment.as_ref()).err());
            problems.extend(self.source_problem(api));
            problems.extend(self.preset_problem(api));
        }
        problems.extend(self.scope_set(configured).err());
        problems.extend(field::plan_problem(plans, self.plan.as_ref()));
        problems.extend(field::expiry_problem(self.expires, now));
        problems.extend(field::label_problems(&self.labels));
        problems
    }

    /// The fields in which a key stands by mistake.
    fn secrets_in_clear(&self, configured: &[Api]) -> impl Iterator<Item = Problem> {
        let scopes = self.scopes.iter().map(|scope| ("scopes", scope.as_str()));
        let project = self.project.as_ref().map(|project| ("project", project.as_str()));
        let fields = [("name", self.name.as_str()), ("organization", self.organization.as_str())];
        let labels = self.labels.iter().flat_map(|(name, value)| [name, value]);
        let labels = labels.map(|text| ("labels", text.as_str()));
        field::secrets_in_clear(configured, fields.into_iter().chain(project).chain(scopes).chain(labels))
    }

    /// What the key may do: the scopes named, and those of the preset.
    pub(in crate::admin) fn scope_set(&self, configured: &[Api]) -> Result<ScopeSet, Problem> {
        let serving = configured.iter().filter(|api| self.apis.contains(&api.name));
        let presets = serving.filter_map(|api| api.scope_presets.get(self.preset.as_ref()?));
        let scopes = presets.flat_map(|preset| &preset.scopes).chain(&self.scopes).cloned().collect();
        field::scope_set(scopes)
    }

    fn preset_problem(&self, api: &Api) -> Option<Problem> {
        let name = self.preset.as_ref()?;
        let Some(preset) = api.scope_presets.get(name) else {
            let known = api.scope_presets.keys();
            let expected = if api.scope_presets.is_empty() {
                format!("expected none: the API `{}` has no `scope_presets`", api.name)
            } else {
                format!("expected one of {}, as the API `{}` has them", named(known), api.name)
            };
            return Some(Problem::new("preset", quoted(name), expected));
        };
        (preset.must_expire && self.expires.is_none()).then(|| {
            let expected = format!("expected a moment, since keys of the preset `{name}` must expire");
            Problem::new("expires", "none", expected)
        })
    }

    fn source_problem(&self, api: &Api) -> Option<Problem> {
        let first = self.sources.first()?;
        api.client_address.is_none().then(|| {
            Problem::new(
                "sources",
                first.to_string(),
                format!(
                    "expected none: the API `{}` does not declare `client_address`, so it cannot tell where a request comes from",
                    api.name
                ),
            )
        })
    }

    /// The record of a key with this identity.
    ///
    /// # Errors
    ///
    /// The scopes do not fit; [`NewKey::problems`] says so, too.
    pub(super) fn into_record(
        self,
        id: KeyId,
        hash: CredentialHash,
        hint: KeyHint,
        created: Timestamp,
        configured: &[Api],
    ) -> Result<KeyRecord, Problem> {
        let scopes = self.scope_set(configured)?;
        Ok(KeyRecord {
            lineage: id.clone(),
            id,
            hash,
            hint,
            name: self.name,
            kind: self.kind,
            apis: self.apis,
            organization: self.organization,
            project: self.project,
            environment: self.environment,
            scopes,
            plan: self.plan,
            sources: self.sources,
            created,
            expires: self.expires,
            revoked: None,
            rotated_from: None,
            labels: self.labels,
        })
    }
}

/// How an API's keys of this kind and for this environment begin.
pub(super) fn prefix<'a>(
    api: &'a Api,
    kind: KeyKind,
    wanted: Option<&Environment>,
) -> Result<&'a KeyPrefix, Problem> {
    let rules = || api.prefix_rules().filter(|rule| rule.kind.is_none_or(|own| own == kind));
    if let Some(rule) = rules().find(|rule| rule.environment.as_ref() == wanted) {
        return Ok(&rule.prefix);
    }
    if api.prefix_rules().next().is_none() {
        let expected = "expected an API that accepts keys";
        return Err(Problem::new("apis", quoted(api.name.as_str()), expected));
    }
    if rules().next().is_none() {
        let expected = format!("expected the other kind: the API `{}` has no prefix for this one", api.name);
        return Err(Problem::new("kind", quoted(kind.principal().code()), expected));
    }
    let found = wanted.map_or_else(|| "none".to_owned(), |environment| quoted(environment.as_str()));
    let environments: Vec<&Environment> = rules().filter_map(|rule| rule.environment.as_ref()).collect();
    let expected = if environments.is_empty() {
        format!("expected none: the API `{}` has no environments", api.name)
    } else {
        format!("expected one of {}, as the API `{}` has them", named(environments), api.name)
    };
    Err(Problem::new("environment", found, expected))
}

/// How a key of this kind begins that serves all these APIs in this environment.
pub(super) fn common_prefix<'a>(
    configured: &'a [Api],
    names: &[ApiName],
    kind: KeyKind,
    environment: Option<&Environment>,
) -> Result<&'a KeyPrefix, Problem> {
    let mut common = None;
    for name in names {
        let prefix = prefix(field::api(configured, name)?, kind, environment)?;
        if *common.get_or_insert(prefix) != prefix {
            let found = named(names);
            let expected = "expected APIs whose keys begin alike, as one key has one prefix";
            return Err(Problem::new("apis", found, expected));
        }
    }
    common.ok_or_else(field::no_api)
}
