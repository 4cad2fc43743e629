//! The proven subject of a request.

use std::sync::Arc;

use crate::domain::{
    Environment, HeaderName, KnownKey, Membership, OrganizationId, PlanName, PrincipalKind, ProjectId,
    ScopeSet, SecretId, SessionRecord, UserId,
};

use super::replay::Noted;

/// Who is asking, proven. Only verification makes one. Clones share what it is made of.
#[derive(Debug, Clone)]
pub struct Principal {
    subject: Subject,
    by_cookie: bool,
}

#[derive(Debug, Clone)]
enum Subject {
    Anonymous,
    Key(Arc<KnownKey>),
    Token(Arc<TokenSubject>),
    Session(Arc<SessionRecord>),
    Project(Arc<ProjectSubject>),
}

/// Whom a token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    /// The person.
    pub user: UserId,
    /// Where they belong, if the token says so; else the store knows.
    pub memberships: Option<Arc<[Membership]>>,
    /// What they may do in each of their organizations.
    pub scopes: ScopeSet,
    /// Claims that the upstream reads, each ready to be sent under the name of its header.
    pub headers: Vec<(HeaderName, Box<str>)>,
}

/// Whom a signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSubject {
    /// The project.
    pub project: ProjectId,
    /// The organization that owns it.
    pub organization: OrganizationId,
    /// The secret with which it signed.
    pub secret: SecretId,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Its signature, which was noted as used.
    pub noted: Noted,
}

/// Where the organizations of a principal come from.
#[derive(Debug, Clone, Copy)]
pub enum Belonging<'p> {
    /// It belongs to none.
    Nowhere,
    /// It belongs to this one and acts for it always.
    To(&'p OrganizationId),
    /// It is a person who belongs to these and acts for one of them at a time.
    Among(&'p [Membership]),
    /// It is a person of whom the store knows where they belong.
    AsStored(&'p UserId),
}

impl Principal {
    const fn new(subject: Subject) -> Self {
        Self { subject, by_cookie: false }
    }

    pub(super) fn anonymous() -> Self {
        Self::new(Subject::Anonymous)
    }

    pub(super) fn of_key(record: Arc<KnownKey>) -> Self {
        Self::new(Subject::Key(record))
    }

    pub(super) fn of_token(subject: Arc<TokenSubject>) -> Self {
        Self::new(Subject::Token(subject))
    }

    pub(super) fn of_session(record: Arc<SessionRecord>) -> Self {
        Self::new(Subject::Session(record))
    }

    pub(super) fn of_project(subject: ProjectSubject) -> Self {
        Self::new(Subject::Project(Arc::new(subject)))
    }

    /// The same, proven by a cookie.
    pub(super) fn by_cookie(self, by_cookie: bool) -> Self {
        Self { by_cookie, ..self }
    }

    /// Whether a cookie proved it, which browsers send along unasked.
    #[must_use]
    pub fn is_by_cookie(&self) -> bool {
        self.by_cookie
    }

    /// What kind of subject it is.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match &self.subject {
            Subject::Anonymous => PrincipalKind::Anonymous,
            Subject::Key(record) => record.kind.principal(),
            Subject::Token(_) | Subject::Session(_) => PrincipalKind::User,
            Subject::Project(_) => PrincipalKind::Project,
        }
    }

    /// The key that proved it, if a key did.
    #[must_use]
    pub fn key(&self) -> Option<&KnownKey> {
        match &self.subject {
            Subject::Key(record) => Some(record),
            _ => None,
        }
    }

    /// Its id: a key's principal is the key itself, a project's the project.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        Some(match &self.subject {
            Subject::Anonymous => return None,
            Subject::Key(record) => record.id.as_str(),
            Subject::Token(subject) => subject.user.as_str(),
            Subject::Session(record) => record.user.as_str(),
            Subject::Project(subject) => subject.project.as_str(),
        })
    }

    /// The id of the credential that proved it, where it has one.
    #[must_use]
    pub fn credential(&self) -> Option<&str> {
        Some(match &self.subject {
            Subject::Anonymous | Subject::Token(_) => return None,
            Subject::Key(record) => record.id.as_str(),
            Subject::Session(record) => record.id.as_str(),
            Subject::Project(subject) => subject.secret.as_str(),
        })
    }

    /// The note that the signature was used which proved it, if one did.
    pub(in crate::check) fn noted(&self) -> Option<&Noted> {
        match &self.subject {
            Subject::Project(subject) => Some(&subject.noted),
            _ => None,
        }
    }

    /// Where its organizations come from.
    #[must_use]
    pub fn belonging(&self) -> Belonging<'_> {
        match &self.subject {
            Subject::Anonymous => Belonging::Nowhere,
            Subject::Key(record) => Belonging::To(&record.organization),
            Subject::Project(subject) => Belonging::To(&subject.organization),
            Subject::Token(subject) => match &subject.memberships {
                Some(memberships) => Belonging::Among(memberships),
                None => Belonging::AsStored(&subject.user),
            },
            Subject::Session(record) if record.memberships.is_empty() => Belonging::AsStored(&record.user),
            Subject::Session(record) => Belonging::Among(&record.memberships),
        }
    }

    /// The one project that it is confined to.
    #[must_use]
    pub fn project(&self) -> Option<&ProjectId> {
        match &self.subject {
            Subject::Key(record) => record.project.as_ref(),
            Subject::Project(subject) => Some(&subject.project),
            _ => None,
        }
    }

    /// The environment that it is for.
    #[must_use]
    pub fn environment(&self) -> Option<&Environment> {
        self.key()?.environment.as_ref()
    }

    /// What it may do wherever it belongs, without what that implies.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        match &self.subject {
            Subject::Anonymous => None,
            Subject::Project(subject) => Some(&subject.scopes),
            Subject::Key(record) => Some(&record.scopes),
            Subject::Token(subject) => Some(&subject.scopes),
            Subject::Session(record) => Some(&record.scopes),
        }
    }

    /// Its own plan.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanName> {
        self.key()?.plan.as_ref()
    }

    /// Claims that the upstream reads, by the name of the header.
    #[must_use]
    pub fn claim_headers(&self) -> &[(HeaderName, Box<str>)] {
        match &self.subject {
            Subject::Token(subject) => &subject.headers,
            _ => &[],
        }
    }
}
