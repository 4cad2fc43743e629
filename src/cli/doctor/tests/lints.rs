//! For each lint a configuration that trips it, and one that does not.

use super::*;

/// What the lint `check` says about an API with these fields.
fn told(check: &str, fields: &[&str]) -> Vec<String> {
    let scene = Scene::new();
    let findings = super::super::lints::examine(&scene.load(&api(fields)).config, scene.now);
    lines(&findings, check)
}

/// That the lint says exactly this of the first fields, in lines that begin so, and nothing of the second.
fn trips(check: &str, wrong: &[&str], expected: &[&str], right: &[&str]) {
    let found = told(check, wrong);
    let agree = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(agree, "{check} of {wrong:?}: {found:#?}");
    assert_eq!(told(check, right), Vec::<String>::new(), "{check} of {right:?}");
}

const ALL_KINDS: &str = "credentials:
      - { api_key: { prefixes: { live: sk_live_, test: sk_test_ }, from: [{ header: { name: x-key } }] } }
      - { session: { cookie: sid } }
      - { signature: { project: { header: x-p }, timestamp: { header: x-t }, signature: { header: x-s }, signed: '{timestamp}.{body}' } }";

#[test]
fn open_routes_are_named() {
    trips(
        "route_open",
        &["routes: [{ match: /a, public: true }, { match: /b, optional: true }]"],
        &[
            "info         one, route /a: it is open to everybody",
            "info         one, route /b: it is open to everybody: a credential can be left out",
        ],
        &["routes: [{ match: /a }, { match: /b, optional: true, scopes: [read] }]"],
    );
    trips(
        "any_credential",
        &["routes: [{ match: GET /a }]"],
        &["info         one, route GET /a: any credential of the API will do"],
        &[
            "routes: [{ match: /a, principals: [api_key] }, { match: /b, environments: [live] }, { match: /c, scopes: [a] }]",
        ],
    );
    trips(
        "optional_in_vain",
        &["routes: [{ match: /a, optional: true, scopes: [read] }]"],
        &["warning      one, route /a: `optional` has no effect"],
        &["routes: [{ match: /a, optional: true }, { match: /b, scopes: [read] }]"],
    );
}

#[test]
fn a_segment_that_nothing_binds_is_named() {
    trips(
        "segment_unbound",
        &[
            "routes: [{ match: '/p/{projectId}' }, { match: '/o/{organization}' }, { match: '/own/{organization}', organization: own }]",
        ],
        &[
            "info         one, route /p/{projectId}: the principal need not belong to the project that `{projectId}` names. If it should, say `project: { from: [{ path: projectId }] }`.",
            "info         one, route /o/{organization}: the principal need not belong to the organization",
            "info         one, route /own/{organization}: the principal need",
        ],
        &[
            "routes: [{ match: '/p/{project}', project: path }, { match: '/o/{organizationId}', organization: { from: [{ path: organizationId }] } }, { match: '/q/{project}', public: true }, { match: '/{x}' }]",
        ],
    );
}

#[test]
fn a_route_that_no_request_reaches_is_named() {
    let routes = |patterns: &[&str]| {
        let routes: Vec<String> =
            patterns.iter().map(|pattern| format!("{{ match: '{pattern}', scopes: [a] }}")).collect();
        format!("routes: [{}]", routes.join(", "))
    };
    let unreached = |patterns: &[&str], more: &[&str]| {
        let routes = routes(patterns);
        let found = told("route_unreachable", &[&[routes.as_str()], more].concat());
        found.iter().map(|line| line.split(": ").next().expect("a place").to_owned()).collect::<Vec<_>>()
    };
    for (patterns, expected) in [
        (&["/a/**", "/a", "/a/", "/a/{x}/**"][..], Some("/a/**")),
        (&["GET /a/**", "/a", "/a/", "/a/{x}/**"], Some("GET /a/**")),
        (&["GET,POST /**", "GET /", "POST /", "/{x}/**"], Some("GET,POST /**")),
        (&["/a/{x}/**", "/a/{x}", "/a/{x}/", "/a/{x}/{y}/**"], Some("/a/{x}/**")),
        // `/a/` is refused, since the application may take it for `/a`.
        (&["/a/**", "/a", "/a/{x}/**"], Some("/a/**")),
        (&["/a/**", "/a/", "/a/{x}/**"], Some("/a/**")),
        (&["/a/**", "/a/{x}/**"], None),
        (&["/a/**", "/a", "/a/", "/a/{x}"], None),
        (&["/a/**", "GET /a", "GET /a/", "GET /a/{x}/**"], None),
        (&["GET,PUT /a/**", "GET /a", "GET /a/", "GET /a/{x}/**"], None),
        (&["/a/**", "/a", "/a/", "/a/b/**"], None),
        (&["GET /a", "HEAD /a", "/a", "/{x}", "/**"], None),
        (&["/a/{x}", "/a/b", "/a/c"], None),
    ] {
        let expected: Vec<String> =
            expected.iter().map(|pattern| format!("warning      one, route {pattern}")).collect();
        assert_eq!(unreached(patterns, &[]), expected, "{patterns:?}");
    }
    for (allowed, patterns) in [
        // It alone has `/a//b`.
        ("empty_segment", &["/a/**", "/a", "/a/", "/a/{x}/**"][..]),
        ("trailing_slash", &["/a/**", "/a", "/a/{x}/**"]),
    ] {
        let allowed = format!("ambiguous_paths: {{ allow: [{allowed}] }}");
        assert!(unreached(patterns, &[&allowed]).is_empty(), "{allowed}");
    }
    let line = told("route_unreachable", &[&routes(&["/a/**", "/a", "/a/", "/a/{x}/**"])]);
    assert!(line[0].contains("more specific routes always win, such as /a, /a/, /a/{x}/**"), "{line:?}");
}

