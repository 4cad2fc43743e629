//! `credentials[].signature`: requests signed with the secret of a project.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{duration::Span, place::Place, problem::Report, text::Text},
    domain::HeaderName,
};

/// Requests signed with the secret of a project.
#[derive(Debug, Clone)]
pub struct SignatureCredential {
    /// The header that names the project.
    pub project: HeaderName,
    /// The header with the time of signing, in Unix seconds.
    pub timestamp: HeaderName,
    /// How far that time may lie from ours, either way.
    pub tolerance: Duration,
    /// The header with the signature.
    pub signature: HeaderName,
    /// What stands before the signature.
    pub prefix: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// What is signed.
    pub signed: String,
    /// Whether a signature proves only one request.
    pub once: bool,
}

impl SignatureCredential {
    /// Its headers, each with the field that names it.
    pub(super) fn named_headers(&self) -> [(&'static str, &HeaderName); 3] {
        [("project", &self.project), ("timestamp", &self.timestamp), ("signature", &self.signature)]
    }

    /// Its headers.
    pub(super) fn headers(&self) -> [&HeaderName; 3] {
        self.named_headers().map(|(_, name)| name)
    }
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
}

/// Requests signed with the secret of a project: HMAC-SHA256 (RFC 2104).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Signature")]
pub(in crate::config) struct RawSignature {
    /// Where the request names the project.
    project: RawProject,
    /// Where it names the time of signing, in Unix seconds.
    timestamp: RawTimestamp,
    /// Where the signature stands. The header is taken out before the request goes on.
    signature: RawMac,
    /// What is signed.
    signed: String,
    /// Whether a signature proves only one request.
    #[serde(default = "yes")]
    once: bool,
}

fn yes() -> bool {
    true
}

/// Where the request names the project.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureProject")]
struct RawProject {
    /// The header.
    header: Text<HeaderName>,
}

/// Where the request names the time of signing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureTimestamp")]
struct RawTimestamp {
    /// The header.
    header: Text<HeaderName>,
    /// How far it may lie from our time, either way. At most 1 hour.
    #[serde(default = "default_tolerance")]
    tolerance: Text<Span>,
}

fn default_tolerance() -> Text<Span> {
    Text::of_ms(300_000)
}

/// Where the signature stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignatureMac")]
struct RawMac {
    /// The header.
    header: Text<HeaderName>,
    /// What stands before it, such as `sha256=`.
    #[serde(default)]
    prefix: String,
    /// How it is written.
    #[serde(default)]
    encoding: Encoding,
}

impl RawSignature {
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> SignatureCredential {
        let timestamp_at = at.field("timestamp");
        SignatureCredential {
            project: self.project.header.value.clone(),
            timestamp: self.timestamp.header.value.clone(),
            tolerance: self.timestamp.tolerance.within(
                1_000..=3_600_000,
                &timestamp_at.field("tolerance"),
                report,
            ),
            signature: self.signature.header.value.clone(),
            prefix: self.signature.prefix.clone(),
            encoding: self.signature.encoding,
            signed: self.signed.clone(),
            once: self.once,
        }
    }
}
