//! The vocabulary: what every other room speaks of. No I/O, nothing async.

pub mod api_key;
pub mod clock;
pub mod denial;
pub mod header_name;
pub mod id;
pub mod key_record;
pub mod route_pattern;
pub mod scope;

pub use api_key::{KeyHash, KeyHint, KeyPrefix, PlainKey};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use denial::{DenialReason, UNAVAILABLE};
pub use header_name::HeaderName;
pub use id::{ApiName, Environment, IdError, KeyId, OrganizationId, PlanName, ProjectId};
pub use key_record::{KeyKind, KeyRecord, KeyStatus, PrincipalKind};
pub use route_pattern::{Method, MethodSet, RoutePattern, Segment};
pub use scope::{Implications, Scope, ScopeError, ScopeSet, TooManyScopes};
