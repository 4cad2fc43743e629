//! The files of TLS where Doorward is the client.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{place::Place, problem::Report, text::Text};

/// The files of TLS where Doorward is the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// The authorities that vouch for the server, PEM; without it those that are known anyway.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The files of TLS with a server. They are read at start.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientTls")]
pub(super) struct RawClientTls {
    /// The authorities that vouch for the server, PEM; without it those that are known anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<Text<PathBuf>>,
    /// The client's certificate chain, PEM, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Text<PathBuf>>,
    /// Its private key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Text<PathBuf>>,
}

impl RawClientTls {
    /// Paths are relative to `folder`.
    pub(super) fn check(&self, folder: &Path, at: &Place<'_>, report: &mut Report<'_>) -> ClientTls {
        let within = |path: &Text<PathBuf>| folder.join(&path.value);
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((within(certificate), within(key))),
            (None, None) => None,
            _ => {
                report.add(at, "found one of `certificate` and `key`, expected both or none");
                None
            }
        };
        ClientTls { ca: self.ca.as_ref().map(within), identity }
    }
}
