//! Fragments: files with the APIs of one team each. A bad one is refused alone.
//!
//! What a fragment may have is granted by the main file, and nothing is granted twice: so each is judged without the
//! others. A refused fragment keeps its last good version, as far as that is still granted; the hosts granted to it that
//! are left over are unavailable.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde_json::Value;

use super::{
    Api, ConfigErrors, Fingerprint,
    api::{self, RawApi},
    grants::{Grant, Grants},
    load,
    place::Place,
    plans::{self, Plans},
    problem::{Problem, Report},
    schema::fragment_schema,
    sealing, shape,
    sound::Sound,
    text::Format,
    tree::Node,
    yaml,
};

#[cfg(test)]
mod tests;

/// The longest name of a fragment, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a fragment: that of its file, without extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FragmentName(String);

impl FragmentName {
    /// The name of the fragment in `file`.
    ///
    /// # Errors
    ///
    /// The file's name is none, as a message.
    pub(super) fn of(file: &Path) -> Result<Self, String> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        Self::read(&stem).map_err(|expected| format!("found the name {stem:?}, {expected}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FragmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Format for FragmentName {
    const NAME: &'static str = "fragment-name";
    const WHAT: &'static str = "the name of a fragment's file without extension, such as `payments`";

    fn read(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("expected 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`"))
    }
}

/// The APIs of one team. What else the configuration has, the main file says.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Fragment", deny_unknown_fields)]
#[expect(dead_code, reason = "it makes the schema; its APIs are read one by one")]
pub(super) struct RawFragment {
    /// The products guarded.
    #[schemars(length(min = 1))]
    apis: Vec<RawApi>,
}

/// The last good version of every fragment, by its file.
#[derive(Debug, Clone, Default)]
pub struct Fragments(BTreeMap<PathBuf, Vec<Api>>);

/// A fragment that is refused.
#[derive(Debug, Clone)]
pub struct RefusedFragment {
    /// Its file.
    pub file: PathBuf,
    /// Everything that is wrong with it.
    pub errors: ConfigErrors,
    /// Whether something of its last good version stays in force.
    pub is_kept: bool,
}

/// What of the main file the fragments are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct MainFile<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// The environment, for secrets.
    pub(super) env: &'a [(String, String)],
    /// What it grants.
    pub(super) grants: &'a Grants,
    /// Whether it has a section `sealing`.
    pub(super) has_sealing: bool,
    /// Its plans; `None` where they cannot be told.
    pub(super) plans: Option<&'a Plans>,
}

impl<'a> MainFile<'a> {
    /// The folder that paths are relative to, in all files.
    pub(super) fn folder(&self) -> &'a Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// What all fragments come to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The APIs of the good ones, as they are written.
    pub(super) raw: Vec<RawApi>,
    /// The APIs in force.
    pub(super) apis: Vec<Api>,
    /// How many are good.
    pub(super) taken: usize,
    /// The granted hosts that none of these has, of the refused ones.
    pub(super) unavailable: BTreeMap<String, FragmentName>,
    /// The refused ones, in their order.
    pub(super) refused: Vec<RefusedFragment>,
    /// What they keep should they turn bad.
    pub(super) last_good: Fragments,
    /// What is risky in the good ones, by their files.
    pub(super) warnings: Vec<(PathBuf, Vec<Problem>)>,
    /// The files that they name.
    pub(super) files: Fingerprint,
}

/// Reads the fragments in `files` and judges them in this order.
pub(super) fn judge(files: &[PathBuf], main: MainFile<'_>, last_good: &Fragments) -> Judged {
    let mut judge = Judge { main, schema: fragment_schema(), judged: Judged::default() };
    let mut by_stem: HashMap<Option<&OsStr>, Vec<&PathBuf>> = HashMap::new();
    for file in files {
        by_stem.entry(file.file_stem()).or_default().push(file);
    }
    for file in files {
        let twins = by_stem.get(&file.file_stem()).into_iter().flatten();
        let twin = twins.copied().find(|other| *other != file);
        judge.judge(file, twin, last_good.0.get(file));
    }
    let mut judged = judge.judged;
    for host in judged.apis.iter().flat_map(|api| &api.hosts) {
        judged.unavailable.remove(host);
    }
    judged
}

