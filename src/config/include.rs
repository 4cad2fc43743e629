//! `include`: which files hold further APIs.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Format, Text};

/// The most fragments.
const FILES_MAX: usize = 1024;

/// `*` stays within one folder, and what begins with a dot has to be named: Kubernetes keeps a second way to each
/// file under such names, and editors their backups.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// One pattern, or several.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Include")]
pub(super) enum RawInclude {
    /// The files that this pattern matches, such as `apis.d/*.yaml`.
    One(Text<FilePattern>),
    /// The files that one of these patterns matches.
    Several(#[schemars(length(min = 1))] Vec<Text<FilePattern>>),
}

impl RawInclude {
    /// Patterns are relative to `folder`.
    pub(super) fn within(&self, folder: &Path) -> Include {
        let patterns = match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::Several(patterns) => patterns.as_slice(),
        };
        let patterns = patterns.iter().map(|pattern| pattern.value.0.clone()).collect();
        Include { folder: folder.to_owned(), patterns }
    }
}

/// Which files are fragments.
#[derive(Debug, Clone, Default)]
pub(super) struct Include {
    folder: PathBuf,
    patterns: Vec<String>,
}

impl Include {
    /// The fragments that are there now: sorted by their paths, each once. No pattern has to match anything.
    ///
    /// # Errors
    ///
    /// A folder cannot be listed, or they are too many.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let folder =
            self.folder.to_str().ok_or("found a folder whose name is not UTF-8, expected another")?;
        let mut files = BTreeSet::new();
        for pattern in &self.patterns {
            let below = Path::new(&Pattern::escape(folder)).join(pattern);
            let matched =
                glob::glob_with(&below.to_string_lossy(), OPTIONS).map_err(|error| error.to_string())?;
            for file in matched {
                files.insert(file.map_err(|error| {
                    format!("{} cannot be listed: {}", error.path().display(), error.error())
                })?);
                if files.len() > FILES_MAX {
                    return Err(format!("found more than {FILES_MAX} files, expected that many at most"));
                }
            }
        }
        Ok(files.into_iter().collect())
    }
}

/// A pattern of paths: `*` and `?` for characters of one name, `[…]` for one of some, `**` for folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilePattern(String);

impl Format for FilePattern {
    const NAME: &'static str = "file-pattern";
    const WHAT: &'static str = "a pattern of paths such as `apis.d/*.yaml`";

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("expected {}", Self::WHAT));
        }
        match Pattern::new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("expected {}: {}", Self::WHAT, error.msg)),
        }
    }
}
