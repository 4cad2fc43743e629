//! Management of sessions over any store: create, look up, end, and remove those long over.

pub(crate) mod message;
mod new_session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rand::CryptoRng;

use crate::{
    config::Api,
    domain::{Author, Clock, SessionId, SessionRecord, SessionToken, Timestamp, UserId, to_the_millisecond},
    store::{Page, PageRequest, SessionFilter, SessionStore, StoreError},
};

use super::{
    field,
    problem::{Problem, lines},
    record::changed,
};

pub use new_session::NewSession;

/// Manages the sessions of the configured APIs in one store.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a, S> {
    store: &'a S,
    apis: &'a [Api],
    clock: &'a dyn Clock,
}

/// A session that was just made: the only time that its token is there in clear.
#[derive(Debug)]
pub struct IssuedSession {
    /// The token; `None` if it was made elsewhere, or the session is `repeated`.
    pub token: Option<SessionToken>,
    /// Whether the same request made it before.
    pub repeated: bool,
    /// What the store keeps of it.
    pub record: SessionRecord,
}

/// Why a session cannot be made or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Some fields are not as they should be.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for SessionError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}

impl<'a, S: SessionStore> Sessions<'a, S> {
    /// Manages the sessions of `apis` in `store`.
    #[must_use]
    pub fn new(store: &'a S, apis: &'a [Api], clock: &'a dyn Clock) -> Self {
        Self { store, apis, clock }
    }

    /// Begins a session, unless the same request did so within the last day.
    ///
    /// # Errors
    ///
    /// [`SessionError::Invalid`] with everything that the configuration does not allow, or
    /// [`SessionError::Store`].
    pub async fn create(
        &self,
        wanted: NewSession,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSession, SessionError> {
        if let Some(made) = self.made_for(by).await? {
            return Ok(made);
        }
        match self.make(wanted, rng, by).await {
            Err(SessionError::Store(StoreError::Repeated)) => {
                Ok(self.made_for(by).await?.ok_or(StoreError::Repeated)?)
            }
            made => made,
        }
    }

    async fn make(
        &self,
        wanted: NewSession,
        rng: &mut impl CryptoRng,
        by: &Author,
    ) -> Result<IssuedSession, SessionError> {
        let problems = wanted.problems(self.apis);
        if !problems.is_empty() {
            return Err(SessionError::Invalid(problems));
        }
        let id = SessionId::generate(rng);
        let (token, hash) = if let Some(hash) = wanted.hash {
            (None, hash)
        } else {
            let token = SessionToken::generate(rng);
            let hash = token.hash();
            (Some(token), hash)
        };
        let record = wanted.into_record(id, hash, self.now())?;
        self.store.insert_session(&record, by).await?;
        changed("create", &record, by);
        Ok(IssuedSession { token, repeated: false, record })
    }

    /// What is known of a session.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`], also where no session has this id.
    pub async fn get(&self, id: &SessionId) -> Result<SessionRecord, SessionError> {
        Ok(self.store.session(id).await?)
    }

    /// The sessions that the filter lets through, oldest first.
    ///
    /// # Errors
    ///
    /// [`SessionError::Invalid`] if no API has the name that the filter asks for, or [`SessionError::Store`].
    pub async fn list(
        &self,
        filter: &SessionFilter,
        page: &PageRequest,
    ) -> Result<Page<SessionRecord>, SessionError> {
        field::known_apis(self.apis, filter.apis.as_deref())?;
        Ok(self.store.sessions(filter, page).await?)
    }

    /// Ends a session at once and for ever. One that was ended already stays as it was.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`], also where no session has this id.
    pub async fn end(&self, id: &SessionId, by: &Author) -> Result<SessionRecord, SessionError> {
        let now = self.now();
        let record = self.store.end_session(id, now, by).await?;
        if record.ended == Some(now) {
            changed("end", &record, by);
        }
        Ok(record)
    }

    /// Ends all sessions of a user that are neither ended nor expired. Returns how many.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`].
    pub async fn end_all(&self, user: &UserId, by: &Author) -> Result<usize, SessionError> {
        let ended = self.store.end_sessions_of(user, self.now(), by).await?;
        for record in &ended {
            changed("end", record, by);
        }
        Ok(ended.len())
    }

    /// Removes the sessions that were ended or expired longer ago than this. Returns how many.
    ///
    /// # Errors
    ///
    /// [`SessionError::Invalid`] if that is before all time, or [`SessionError::Store`].
    pub async fn prune(&self, older_than: Duration) -> Result<u64, SessionError> {
        let before = self.now().checked_sub(older_than).map_err(|_| {
            let found = format!("{} days", older_than.as_secs() / 86_400);
            Problem::new("older_than", found, "expected a time that calendars reach")
        })?;
        Ok(self.store.remove_sessions_over(to_the_millisecond(before)).await?)
    }

    /// What the same request made before.
    async fn made_for(&self, by: &Author) -> Result<Option<IssuedSession>, SessionError> {
        let made = self.store.session_made_for(by, self.now()).await?;
        Ok(made.map(|record| IssuedSession { token: None, repeated: true, record }))
    }

    fn now(&self) -> Timestamp {
        to_the_millisecond(self.clock.now())
    }
}