struct Judge<'a> {
    main: MainFile<'a>,
    schema: Value,
    judged: Judged,
}

/// A fragment as it is written.
struct Written {
    root: Node,
    /// Those whose shape is right, each with its place in the list.
    apis: Vec<(usize, RawApi)>,
}

impl Judge<'_> {
    /// Takes or refuses the fragment in `file`. `twin` is another file of the same name, so that the grant could
    /// mean either.
    fn judge(&mut self, file: &Path, twin: Option<&PathBuf>, last_good: Option<&Vec<Api>>) {
        let mut problems = Vec::new();
        let written = self.read(file, &mut problems);
        if let Some(twin) = twin {
            let other = twin.display();
            let message = format!("found {other} of the same name, expected one file for each grant");
            problems.push(Problem::of_file(message));
        }
        let grant = Grant::find(file, self.main, written.as_ref().map_or(&[], |written| &written.apis));
        let (checked, warnings) = match (&grant, &written) {
            (Ok(grant), Some(written)) => self.check(written, grant, &mut problems),
            (Ok(_), None) => (Vec::new(), Vec::new()),
            (Err(message), _) => {
                problems.push(Problem::of_file(message));
                (Vec::new(), Vec::new())
            }
        };
        match written.filter(|_| problems.is_empty()) {
            Some(written) => {
                self.judged.warnings.push((file.to_owned(), warnings));
                self.take(file, written, checked);
            }
            None => {
                self.refuse(
                    file,
                    problems,
                    grant.ok().as_ref(),
                    last_good.map(Vec::as_slice).unwrap_or_default(),
                );
            }
        }
    }

    fn read(&self, file: &Path, problems: &mut Vec<Problem>) -> Option<Written> {
        let text = load::read_within_folder(file)
            .map_err(|message| problems.push(Problem::of_file(message)))
            .ok()?;
        let root = yaml::read(&text, None, problems)?;
        problems.extend(shape::check(&root, &self.schema));
        let apis = Sound::new(&root, problems).apis();
        Some(Written { root, apis })
    }

    /// Checks the APIs by themselves, and against what is granted. Returns them with what is risky in them.
    fn check(
        &mut self,
        written: &Written,
        grant: &Grant<'_>,
        problems: &mut Vec<Problem>,
    ) -> (Vec<Api>, Vec<Problem>) {
        let mut report = Report::new(&written.root, self.main.folder(), self.main.env).granted(grant);
        let at = Place::Root.field("apis");
        let apis = api::check(&written.apis, &at, &mut report);
        for ((index, _), api) in written.apis.iter().zip(&apis) {
            let at = at.item(*index);
            grant.check(api, &at, &mut report);
            if let Some(plans) = self.main.plans {
                plans::check_use(api, plans, &at, &mut report);
            }
            if !self.main.has_sealing {
                sealing::check_need(api, &at, &mut report);
            }
        }
        let found = report.finish();
        problems.extend(found.problems);
        self.judged.files.extend(found.files);
        (apis, found.warnings)
    }

    fn take(&mut self, file: &Path, written: Written, apis: Vec<Api>) {
        self.judged.apis.extend(apis.iter().cloned());
        self.judged.taken += 1;
        self.judged.raw.extend(written.apis.into_iter().map(|(_, raw)| raw));
        self.judged.last_good.0.insert(file.to_owned(), apis);
    }

    /// Of the last good version that stays which is still granted.
    fn refuse(&mut self, file: &Path, problems: Vec<Problem>, grant: Option<&Grant<'_>>, last_good: &[Api]) {
        let kept: Vec<Api> = last_good.iter().filter_map(|api| grant?.narrow(api)).collect();
        let granted = grant.iter().flat_map(|grant| grant.hosts().map(|host| (host, grant.name())));
        let granted = granted.map(|(host, name)| (host.to_owned(), name.clone()));
        self.judged.unavailable.extend(granted);
        self.judged.refused.push(RefusedFragment {
            file: file.to_owned(),
            errors: ConfigErrors::new(file, problems),
            is_kept: !kept.is_empty(),
        });
        self.judged.apis.extend(kept);
        if !last_good.is_empty() {
            self.judged.last_good.0.insert(file.to_owned(), last_good.to_owned());
        }
    }
}
