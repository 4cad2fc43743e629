//! `grants`: what each fragment may have.
//!
//! No host and no name of an API is granted twice or used by the main file, so that no fragment can take another's
//! traffic or keys, and none has to wait for another. A secret is read only after it was found to be granted.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Component, Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::ApiName;

use super::{
    Api, CredentialRule, JwtKeys, SecretOrigin,
    api::RawApi,
    fragment::{FragmentName, MainFile},
    host::Host,
    place::Place,
    plans,
    problem::Report,
    regular_file,
    secret_source::VariableName,
    text::{Format, Text},
};

/// What each fragment may have, by its name.
pub(super) type Grants = BTreeMap<Text<FragmentName>, RawGrant>;

/// What one fragment may have.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Grant")]
pub(super) struct RawGrant {
    /// The hosts that its APIs may have. No other grant and no API of the main file has one of them.
    #[schemars(length(min = 1))]
    hosts: Vec<Text<Host>>,
    /// The names that its APIs may have; the fragment's own name if none is listed. No other grant and no API of the
    /// main file has one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apis: Vec<Text<ApiName>>,
    /// The issuers whose tokens its APIs may accept. Their keys come from addresses with the scheme, host and port of
    /// one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<String>,
    /// The files and environment variables that its APIs may name: files, folders with all that is in them, and
    /// variables as `env:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Text<GrantedSecret>>,
}

/// A file, a folder, or a variable, of which a fragment may make use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrantedSecret(SecretOrigin);

impl Format for GrantedSecret {
    const NAME: &'static str = "granted-secret";
    const WHAT: &'static str =
        "a file or folder such as `secrets/payments`, or a variable such as `env:PAYMENTS_KEY`";

    fn read(text: &str) -> Result<Self, String> {
        let origin = match text.strip_prefix("env:") {
            Some(name) => SecretOrigin::Env(VariableName::read(name)?.0),
            None => SecretOrigin::File(PathBuf::read(text)?),
        };
        Ok(Self(origin))
    }
}

/// Checks that each host and each name is granted once and belongs to none of the main file's APIs.
pub(super) fn check(grants: &Grants, apis: &[(usize, RawApi)], at: &Place<'_>, report: &mut Report<'_>) {
    let of_api = |index: &usize| format!("apis[{index}]");
    let hosts = apis.iter().flat_map(|(index, api)| api.hosts().map(move |host| (host, of_api(index))));
    let mut hosts: HashMap<&str, String> = hosts.collect();
    let names = apis.iter().map(|(index, api)| (api.name().as_str(), of_api(index)));
    let mut names: HashMap<&str, String> = names.collect();
    for (fragment, grant) in grants {
        let grant_at = at.field(fragment.value.as_str());
        let hosts_at = grant_at.field("hosts");
        for (index, host) in grant.hosts.iter().map(|host| host.value.0.as_str()).enumerate() {
            if let Some(owner) = hosts.insert(host, grant_at.to_string()) {
                let message = format!("found `{host}` again, expected each host once: {owner} has it");
                report.add(&hosts_at.item(index), message);
            }
        }
        let names_at = grant_at.field("apis");
        for (index, name) in grant.names(&fragment.value).enumerate() {
            if let Some(owner) = names.insert(name, grant_at.to_string()) {
                let message = format!("found `{name}` again, expected each name once: {owner} has it");
                let is_own = grant.apis.is_empty();
                report.add(&if is_own { grant_at } else { names_at.item(index) }, message);
            }
        }
    }
}

impl RawGrant {
    /// The names granted to the fragment called `own`.
    fn names<'g>(&'g self, own: &'g FragmentName) -> impl Iterator<Item = &'g str> {
        let own = self.apis.is_empty().then_some(own.as_str());
        own.into_iter().chain(self.apis.iter().map(|name| name.value.as_str()))
    }
}

/// What the main file grants to one fragment.
pub(super) struct Grant<'a> {
    name: FragmentName,
    given: &'a RawGrant,
    main: MainFile<'a>,
}

