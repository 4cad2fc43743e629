//! Methods about sessions.

use crate::{
    admin::{
        self, NewSession,
        proto::{
            CreateSessionRequest, EndSessionRequest, EndSessionsRequest, EndSessionsResponse,
            GetSessionRequest, IssuedSession, ListSessionsRequest, ListSessionsResponse, Session,
        },
    },
    domain::{Administrator, Membership, OrganizationId, SessionId, SessionRecord, Timestamp, UserId},
    store::SessionFilter,
};

use super::{
    Answers, CreateSession, Desk, EndSession, EndSessions, Fault, GetSession, Inspects, ListSessions, Stores,
    desk::{author, author_of},
    page::{next, page},
    reach::{self, Grantee, Rights},
    reading::{Reading, one, present},
};

impl<S: Stores, I: Inspects> Answers<CreateSession> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: CreateSessionRequest,
    ) -> Result<IssuedSession, Fault> {
        let author = author_of::<CreateSession>(by, &request.request_id, &request)?;
        let wanted = wanted(request, self.now())?;
        let config = self.config();
        if wanted.memberships.is_empty() && by.reach.is_confined() {
            // What the store knows of the user may change, and lie beyond what is administered here.
            let message = "name the organizations in which the user may act: without any the session acts \
                           wherever they belong, now and later on, which may be beyond your reach";
            return Err(Fault::out_of_reach(message));
        }
        let organizations = wanted.memberships.iter().map(|membership| &membership.organization);
        change(by, &wanted.apis, organizations)?;
        let within = wanted.memberships.iter().flat_map(|membership| &membership.scopes);
        let scopes = wanted.scopes.iter().chain(within).collect();
        let rights = Rights { to: Grantee::Session, apis: &wanted.apis, scopes, plan: None };
        reach::grant(by, &config.apis, &rights)?;
        let issued = self.sessions(&config).create(wanted, &mut self.random(), &author).await;
        let admin::IssuedSession { token, record, repeated } =
            issued.map_err(|error| Fault::of_session("session", error))?;
        Ok(IssuedSession {
            id: record.id.to_string(),
            token: token.map(|token| token.expose().to_owned()).unwrap_or_default(),
            record: Some(Session::of(&record, self.now())),
            repeated,
        })
    }
}

