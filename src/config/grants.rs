//! `grants`: what each fragment may have.
//!
//! No host is granted twice or used by the main file, so that no fragment can take another's traffic, and none has
//! to wait for another.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api,
    api::{Host, RawApi},
    fragment::{FragmentName, MainFile},
    place::Place,
    problem::Report,
    text::Text,
    wording::one_of,
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
}

/// Checks that each host is granted once and belongs to none of the main file's APIs.
pub(super) fn check(grants: &Grants, apis: &[(usize, RawApi)], at: &Place<'_>, report: &mut Report<'_>) {
    let of_apis =
        apis.iter().flat_map(|(index, api)| api.hosts().map(move |host| (host, format!("apis[{index}]"))));
    let mut owners: HashMap<&str, String> = of_apis.collect();
    for (name, grant) in grants {
        let grant_at = at.field(name.value.as_str());
        let hosts_at = grant_at.field("hosts");
        for (index, host) in grant.hosts.iter().map(|host| host.value.0.as_str()).enumerate() {
            if let Some(owner) = owners.insert(host, grant_at.to_string()) {
                let message = format!("found `{host}` again, expected each host once: {owner} has it");
                report.add(&hosts_at.item(index), message);
            }
        }
    }
}

/// What the main file grants to one fragment.
pub(super) struct Grant<'a> {
    name: FragmentName,
    given: &'a RawGrant,
    main: MainFile<'a>,
}

impl<'a> Grant<'a> {
    /// The grant of the fragment `name`, if it has one.
    pub(super) fn find(name: &FragmentName, main: MainFile<'a>) -> Option<Self> {
        let given = main.grants.get(&name.clone().into())?;
        Some(Self { name: name.clone(), given, main })
    }

    /// Whose it is.
    pub(super) fn name(&self) -> &FragmentName {
        &self.name
    }

    /// The hosts granted.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'a str> {
        self.given.hosts.iter().map(|host| host.value.0.as_str())
    }

    /// Reports what the API at `at` has without being granted it.
    pub(super) fn check(&self, api: &Api, at: &Place<'_>, report: &mut Report<'_>) {
        let hosts_at = at.field("hosts");
        let granted: Vec<&str> = self.hosts().collect();
        for (index, host) in api.hosts.iter().enumerate() {
            if !granted.contains(&host.as_str()) {
                let (expected, name, main) = (one_of(&granted), &self.name, self.main.path.display());
                let message = format!(
                    "found `{host}`, expected {expected}, which `grants.{name}.hosts` of {main} lists"
                );
                report.add(&hosts_at.item(index), message);
            }
        }
    }

    /// What of a last good version's API is still granted.
    pub(super) fn narrow(&self, api: &Api) -> Option<Api> {
        let mut api = api.clone();
        api.hosts.retain(|host| self.hosts().any(|granted| granted == host));
        (!api.hosts.is_empty()).then_some(api)
    }
}
