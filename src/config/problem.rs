//! What is wrong with a configuration: all of it at once, each with its place.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Fingerprint, grants::Grant, place::Place, regular_file, tree::Node};

/// The most problems of one file that are told.
const PROBLEMS_MAX: usize = 100;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub(super) enum Origin {
    /// The file as a whole.
    File {},
    /// A place in the file.
    Line {
        /// Its line, from 1 on.
        line: usize,
        /// Its column in characters, from 1 on.
        column: usize,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        variable: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {} => f.write_str("the file"),
            Self::Line { line, .. } => write!(f, "line {line}"),
            Self::Variable { variable } => write!(f, "${variable}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Problem {
    /// Where the value was written.
    #[serde(flatten)]
    pub(super) origin: Origin,
    /// Which value it is, such as `apis[0].routes[2].match`; empty for the whole configuration.
    pub(super) path: String,
    /// What was found and what was expected.
    pub(super) message: String,
}

impl Problem {
    /// A problem of the file as a whole.
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self { origin: Origin::File {}, path: String::new(), message: message.into() }
    }

    /// A problem of the value at `place`, written at `origin`.
    pub(super) fn new(origin: &Origin, place: &Place<'_>, message: impl Into<String>) -> Self {
        Self { origin: origin.clone(), path: place.to_string(), message: message.into() }
    }

    /// The part of the configuration in which it lies: a section, or one of the APIs (`apis[0]`).
    pub(super) fn part(&self) -> &str {
        self.path.split('.').next().unwrap_or_default()
    }
}

/// Notes a problem, unless there are more than anybody will read: a file with mistakes by the hundred thousand must
/// not fill memory and log with them.
pub(super) fn note(problems: &mut Vec<Problem>, problem: impl FnOnce() -> Problem) {
    if !is_full(problems) {
        problems.push(problem());
    }
}

/// Whether no more problems are noted.
pub(super) fn is_full(problems: &[Problem]) -> bool {
    problems.len() >= PROBLEMS_MAX
}

/// Collects what the checks of the sections find, and knows what they check against beside the file.
pub(super) struct Report<'a> {
    root: &'a Node,
    folder: &'a Path,
    env: &'a [(String, String)],
    grant: Option<&'a Grant<'a>>,
    findings: Findings,
}

/// What the checks of the sections find.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is good and yet risky.
    pub(super) warnings: Vec<Problem>,
    /// The files that a section follows.
    pub(super) files: Fingerprint,
}

impl<'a> Report<'a> {
    /// An empty report on the main file `root`, whose paths are relative to `folder`, in the environment `env`.
    pub(super) fn new(root: &'a Node, folder: &'a Path, env: &'a [(String, String)]) -> Self {
        Self { root, folder, env, grant: None, findings: Findings::default() }
    }

    /// The same on a fragment, which can name only those files and variables that `grant` gives it.
    pub(super) fn granted(self, grant: &'a Grant<'a>) -> Self {
        Self { grant: Some(grant), ..self }
    }

    /// A path of the configuration, relative to its folder if it is relative at all.
    pub(super) fn path(&self, written: &Path) -> PathBuf {
        self.folder.join(written)
    }

