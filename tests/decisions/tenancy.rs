//! For whom a principal acts: organizations, projects, memberships, entitlements.

use doorward::{
    domain::{
        Author, KeyRecord, Member, Membership, OrganizationRecord, ProjectRecord, SessionRecord, Timestamp,
    },
    store::{
        MemberStore, OrganizationEdit, OrganizationStore, PageRequest, ProjectStore, SessionFilter,
        SessionStore,
    },
};

use crate::door::{Call, Door, allowed, scopes};

const CONFIG: &str = r#"
apis:
  - name: studio
    hosts: [studio.example]
    unscoped_keys: all
    credentials:
      - api_key: { prefix: st_, from: [{ header: { name: authorization, scheme: Bearer } }] }
      - session: { cookie: sid }
    origins: [https://studio.example]
    organization: { from: [{ path: org }, { query: org }, { header: x-org }, { json: org }] }
    routes:
      - { match: /runs, scopes: [runs] }
      - { match: "/orgs/{org}/runs" }
      - { match: "/projects/{project}/**", organization: none, project: path }
      - { match: "/maybe", organization: { from: [{ query: org }], required: false }, project: { from: [{ query: project }], required: false } }
      - { match: /me, organization: none }
      - { match: /own, organization: own }
      - { match: /reports, organization: none, entitlements: [reports, exports] }
"#;

const KEY: &str = "st_";

fn call(path: &str) -> Call {
    Call::new("GET", "studio.example", path)
}

struct Studio(Door);

impl Studio {
    /// Two organizations: `acme` owns the project `apollo`, `globex` owns `gemini`.
    async fn new() -> Self {
        let door = Door::with(CONFIG).await;
        for (organization, project) in [("acme", "apollo"), ("globex", "gemini")] {
            let record = OrganizationRecord {
                id: organization.parse().expect("an id"),
                name: organization.to_owned(),
                apis: vec!["studio".parse().expect("a name")],
                plan: Some("team".parse().expect("a name")),
                entitlements: vec!["reports".parse().expect("an entitlement")],
                suspended: None,
                created: Timestamp::UNIX_EPOCH,
            };
            door.store
                .insert_organization(&record, &Author::on_the_store(0))
                .await
                .expect("a new organization");
            let record = ProjectRecord {
                id: project.parse().expect("an id"),
                name: project.to_owned(),
                apis: vec!["studio".parse().expect("a name")],
                organization: organization.parse().expect("an id"),
                created: Timestamp::UNIX_EPOCH,
            };
            door.store.insert_project(&record, &Author::on_the_store(0)).await.expect("a new project");
        }
        Self(door)
    }

    async fn key(&self, edit: impl FnOnce(&mut KeyRecord)) -> String {
        let serve = |record: &mut KeyRecord| {
            record.apis = vec!["studio".parse().expect("a name")];
            record.scopes = scopes(&[]);
            edit(record);
        };
        self.0.key(KEY, serve).await
    }

    /// The cookie of a person who belongs to these organizations, with these scopes in each.
    async fn person(&self, memberships: &[(&str, &[&str])]) -> String {
        let membership = |(organization, held): &(&str, &[&str])| Membership {
            organization: organization.parse().expect("an id"),
            scopes: scopes(held),
        };
        let edit = |record: &mut SessionRecord| {
            record.apis = vec!["studio".parse().expect("a name")];
            record.memberships = memberships.iter().map(membership).collect();
        };
        self.0.session(edit).await
    }
}

#[tokio::test]
async fn a_key_acts_for_its_own_organization_wherever_the_request_names_it() {
    let studio = Studio::new().await;
    let key = studio.key(|_| ()).await;
    let cases = [
        (call("/runs?org=acme"), "allowed"),
        (call("/runs").header("x-org", "acme"), "allowed"),
        (call("/runs").json(r#"{"org": "acme", "more": {"org": "globex"}}"#), "allowed"),
        (call("/runs").json(r#"{"or\u0067": "acme"}"#), "allowed"),
        (call("/runs?org=acme").json(r#"{"org": "acme"}"#), "allowed"),
        (call("/runs?org=%61cme"), "allowed"),
        (call("/orgs/acme/runs"), "allowed"),
        (call("/orgs/%61cme/runs"), "allowed"),
        (call("/maybe"), "allowed"),
        (call("/me"), "allowed"),
        (call("/runs?org=globex"), "organization_mismatch"),
        (call("/orgs/globex/runs"), "organization_mismatch"),
        (call("/runs").json(r#"{"org": "globex"}"#), "organization_mismatch"),
        (call("/maybe?org=globex"), "organization_mismatch"),
        (call("/runs"), "organization_missing"),
        (call("/runs").json("{}"), "organization_missing"),
    ];
    for (call, expected) in cases {
        let name = format!("{call:?}");
        assert_eq!(studio.0.verdict(call.bearer(&key)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_names_an_organization_in_two_voices_is_malformed() {
    let studio = Studio::new().await;
    let key = studio.key(|_| ()).await;
    let json = |body: &str| call("/runs").json(body);
    let bare = |body: &[u8], kind: &str| {
        let mut call =
            call("/runs").header("x-envoy-auth-partial-body", "false").header("content-type", kind);
        call.http().raw_body = body.to_vec();
        call
    };
    let cases = [
        call("/runs?org=acme&org=acme"),
        call("/runs?org=acme&ORG=globex"),
        call("/runs?org=acme&%6frg=globex"),
        call("/runs?org=ac+me"),
        call("/runs?org="),
        call("/runs?org=a%00b"),
        call("/runs?org=%ff"),
        call("/runs?org=acme;org=globex"),
        call("/runs?org=acme&a=1;org=globex"),
        call("/runs?org=acme;a=1"),
        call("/runs?org=acme&org[]=globex"),
        call("/runs?org=acme&org%5B0%5D=globex"),
        call("/runs?org=acme&[org]=globex"),
        call("/runs?org=acme&org%00=globex"),
        call("/runs?org=acme&%20org=globex"),
        call("/runs?org=acme&?org=globex"),
        call("/runs?org=acme&%6f%72%ff=globex"),
        call("/runs").header("x-org", "acme").header("x-org", "acme"),
        call("/runs").header("x-org", "acme").header("x_org", "globex"),
        call("/runs").header("X.Org", "acme"),
        call("/runs").joined("x-org", "acme,globex"),
        call("/runs?org=acme").header("x-org", "globex"),
        call("/runs?org=acme").json(r#"{"org": "globex"}"#),
        json(r#"{"org": "acme", "org": "acme"}"#),
        json(r#"{"org": "acme", "Org": "globex"}"#),
        json(r#"{"org": "acme", "\u006frg": "globex"}"#),
        json(r#"{"org": "acme", "org\u0000": "globex"}"#),
        json(r#"{"org": "acme", "o_rg": "globex"}"#),
        json(r#"{"org": 7}"#),
        json(r#"{"org": null}"#),
        json(r#"{"org": ["acme"]}"#),
        json(r#"["acme"]"#),
        json(r#"{"org": "acme"} {}"#),
        json(r#"{"org": "acme""#),
        json("\u{feff}{\"org\": \"acme\"}"),
        json(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        bare(b"{\"org\": \"acme\"}", "text/plain"),
        bare(b"{\"org\": \"acme\"}", "application/json; charset=utf-16"),
        bare(b"{\"org\": \"\xff\"}", "application/json"),
        bare(b"{\"org\": \"acme\", \"more\": \"\xc0\xa2, \"}", "application/json"),
        json(r#"{"org": "acme"}"#).header("content-encoding", "gzip"),
    ];
    for call in cases {
        let name = format!("{call:.400?}");
        assert_eq!(studio.0.verdict(call.bearer(&key)).await, "request_malformed", "{name}");
    }
    let cut_off = call("/runs").header("x-envoy-auth-partial-body", "true");
    assert_eq!(studio.0.verdict(cut_off.bearer(&key)).await, "body_incomplete");
    let withheld = call("/runs").header("content-length", "9");
    assert_eq!(studio.0.verdict(withheld.bearer(&key)).await, "body_incomplete");
}

#[tokio::test]
async fn a_credential_for_a_project_of_another_organization_opens_nothing() {
    let studio = Studio::new().await;
    let confined = async |project: &str| {
        studio.key(|record| record.project = Some(project.parse().expect("an id"))).await
    };
    for (project, path, expected) in [
        ("gemini", "/projects/gemini/x", "project_mismatch"),
        ("gemini", "/runs?org=acme", "project_mismatch"),
        ("gemini", "/own", "project_mismatch"),
        ("apollo", "/own", "allowed"),
        ("unknown", "/projects/unknown/x", "allowed"),
        ("unknown", "/own", "allowed"),
    ] {
        let key = confined(project).await;
        assert_eq!(studio.0.verdict(call(path).bearer(&key)).await, expected, "{project} at {path}");
    }
}

#[tokio::test]
async fn a_key_reaches_the_projects_of_its_organization_or_only_its_own() {
    let studio = Studio::new().await;
    let tenant_wide = studio.key(|_| ()).await;
    let confined = studio.key(|record| record.project = Some("apollo".parse().expect("an id"))).await;
    for (key, path, expected) in [
        (&tenant_wide, "/projects/apollo/x", "allowed"),
        (&tenant_wide, "/projects/gemini/x", "project_mismatch"),
        (&tenant_wide, "/projects/unknown/x", "project_mismatch"),
        (&confined, "/projects/apollo/x", "allowed"),
        (&confined, "/projects/gemini/x", "project_mismatch"),
        (&confined, "/projects/unknown/x", "project_mismatch"),
        (&confined, "/maybe", "allowed"),
        (&confined, "/maybe?project=gemini", "project_mismatch"),
    ] {
        assert_eq!(studio.0.verdict(call(path).bearer(key)).await, expected, "{path}");
    }
    let response = studio.0.knock(call("/projects/apollo/x").bearer(&tenant_wide)).await;
    let project = allowed(&response).headers.iter().filter_map(|option| option.header.as_ref());
    let project = project.filter(|header| header.key == "x-principal-project").map(|header| &header.value);
    assert_eq!(project.collect::<Vec<_>>(), ["apollo"], "the upstream learns in which project it acts");
}

#[tokio::test]
async fn a_person_acts_for_the_organization_named_with_the_scopes_held_there() {
    let studio = Studio::new().await;
    let both = studio.person(&[("acme", &["runs"]), ("globex", &[])]).await;
    let one = studio.person(&[("acme", &["runs"])]).await;
    for (cookie, path, expected) in [
        (&both, "/runs?org=acme", "allowed"),
        (&both, "/runs?org=globex", "scope_missing"),
        (&both, "/runs?org=initech", "organization_mismatch"),
        (&both, "/runs", "organization_missing"),
        (&both, "/me", "allowed"),
        (&both, "/own", "organization_missing"),
        (&one, "/own", "allowed"),
        (&one, "/runs?org=globex", "organization_mismatch"),
        (&one, "/projects/apollo/x", "allowed"),
        (&one, "/projects/gemini/x", "project_mismatch"),
        // Of their organizations they act for the one that owns the project.
        (&both, "/projects/apollo/x", "allowed"),
        (&both, "/projects/gemini/x", "allowed"),
        (&both, "/projects/unknown/x", "project_mismatch"),
        (&both, "/maybe?org=acme&project=gemini", "project_mismatch"),
    ] {
        let call = call(path).header("cookie", format!("sid={cookie}"));
        assert_eq!(studio.0.verdict(call).await, expected, "{path}");
    }
}

#[tokio::test]
async fn the_store_knows_where_a_person_belongs_whose_session_does_not_say() {
    let studio = Studio::new().await;
    let cookie = studio.person(&[]).await;
    let found = studio
        .0
        .store
        .sessions(&SessionFilter::default(), &PageRequest::default())
        .await
        .expect("a list")
        .records;
    let user = found.first().expect("a session").user.clone();
    let ask = || call("/runs?org=acme").header("cookie", format!("sid={cookie}"));
    assert_eq!(studio.0.verdict(ask()).await, "organization_mismatch");
    let member = |apis: &[&str]| Member {
        user: user.clone(),
        organization: "acme".parse().expect("an id"),
        apis: apis.iter().map(|name| name.parse().expect("a name")).collect(),
        scopes: scopes(&["runs"]),
    };
    studio
        .0
        .store
        .put_member(&member(&["other"]), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("a member");
    studio.0.settles(ask(), "organization_mismatch").await;
    studio
        .0
        .store
        .put_member(&member(&["studio"]), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("a member");
    studio.0.settles(ask(), "allowed").await;
    studio
        .0
        .store
        .put_member(&member(&["other"]), Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("a member");
    studio.0.settles(ask(), "organization_mismatch").await;
}

#[tokio::test]
async fn a_suspended_organization_is_refused_at_once_and_everywhere() {
    let studio = Studio::new().await;
    let key = studio.key(|_| ()).await;
    let cookie = studio.person(&[("acme", &["runs"])]).await;
    let asks = [call("/me").bearer(&key), call("/runs?org=acme").header("cookie", format!("sid={cookie}"))];
    let settle = async |expected: &str| {
        for ask in &asks {
            studio.0.settles(ask.clone(), expected).await;
        }
    };
    settle("allowed").await;
    let acme = "acme".parse().expect("an id");
    // Which APIs it may use makes no difference: it is the same organization.
    let elsewhere = OrganizationEdit::Apis(vec!["other".parse().expect("a name")]);
    studio
        .0
        .store
        .update_organization(&acme, &[elsewhere], Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("updated");
    studio
        .0
        .store
        .suspend_organization(&acme, Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("suspended");
    settle("organization_suspended").await;
    studio
        .0
        .store
        .resume_organization(&acme, Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("resumed");
    settle("allowed").await;
}

#[tokio::test]
async fn an_organization_has_to_have_bought_all_that_a_route_needs() {
    let studio = Studio::new().await;
    let key = studio.key(|_| ()).await;
    let stranger = studio.key(|record| record.organization = "initech".parse().expect("an id")).await;
    let ask = || call("/reports").bearer(&key);
    assert_eq!(studio.0.verdict(ask()).await, "entitlement_missing");
    let both = ["reports", "exports"].map(|name| name.parse().expect("an entitlement")).to_vec();
    let acme = "acme".parse().expect("an id");
    let edit = OrganizationEdit::Entitlements(both);
    studio
        .0
        .store
        .update_organization(&acme, &[edit], Timestamp::UNIX_EPOCH, &Author::on_the_store(0))
        .await
        .expect("updated");
    studio.0.settles(ask(), "allowed").await;
    let unknown = call("/reports").bearer(&stranger);
    assert_eq!(studio.0.verdict(unknown).await, "entitlement_missing", "an organization without a record");
}
