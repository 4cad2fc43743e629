//! `{ file: … }` and `{ env: … }`: where a secret comes from, since it should not stand in the configuration itself.

use std::{fmt, fs::File, io::Read, path::PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    place::Place,
    problem::Report,
    text::{Format, Text},
};

/// The longest file with a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret, read where the configuration says. A changed file is a changed configuration. `Debug` shows
/// nothing of it, and its memory is zeroed.
#[derive(Debug, Clone)]
pub struct SecretSource {
    /// Where it comes from.
    pub origin: SecretOrigin,
    value: SecretString,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// The content of a file, without the line's end at its end.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
    /// The configuration itself: the password in an address.
    Written,
}

impl fmt::Display for SecretOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Env(name) => write!(f, "${name}"),
            Self::Written => f.write_str("the configuration itself"),
        }
    }
}

impl SecretSource {
    /// A secret that was read there.
    #[must_use]
    pub fn new(origin: SecretOrigin, value: SecretString) -> Self {
        Self { origin, value }
    }

    /// The secret in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// A secret that stands in the configuration itself.
    pub(super) fn written(value: String) -> Self {
        Self { origin: SecretOrigin::Written, value: value.into() }
    }
}

/// Whether both come from the same place and are the same, or neither is there.
pub(super) fn are_alike(one: Option<&SecretSource>, other: Option<&SecretSource>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let [value, other_value] = [one, other].map(|source| source.expose().as_bytes());
            one.origin == other.origin && verify_slices_are_equal(value, other_value).is_ok()
        }
        (None, None) => true,
        _ => false,
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SecretSource")]
pub(super) enum RawSecretSource {
    /// A file that holds nothing else; it is read again when it changes.
    File(Text<PathBuf>),
    /// An environment variable.
    Env(Text<VariableName>),
}

impl RawSecretSource {
    /// Reads the secret; an empty one where it cannot be read, which is reported.
    pub(super) fn check(&self, at: &Place<'_>, report: &mut Report<'_>) -> SecretSource {
        let (origin, read) = match self {
            Self::File(path) => {
                let path = report.path(&path.value);
                let text = report.open(&path).and_then(read);
                (SecretOrigin::File(path), text)
            }
            Self::Env(name) => {
                let name = &name.value.0;
                (SecretOrigin::Env(name.clone()), report.variable(name).map(str::to_owned))
            }
        };
        let read = read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        let read = read.and_then(|text| {
            if text.is_empty() { Err("which is empty, expected a secret".to_owned()) } else { Ok(text) }
        });
        let value = read.unwrap_or_else(|fault| {
            report.add(at, format!("found {origin}, {fault}"));
            String::new()
        });
        SecretSource::new(origin, value.into())
    }
}

fn read(file: File) -> Result<String, String> {
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("which cannot be read: {error}"))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!("which is longer than {SECRET_BYTES_MAX} bytes, expected a secret"));
    }
    Ok(text)
}

/// The name of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariableName(pub(super) String);

impl Format for VariableName {
    const NAME: &'static str = "variable-name";
    const WHAT: &'static str = "the name of an environment variable";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=128).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected the name of an environment variable, of letters, digits and `_`".to_owned())
        }
    }
}