impl<S: Stores, I: Inspects> Answers<GetSession> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: GetSessionRequest) -> Result<Session, Fault> {
        Ok(Session::of(&self.session(by, &request.id).await?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<ListSessions> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: ListSessionsRequest,
    ) -> Result<ListSessionsResponse, Fault> {
        let (config, now) = (self.config(), self.now());
        let mut reading = Reading::of("");
        let api = reading.optional("api", request.api.as_deref());
        let user = reading.optional("user", request.user.as_deref());
        reading.end(Some(()))?;
        let filter = SessionFilter { apis: reach::apis(by, &config.apis, api)?, user };
        let page = self.sessions(&config).list(&filter, &page(request.page_size, &request.page_token)?).await;
        let page = page.map_err(|error| Fault::of_session("", error))?;
        let seen = page.records.iter().filter(|record| is_seen(by, record));
        Ok(ListSessionsResponse {
            next_page_token: next(&page),
            sessions: seen.map(|record| Session::of(record, now)).collect(),
        })
    }
}

impl<S: Stores, I: Inspects> Answers<EndSession> for Desk<S, I> {
    async fn answer(&self, by: &Administrator, request: EndSessionRequest) -> Result<Session, Fault> {
        let record = self.session(by, &request.id).await?;
        change(by, &record.apis, organizations(&record))?;
        let config = self.config();
        let ended = self.sessions(&config).end(&record.id, &author(by)).await;
        Ok(Session::of(&ended.map_err(|error| Fault::of_session("", error))?, self.now()))
    }
}

impl<S: Stores, I: Inspects> Answers<EndSessions> for Desk<S, I> {
    async fn answer(
        &self,
        by: &Administrator,
        request: EndSessionsRequest,
    ) -> Result<EndSessionsResponse, Fault> {
        let user: UserId = one("user", &request.user)?;
        if by.reach.is_confined() {
            let message = "a user's sessions may be at any API and of any organization: end those that you see one by one";
            return Err(Fault::out_of_reach(message));
        }
        let config = self.config();
        let ended = self.sessions(&config).end_all(&user, &author(by)).await;
        let ended = ended.map_err(|error| Fault::of_session("", error))?;
        Ok(EndSessionsResponse { ended: ended as u64 })
    }
}

impl<S: Stores, I> Desk<S, I> {
    /// A session that the administrator may see.
    async fn session(&self, by: &Administrator, id: &str) -> Result<SessionRecord, Fault> {
        let id: SessionId = one("id", id)?;
        let config = self.config();
        let record = self.sessions(&config).get(&id).await.map_err(|error| Fault::of_session("", error))?;
        if is_seen(by, &record) { Ok(record) } else { Err(Fault::not_found("session")) }
    }
}

/// Whether an administrator may see a session: one that acts in their organization alone.
fn is_seen(by: &Administrator, record: &SessionRecord) -> bool {
    if record.memberships.is_empty() {
        return reach::sees(by, &record.apis, None);
    }
    organizations(record).all(|organization| reach::sees(by, &record.apis, Some(organization)))
}

fn organizations(record: &SessionRecord) -> impl Iterator<Item = &OrganizationId> {
    record.memberships.iter().map(|membership| &membership.organization)
}

/// Whether an administrator may make or end a session that acts in these organizations; in none, wherever the user
/// belongs.
fn change<'o>(
    by: &Administrator,
    apis: &[crate::domain::ApiName],
    organizations: impl Iterator<Item = &'o OrganizationId>,
) -> Result<(), Fault> {
    let mut any = false;
    for organization in organizations {
        any = true;
        reach::change(by, apis, Some(organization))?;
    }
    if any { Ok(()) } else { reach::change(by, apis, None) }
}

fn wanted(request: CreateSessionRequest, now: Timestamp) -> Result<NewSession, Fault> {
    let session = present("session", request.session)?;
    let mut reading = Reading::of("session");
    reading.output_only(&[
        ("id", !session.id.is_empty()),
        ("status", session.status != 0),
        ("created", session.created.is_some()),
        ("used", session.used.is_some()),
        ("ended", session.ended.is_some()),
    ]);
    let expires = reading.moment("expires", session.expires);
    let lifetime = reading.span("lifetime", request.lifetime);
    let lifetime = match (expires, lifetime) {
        (None, Some(lifetime)) => Some(lifetime),
        (Some(expires), None) => {
            let left = expires.duration_since(now).try_into().ok();
            if left.is_none() {
                reading.problem("expires", format!("found {expires}, expected a moment after {now}"));
            }
            left
        }
        (Some(_), Some(_)) => {
            reading.problem("expires", "found it beside `lifetime`, expected one of them");
            None
        }
        (None, None) => {
            reading.problem("expires", "found nothing, expected the end, or a `lifetime` beside the session");
            None
        }
    };
    let hash = request.hash.as_deref().map(|hash| one("hash", hash)).transpose()?;
    let user = reading.one("user", &session.user);
    let memberships = session.organizations.iter().enumerate().filter_map(|(at, membership)| {
        let within = format!("organizations[{at}]");
        let organization = reading.one(&format!("{within}.organization"), &membership.organization);
        let scopes = reading.scopes(&format!("{within}.scopes"), &membership.scopes);
        Some(Membership { organization: organization?, scopes })
    });
    let memberships = memberships.collect();
    let wanted = (|| {
        Some(NewSession {
            apis: reading.list("apis", &session.apis),
            user: user?,
            memberships,
            scopes: reading.list("scopes", &session.scopes),
            lifetime: lifetime?,
            idle: reading.span("idle", session.idle),
            hash,
        })
    })();
    reading.end(wanted)
}
