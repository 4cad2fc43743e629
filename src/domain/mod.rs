//! The vocabulary: what every other room speaks of. No I/O, nothing async.
//!
//! What cannot be read from text says what was expected: each error reads on from "found …, ".

mod administrator;
mod api_key;
mod author;
mod clock;
mod credential_status;
mod denial;
mod header_name;
mod id;
mod key_record;
mod key_usage;
mod naming;
mod network;
mod organization;
mod principal_kind;
mod project_secret;
mod quota;
mod route_pattern;
mod scope;
mod sealing;
mod session;
mod session_token;

pub use administrator::{Administrator, Reach, Role};
pub use api_key::{
    CredentialHash, HashError, KeyHint, KeyPrefix, PlainKey, is_credential_in_clear, is_plausible_key,
    is_well_formed_key,
};
pub use author::{AuditRecord, Author, Request, RequestIdError};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, parse_moment, to_the_millisecond};
pub use credential_status::CredentialStatus;
pub use denial::{DenialReason, UNAVAILABLE};
pub use header_name::{HeaderName, fold_name, folds_to};
pub use id::{
    ApiName, Environment, HEADER_VALUE_BYTES_MAX, HEADER_VALUE_ESCAPES, KeyId, OrganizationId, PlanName,
    ProjectId, SealingKeyId, SecretId, SessionId, UserId,
};
pub use key_record::{KeyKind, KeyRecord, KnownKey};
pub use key_usage::KeyUsage;
pub use naming::{
    LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX, NAME_BYTES_MAX, is_label_name, is_label_value,
    is_name,
};
pub use network::parse_network;
pub use organization::{Entitlement, Member, MemberRecord, Membership, OrganizationRecord, ProjectRecord};
pub use principal_kind::PrincipalKind;
pub use project_secret::{PlainSecret, PlainSecretError, ProjectSecrets, SecretRecord};
pub use quota::{Period, QUOTA_LIMIT_MAX, Quota, QuotaError, WindowKind};
pub use route_pattern::{Method, MethodSet, PATH_BYTES_MAX, RoutePattern, Segment, Shape};
pub use scope::{Implications, SCOPES_MAX, Scope, ScopeError, ScopeSet, TooManyScopes};
pub use sealing::{
    OpenError, SealError, SealedSecret, SealingKey, SealingKeyError, SealingKeys, SecretOwner,
};
pub use session::{SessionRecord, SessionStatus};
pub use session_token::{SessionToken, is_well_formed_session_token};