impl<'a> Grant<'a> {
    /// The grant of the fragment in `file`, whose APIs are `apis` as far as they can be read.
    ///
    /// # Errors
    ///
    /// There is none: what to add to the main file so that there is one.
    pub(super) fn find(file: &Path, main: MainFile<'a>, apis: &[(usize, RawApi)]) -> Result<Self, String> {
        let name = FragmentName::of(file)?;
        if let Some(given) = main.grants.get(&name.clone().into()) {
            return Ok(Self { name, given, main });
        }
        let hosts: Vec<&str> = apis.iter().flat_map(|(_, api)| api.hosts()).collect();
        let hosts = if hosts.is_empty() { "…".to_owned() } else { hosts.join(", ") };
        let names: Vec<&str> = apis.iter().map(|(_, api)| api.name().as_str()).collect();
        let has_own = names.iter().all(|own| *own == name.as_str());
        let names = if has_own { String::new() } else { format!(", apis: [{}]", names.join(", ")) };
        let main = main.path.display();
        Err(format!(
            "found no grant for it, expected `{name}: {{ hosts: [{hosts}]{names} }}` among the `grants` of {main}"
        ))
    }

    /// Whose it is.
    pub(super) fn name(&self) -> &FragmentName {
        &self.name
    }

    /// The hosts granted.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'a str> {
        self.given.hosts.iter().map(|host| host.value.0.as_str())
    }

    /// Reports the name, the hosts and the issuers of the API at `at` that are not granted.
    pub(super) fn check(&self, api: &Api, at: &Place<'_>, report: &mut Report<'_>) {
        if !self.has_name(&api.name) {
            let message = format!("found `{}`, expected {}", api.name, self.listed_names());
            report.add(&at.field("name"), message);
        }
        let hosts_at = at.field("hosts");
        for (index, host) in api.hosts.iter().enumerate() {
            if !self.has_host(host) {
                let message = format!("found `{host}`, expected {}", self.listed_hosts());
                report.add(&hosts_at.item(index), message);
            }
        }
        let credentials_at = at.field("credentials");
        for (index, rule) in api.credentials.iter().enumerate() {
            let rule_at = credentials_at.item(index);
            let jwt_at = rule_at.field("jwt");
            for (field, fault) in self.issuer_faults(rule) {
                report.add(&jwt_at.field(field), fault);
            }
        }
    }

    /// What of a last good version's API is still granted.
    pub(super) fn narrow(&self, api: &Api) -> Option<Api> {
        let mut api = api.clone();
        api.hosts.retain(|host| self.has_host(host));
        let has_issuers = api.credentials.iter().all(|rule| self.issuer_faults(rule).is_empty());
        let has_secrets = api.secret_origins().all(|origin| match origin {
            // What cannot be read any more cannot be anybody else's either.
            SecretOrigin::File(path) => {
                self.check_file(&path).is_ok()
                    && path.canonicalize().map_or(true, |resolved| self.leads_within(&resolved))
            }
            SecretOrigin::Env(name) => self.check_variable(&name).is_ok(),
            SecretOrigin::Written => true,
        });
        let is_granted = self.has_name(&api.name) && has_issuers && has_secrets && self.has_plans(&api);
        (!api.hosts.is_empty() && is_granted).then_some(api)
    }

    /// Checks that a variable is granted; the error continues the sentence "found …, ".
    pub(super) fn check_variable(&self, name: &str) -> Result<(), String> {
        let wanted = SecretOrigin::Env(name.to_owned());
        let is_granted = self.given.secrets.iter().any(|granted| granted.value.0 == wanted);
        if is_granted { Ok(()) } else { Err(format!("expected {}", self.listed_secrets())) }
    }

    /// Checks that the file at `path` is granted as it is written; the error continues the sentence "found …, ".
    pub(super) fn check_file(&self, path: &Path) -> Result<(), String> {
        let path = normalized(path);
        let lies_in = |granted: PathBuf| Some(path.as_ref()?.starts_with(normalized(&granted)?));
        let is_granted = self.granted_files().any(|granted| lies_in(granted) == Some(true));
        if is_granted { Ok(()) } else { Err(format!("expected {}", self.listed_secrets())) }
    }

    /// Where the file at `path` lies, links followed, which must be granted too; the error continues the sentence
    /// "found …, ".
    pub(super) fn resolve(&self, path: &Path) -> Result<PathBuf, String> {
        let resolved = path.canonicalize().map_err(|error| format!("which cannot be read: {error}"))?;
        if !self.leads_within(&resolved) {
            return Err(format!("which leads to {}, expected {}", resolved.display(), self.listed_secrets()));
        }
        regular_file::resolve(&resolved).map_err(|fault| format!("which {fault}"))
    }

    fn leads_within(&self, resolved: &Path) -> bool {
        let mut granted = self.granted_files().filter_map(|granted| granted.canonicalize().ok());
        granted.any(|granted| resolved.starts_with(granted))
    }

    fn granted_files(&self) -> impl Iterator<Item = PathBuf> {
        self.given.secrets.iter().filter_map(|granted| match &granted.value.0 {
            SecretOrigin::File(path) => Some(self.main.folder().join(path)),
            SecretOrigin::Env(_) | SecretOrigin::Written => None,
        })
    }

    /// Whether the main file has the plans that the API names: without its plan, nothing would bound it.
    fn has_plans(&self, api: &Api) -> bool {
        self.main.plans.is_none_or(|plans| plans::has_all(plans, api))
    }

    fn has_name(&self, name: &ApiName) -> bool {
        self.given.names(&self.name).any(|granted| granted == name.as_str())
    }

    fn has_host(&self, host: &str) -> bool {
        self.hosts().any(|granted| granted == host)
    }

    /// What of a rule's issuer and of where its keys come from is not granted, each with its field.
    fn issuer_faults(&self, rule: &CredentialRule) -> Vec<(&'static str, String)> {
        let CredentialRule::Jwt(jwt) = rule else { return Vec::new() };
        let mut faults = Vec::new();
        if !self.given.issuers.contains(&jwt.issuer) {
            faults.push(("issuer", format!("found {:?}, expected {}", jwt.issuer, self.listed_issuers())));
        }
        if let JwtKeys::Jwks(keys) | JwtKeys::Discovery(keys) = &jwt.keys {
            // Nothing else of the address is shown, since a password may stand in it.
            let found = keys.url.origin().ascii_serialization();
            let mut granted = self.given.issuers.iter().filter_map(|issuer| origin(issuer));
            if !granted.any(|granted| found == granted) {
                let listed = self.listed_issuers();
                let message = format!("found {found}, expected the scheme, host and port of {listed}");
                faults.push(("keys", message));
            }
        }
        faults
    }

    /// What the grant gives, and where it stands.
    fn listed_names(&self) -> String {
        let listed = self.listed("apis", self.given.apis.iter().map(Text::as_written));
        if self.given.apis.is_empty() { format!("`{}`, or {listed}", self.name) } else { listed }
    }

    fn listed_hosts(&self) -> String {
        self.listed("hosts", self.hosts())
    }

    fn listed_issuers(&self) -> String {
        self.listed("issuers", self.given.issuers.iter().map(String::as_str))
    }

    fn listed_secrets(&self) -> String {
        self.listed("secrets", self.given.secrets.iter().map(Text::as_written))
    }

    fn listed<'t>(&self, field: &str, listed: impl Iterator<Item = &'t str>) -> String {
        let (name, main) = (&self.name, self.main.path.display());
        let listed: Vec<String> = listed.map(|entry| format!("`{entry}`")).collect();
        let listed = if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") };
        format!("what `grants.{name}.{field}` of {main} lists: {listed}")
    }
}

/// Scheme, host and port of an address (RFC 6454, section 4); `None` if it has none.
fn origin(address: &str) -> Option<String> {
    let origin = Url::parse(address).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The path from the root on, without `.`, and without `..` as if there were no links; `None` if it cannot be told.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut normalized = PathBuf::new();
    for component in std::path::absolute(path).ok()?.components() {
        match component {
            Component::ParentDir => {
                normalized.pop();
            }
            Component::CurDir => {}
            other => normalized.push(other),
        }
    }
    Some(normalized)
}