#[test]
fn what_no_principal_satisfies_is_named() {
    trips(
        "principal_unproven",
        &["routes: [{ match: /a, principals: [project, api_key] }, { match: /b, principals: [user] }]"],
        &[
            "warning      one, route /a: `principals` names project, which no credential of the API proves",
            "warning      one, route /b: `principals` names user,",
        ],
        &[ALL_KINDS, "routes: [{ match: /a, principals: [project, user, api_key, service_key] }]"],
    );
    trips(
        "route_unsatisfiable",
        &[ALL_KINDS, "routes: [{ match: /a, principals: [user], environments: [live] }]"],
        &["warning      one, route /a: everybody is refused"],
        &[ALL_KINDS, "routes: [{ match: /a, principals: [user, api_key], environments: [live] }]"],
    );
    trips(
        "entitlement_of_nobody",
        &[ALL_KINDS, "routes: [{ match: /a, principals: [user], entitlements: [sso] }]"],
        &[
            "warning      one, route /a: it needs an entitlement, and no request names the organization that has it: users",
        ],
        &[
            ALL_KINDS,
            "routes: [{ match: /a, entitlements: [sso] }, { match: /b, principals: [user], entitlements: [sso], organization: { from: [{ query: o }] } }]",
        ],
    );
}

#[test]
fn a_credential_that_no_route_accepts_is_named() {
    trips(
        "credential_unused",
        &[ALL_KINDS, "routes: [{ match: /a, principals: [api_key], environments: [live] }]"],
        &[
            "warning      one, credentials: no route accepts keys of the environment `test`",
            "warning      one, credentials: no route accepts sessions (cookie sid)",
            "warning      one, credentials: no route accepts signatures",
        ],
        &[ALL_KINDS],
    );
    trips(
        "credential_unused",
        &["routes: [{ match: /a, public: true }]"],
        &["warning      one, credentials: no route accepts keys that begin with sk_live_, sk_test_"],
        &["routes: [{ match: /a, optional: true }]"],
    );
}

#[test]
fn scopes_that_are_named_or_asked_for_alone_are_named() {
    trips(
        "scope_unused",
        &["scopes: { admin: [read], billing: [invoices] }", "scope_presets: { all: { scopes: [raed] } }"],
        &[
            "warning      one, scope billing: no route asks for it, nor for what it implies",
            "warning      one, scope invoices: ",
            "warning      one, scope raed: ",
        ],
        &[
            "scopes: { admin: [write], write: [read] }",
            "routes: [{ match: /, scopes: [read] }, { match: /w, scopes: [write] }]",
        ],
    );
    trips(
        "scope_unnamed",
        &["scope_presets: { all: { scopes: [write] } }"],
        &[
            "info         one, scope read: a route asks for it, and nothing else in the configuration names it",
        ],
        &["scope_presets: { all: { scopes: [write] } }", "scopes: { write: [read] }"],
    );
    assert!(told("scope_unnamed", &[]).is_empty());
}

#[test]
fn places_that_are_not_safe_are_named() {
    let query = |more: &str| {
        format!(
            "credentials: [{{ api_key: {{ prefixes: {{ test: sk_test_ }}, from: [{{ query: {{ name: key{more} }} }}] }} }}]"
        )
    };
    trips(
        "credential_in_query",
        &[&query("")],
        &["warning      one, query key: every credential may stand in the query"],
        &[&query(", environments: [test]")],
    );
    let session = "credentials: [{ session: { cookie: sid } }]";
    trips(
        "cookie_without_origins",
        &[session, "routes: [{ match: GET /a }, { match: POST /a }]"],
        &["warning      one, cookie sid: the API lists no `origins`"],
        &[session, "routes: [{ match: GET /a }, { match: POST /a, public: true }]"],
    );
    assert!(told("cookie_without_origins", &[session, "origins: [https://a.test]"]).is_empty());
}