    /// Opens the file at `path`, and makes a change of it one of the configuration.
    ///
    /// # Errors
    ///
    /// It cannot be had, as a sentence after "found …, ".
    pub(super) fn open(&mut self, path: &Path) -> Result<File, String> {
        if let Some(grant) = self.grant {
            grant.check_file(path)?;
        }
        self.findings.files.extend(Fingerprint::of([path]));
        let opened = match self.grant {
            Some(grant) => regular_file::open(&grant.resolve(path)?),
            None => File::open(path).map_err(|error| format!("cannot be read: {error}")),
        };
        opened.map_err(|fault| format!("which {fault}"))
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    ///
    /// It cannot be had, as a sentence after "found …, ".
    pub(super) fn variable(&self, name: &str) -> Result<&'a str, String> {
        if let Some(grant) = self.grant {
            grant.check_variable(name)?;
        }
        let found = self.env.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| "which is not set".to_owned())
    }

    /// Notes a problem of the value at `place`; where a default stands there, the line is that of what is
    /// around it.
    pub(super) fn add(&mut self, place: &Place<'_>, message: impl Into<String>) {
        let root = self.root;
        note(&mut self.findings.problems, || Problem::new(origin_in(root, place), place, message));
    }

    /// Notes a risk of the value at `place`, which is good otherwise.
    pub(super) fn warn(&mut self, place: &Place<'_>, message: impl Into<String>) {
        let root = self.root;
        note(&mut self.findings.warnings, || Problem::new(origin_in(root, place), place, message));
    }

    /// Whether anything was written at `place`.
    pub(super) fn is_written(&self, place: &Place<'_>) -> bool {
        self.root.locate(place).is_ok()
    }

    /// Where `place` was written.
    pub(super) fn origin_of(&self, place: &Place<'_>) -> &'a Origin {
        origin_in(self.root, place)
    }

    /// What was found.
    pub(super) fn finish(self) -> Findings {
        self.findings
    }
}

fn origin_in<'r>(root: &'r Node, place: &Place<'_>) -> &'r Origin {
    let (Ok(node) | Err(node)) = root.locate(place);
    &node.origin
}

/// Everything that is wrong with a configuration, file by file, each in its order; what came from the environment
/// stands last in the main file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigErrors {
    /// Never empty.
    pub(super) problems: Vec<InFile>,
    #[serde(skip)]
    files: Fingerprint,
}

/// A problem and the file in which it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct InFile {
    file: PathBuf,
    severity: Severity,
    #[serde(flatten)]
    pub(super) problem: Problem,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    /// The configuration is refused.
    Error,
    /// It is good, and somebody should know what it risks.
    Warning,
}

impl InFile {
    /// The problems of a file in their order.
    fn all(file: &Path, severity: Severity, mut problems: Vec<Problem>) -> Vec<Self> {
        problems.sort_unstable();
        problems.dedup();
        if is_full(&problems) {
            problems.truncate(PROBLEMS_MAX);
            problems.push(Problem::of_file(format!("found so much that only {PROBLEMS_MAX} of it is told")));
        }
        let in_file = |problem| Self { file: file.to_owned(), severity, problem };
        problems.into_iter().map(in_file).collect()
    }
}

/// Its file and place, what it is unless it is an error, and the message.
impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem.origin {
            Origin::File {} => write!(f, "{}: ", self.file.display())?,
            Origin::Line { line, column } => write!(f, "{}:{line}:{column}: ", self.file.display())?,
            Origin::Variable { variable } => write!(f, "${variable}: ")?,
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.problem.path.is_empty() {
            write!(f, "{}: ", self.problem.path)?;
        }
        f.write_str(&self.problem.message)
    }
}

impl ConfigErrors {
    /// Sorts `problems`, which were found in `file`.
    pub(super) fn new(file: &Path, problems: Vec<Problem>) -> Self {
        Self { problems: InFile::all(file, Severity::Error, problems), files: Fingerprint::default() }
    }

    /// The same of a configuration that was read from `files`.
    pub(super) fn read_from(self, files: Fingerprint) -> Self {
        Self { files, ..self }
    }

    /// The files as they were before they were read. As long as they stay so, the errors do.
    #[must_use]
    pub fn files(&self) -> &Fingerprint {
        &self.files
    }

    /// These and those of further files.
    pub(super) fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.problems.extend(others.into_iter().flat_map(|errors| errors.problems));
        self
    }
}

/// One line for each problem, and a last one with their number.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.problems.len() {
            1 => f.write_str("1 error"),
            count => write!(f, "{count} errors"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// What is good and yet risky in a configuration, file by file, each in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigWarnings {
    pub(super) problems: Vec<InFile>,
}

impl ConfigWarnings {
    /// Adds those of `file`.
    pub(super) fn add(&mut self, file: &Path, problems: Vec<Problem>) {
        self.problems.extend(InFile::all(file, Severity::Warning, problems));
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// Each, in a line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(ToString::to_string)
    }
}
