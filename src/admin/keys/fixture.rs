//! APIs for tests.

use std::collections::BTreeMap;

use crate::config::{
    Api, ApiKeyCredential, ChecksumRule, ClientAddress, Credential, Denials, PrefixRule, PrincipalHeaders,
    Template,
};
use crate::domain::{HeaderName, Implications};

/// `payments` has the environments `live` and `test`; `games` and `games-eu` have none, and know the client's
/// address; `library` has a prefix of its own.
pub(crate) fn apis() -> Vec<Api> {
    let peer = Some(ClientAddress::Peer);
    vec![
        api(
            "payments",
            &[("sk_live_", Some("live")), ("sk_test_", Some("test"))],
            None,
        ),
        api("games", &[("gm_", None)], peer),
        api("games-eu", &[("gm_", None)], peer),
        api("library", &[("lib_", None)], peer),
        api("open", &[], None),
    ]
}

fn api(name: &str, prefixes: &[(&str, Option<&str>)], client_address: Option<ClientAddress>) -> Api {
    let prefixes = prefixes.iter().map(|(prefix, environment)| PrefixRule {
        prefix: prefix.parse().expect("a prefix"),
        environment: environment.map(|name| name.parse().expect("a name")),
    });
    let header = |name: &str| -> HeaderName { name.parse().expect("a name") };
    Api {
        name: name.parse().expect("a name"),
        hosts: vec![format!("{name}.example.com")],
        client_address,
        ambiguous_paths: Vec::new(),
        credentials: vec![Credential::ApiKey(ApiKeyCredential {
            prefixes: prefixes.collect(),
            checksum: ChecksumRule::Required,
            from: Vec::new(),
        })],
        unscoped_keys_grant_all: false,
        implications: Implications::default(),
        principal_headers: PrincipalHeaders {
            id: header("x-principal-id"),
            kind: header("x-principal-kind"),
            organization: header("x-principal-organization"),
            project: header("x-principal-project"),
            environment: header("x-principal-environment"),
            scopes: header("x-principal-scopes"),
            plan: header("x-principal-plan"),
            credential: header("x-principal-credential"),
        },
        denials: Denials {
            content_type: "application/problem+json".to_owned(),
            body: Template::Object(Vec::new()),
            reasons: BTreeMap::new(),
            route_unknown_status: 404,
        },
        routes: Vec::new(),
    }
}
