//! What was looked at, what was found, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::cli::Exit;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// All is well.
    Ok,
    /// Worth knowing; it may well be meant.
    Info,
    /// It works, but not for long, or not as it seems to be meant.
    Warning,
    /// It does not work.
    Failed,
    /// Something needed cannot be reached.
    Unreachable,
    /// A part of the configuration is refused.
    Refused,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }

    /// How the command ends where this is the worst that was found.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Ok | Self::Info | Self::Warning => Exit::Success,
            Self::Failed => Exit::Failure,
            Self::Unreachable => Exit::Unreachable,
            Self::Refused => Exit::Usage,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The stable code of what was looked for.
    pub(super) check: &'static str,
    /// What was looked at.
    pub(super) place: String,
    pub(super) found: String,
    /// What to do; empty where there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn new(
        level: Level,
        check: &'static str,
        place: impl fmt::Display,
        found: impl Into<String>,
    ) -> Self {
        Self { level, check, place: place.to_string(), found: found.into(), advice: String::new() }
    }

    pub(super) fn ok(check: &'static str, place: impl fmt::Display, found: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, place, found)
    }

    /// The same with what to do about it.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }
}
