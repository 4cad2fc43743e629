//! Denial reasons: a closed set of stable codes.

use std::{fmt, str::FromStr};

/// The code of an outage, in the place of a denial reason: a denial is the caller's doing, an outage is ours.
pub const UNAVAILABLE: &str = "unavailable";

/// Why a request is refused, as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DenialReason {
    /// The request itself cannot be read.
    RequestMalformed,
    /// No API has this host, or no route of the API matches.
    RouteUnknown,
    /// A credential came over plain HTTP where that is refused.
    TransportInsecure,
    /// The route needs a credential and none was presented.
    CredentialMissing,
    /// More than one credential was presented.
    CredentialAmbiguous,
    /// The credential does not have the form of any that the API accepts.
    CredentialMalformed,
    /// The address has presented too many bad credentials.
    TooManyAttempts,
    /// The credential is not good: unknown, expired, revoked, … All look alike outside.
    CredentialInvalid,
    /// A signature stands over a body that did not arrive whole.
    BodyIncomplete,
    /// This kind of principal may not call this route.
    CredentialKindNotAllowed,
    /// The credential may not be used from this address.
    SourceNotAllowed,
    /// The browser's `Origin` is not listed.
    OriginNotAllowed,
    /// The request must name an organization and does not.
    OrganizationMissing,
    /// The principal does not belong to the organization named.
    OrganizationMismatch,
    /// The organization is suspended.
    OrganizationSuspended,
    /// The principal does not belong to the project named.
    ProjectMismatch,
    /// The credential is of another environment.
    EnvironmentMismatch,
    /// The principal lacks a scope.
    ScopeMissing,
    /// The organization lacks an entitlement.
    EntitlementMissing,
    /// A quota is used up.
    RateLimited,
}

impl DenialReason {
    /// Every reason, in the order in which the stages can give them.
    pub const ALL: [Self; 20] = [
        Self::RequestMalformed,
        Self::RouteUnknown,
        Self::TransportInsecure,
        Self::CredentialMissing,
        Self::CredentialAmbiguous,
        Self::CredentialMalformed,
        Self::TooManyAttempts,
        Self::CredentialInvalid,
        Self::BodyIncomplete,
        Self::CredentialKindNotAllowed,
        Self::SourceNotAllowed,
        Self::OriginNotAllowed,
        Self::OrganizationMissing,
        Self::OrganizationMismatch,
        Self::OrganizationSuspended,
        Self::ProjectMismatch,
        Self::EnvironmentMismatch,
        Self::ScopeMissing,
        Self::EntitlementMissing,
        Self::RateLimited,
    ];

    /// The stable code: what bodies, metrics, logs and configuration say.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RequestMalformed => "request_malformed",
            Self::RouteUnknown => "route_unknown",
            Self::TransportInsecure => "transport_insecure",
            Self::CredentialMissing => "credential_missing",
            Self::CredentialAmbiguous => "credential_ambiguous",
            Self::CredentialMalformed => "credential_malformed",
            Self::TooManyAttempts => "too_many_attempts",
            Self::CredentialInvalid => "credential_invalid",
            Self::BodyIncomplete => "body_incomplete",
            Self::CredentialKindNotAllowed => "credential_kind_not_allowed",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::OrganizationMissing => "organization_missing",
            Self::OrganizationMismatch => "organization_mismatch",
            Self::OrganizationSuspended => "organization_suspended",
            Self::ProjectMismatch => "project_mismatch",
            Self::EnvironmentMismatch => "environment_mismatch",
            Self::ScopeMissing => "scope_missing",
            Self::EntitlementMissing => "entitlement_missing",
            Self::RateLimited => "rate_limited",
        }
    }

    /// The HTTP status of the refusal (RFC 9110), unless the API chooses another for `route_unknown`.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::RequestMalformed | Self::OrganizationMissing => 400,
            Self::CredentialMissing
            | Self::CredentialAmbiguous
            | Self::CredentialMalformed
            | Self::CredentialInvalid => 401,
            Self::RouteUnknown => 404,
            Self::BodyIncomplete => 413,
            Self::TooManyAttempts | Self::RateLimited => 429,
            Self::TransportInsecure
            | Self::CredentialKindNotAllowed
            | Self::SourceNotAllowed
            | Self::OriginNotAllowed
            | Self::OrganizationMismatch
            | Self::OrganizationSuspended
            | Self::ProjectMismatch
            | Self::EnvironmentMismatch
            | Self::ScopeMissing
            | Self::EntitlementMissing => 403,
        }
    }

    /// Whether the refusal is about who is asking (401), and so carries `WWW-Authenticate`.
    #[must_use]
    pub fn is_unauthenticated(self) -> bool {
        self.status() == 401
    }
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for DenialReason {
    type Err = ();

    fn from_str(code: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|reason| reason.code() == code).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once_and_found_by_its_code() {
        for (index, reason) in DenialReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason} stands out of order");
            assert_eq!(reason.code().parse(), Ok(reason));
        }
        assert!(UNAVAILABLE.parse::<DenialReason>().is_err());
    }
}