#[test]
fn issuers_whose_ids_can_be_alike_are_named() {
    let issuers = |prefixes: [&str; 2]| {
        let rule = |(name, prefix): (&str, &str)| {
            format!(
                "{{ jwt: {{ issuer: {name}, audience: a, keys: {{ jwks: 'https://a.test' }}, \
                 from: [{{ header: {{ name: x-token }} }}], claims: {{ id: sub{prefix} }} }} }}"
            )
        };
        format!("credentials: [{}, {}]", rule(("one", prefixes[0])), rule(("two", prefixes[1])))
    };
    let expected = ["warning      one: somebody of `two` can have the id of somebody of `one`"];
    let good = issuers([", id_prefix: 'a|'", ", id_prefix: 'b|'"]);
    for alike in [["", ""], ["", ", id_prefix: 'b|'"], [", id_prefix: ab", ", id_prefix: a"]] {
        trips("ids_of_two_issuers", &[&issuers(alike)], &expected, &[&good]);
    }
}

#[test]
fn what_is_switched_off_is_named() {
    trips(
        "path_ambiguous",
        &["ambiguous_paths: { allow: [path_parameter, letter_case] }"],
        &[
            "warning      one: `path_parameter` lets paths through that two parsers can read differently",
            "warning      one: `letter_case` lets",
        ],
        &[],
    );
    trips(
        "shadow",
        &[
            "shadow: { until: 2030-02-01 }",
            "routes: [{ match: /a, shadow: { until: 2030-01-07 } }, { match: /b, shadow: { until: 2030-01-01 } }]",
        ],
        &[
            "warning      one: refusals are not enforced until 2030-02-01T00:00:00Z",
            "warning      one, route /a: refusals are not enforced until 2030-01-07T00:00:00Z. That is within a week",
            "info         one, route /b: `shadow` ended at 2030-01-01T00:00:00Z",
        ],
        &[],
    );
}

#[test]
fn listeners_that_others_reach_are_named() {
    let scene = Scene::new();
    let told = |listeners: &str, guards: &str| {
        let text = api(&[guards]).replace("\"unix:check.sock\"", listeners);
        let findings = super::super::lints::examine(&scene.load(&text).config, scene.now);
        [lines(&findings, "listener_insecure"), lines(&findings, "plain_http_allowed")].concat()
    };
    let remote = "127.0.0.1:1, { address: 10.0.0.1:1, insecure: true }";
    let refused = "guards: { plain_http: refuse }";
    let allowed = "guards: { plain_http: allow }";
    let found = told(remote, allowed);
    assert!(
        found[0].starts_with("warning      10.0.0.1:1: `insecure: true`: others can reach it"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("info         one: credentials that come over plain HTTP are accepted"),
        "{found:?}"
    );
    assert_eq!((found.len(), told(remote, refused).len()), (2, 1));
    let guarded = "{ address: 10.0.0.1:1, tls: { certificate: a, key: b, client_ca: c } }";
    assert_eq!((told(guarded, refused).len(), told("127.0.0.1:1", allowed).len()), (0, 0));
}

#[test]
fn requests_without_a_credential_that_no_limit_counts_are_named() {
    let routes = "routes: [{ match: /a, public: true }, { match: /b, optional: true }, { match: /c }]";
    let address = "client_address: peer";
    trips(
        "anonymous_uncounted",
        &[routes, "limits: { by: credential, quotas: [1/day] }"],
        &[
            "info         one: no limit counts requests without a credential on 2 of its routes, such as /a. If one should,",
        ],
        &[
            routes,
            address,
            "limits: { rules: [{ by: credential, quotas: [1/day] }, { by: client_address, quotas: [1/day] }] }",
        ],
    );
    trips(
        "anonymous_uncounted",
        &[
            "routes: [{ match: /a, public: true, cost: 0 }]",
            address,
            "limits: { by: client_address, quotas: [1/day] }",
        ],
        &["info         one: no limit counts requests without a credential on 1 of its routes, such as /a."],
        &[
            "routes: [{ match: /a, public: true, cost: 0, limits: { by: client_address, quotas: [1/day] } }]",
            address,
            "limits: { by: client_address, quotas: [1/day] }",
        ],
    );
    assert!(told("anonymous_uncounted", &[routes]).is_empty(), "an API without limits means it so");
}
