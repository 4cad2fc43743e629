//! Keeping sessions.

use crate::domain::{ApiName, Author, CredentialHash, SessionId, SessionRecord, Timestamp, UserId};

use super::{Changes, Finds, Page, PageRequest, StoreError};

/// Which sessions a list shows.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Only sessions of this user.
    pub user: Option<UserId>,
    /// Only sessions that serve one of these APIs.
    pub apis: Option<Vec<ApiName>>,
}

/// Keeps sessions, their times and idle spans to the millisecond. As with keys, a change is durable before it
/// is acknowledged, and writes its mark into the change table and its records into the audit log within its own
/// transaction; two that refuse nobody and admit nobody write neither, and say so.
pub trait SessionStore: Finds<SessionRecord> + Changes {
    /// The session that this very request made within the day before `at`, if it made one. [`StoreError::RequestReused`]
    /// if the id is that of another request of the same author.
    fn session_made_for(
        &self,
        by: &Author,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<SessionRecord>, StoreError>> + Send;

    /// Adds a session. What a request makes is remembered with it for a day; the same request again is
    /// [`StoreError::Repeated`].
    fn insert_session(
        &self,
        record: &SessionRecord,
        by: &Author,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The session with this id.
    fn session(&self, id: &SessionId) -> impl Future<Output = Result<SessionRecord, StoreError>> + Send;

    /// The sessions that the filter lets through, oldest first.
    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<SessionRecord>, StoreError>> + Send;

    /// Ends a session; one that was ended already stays as it was. Returns the record as it is now.
    fn end_session(
        &self,
        id: &SessionId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<SessionRecord, StoreError>> + Send;

    /// Ends all sessions of a user that are neither ended nor expired at `at`. Returns them as they are now.
    fn end_sessions_of(
        &self,
        user: &UserId,
        at: Timestamp,
        by: &Author,
    ) -> impl Future<Output = Result<Vec<SessionRecord>, StoreError>> + Send;

    /// Notes when the sessions with these hashes were used, unless a later use is noted, or they are gone: all
    /// of them, or none. It writes no change: what is remembered elsewhere stays as good as it was.
    fn touch(
        &self,
        uses: &[(CredentialHash, Timestamp)],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the sessions that were ended or expired before a moment. Returns how many. It writes no changes:
    /// what is remembered of them is refused as well.
    fn remove_sessions_over(&self, before: Timestamp)
    -> impl Future<Output = Result<u64, StoreError>> + Send;
}
