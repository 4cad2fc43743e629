//! File and environment → [`Config`].

use std::{
    fs::File,
    io::Read,
    iter,
    path::{Path, PathBuf},
};

use saphyr::{Scalar, Yaml, YamlEmitter};
use serde_json::Value;

use crate::domain::ApiName;

use super::{
    Config, ConfigErrors, ConfigWarnings, Fingerprint, Fragments, RawConfig, RefusedFragment, administrators,
    api::RawApi,
    fragment::{self, Judged, MainFile},
    grants::Grants,
    include::Include,
    overrides,
    place::Place,
    plans,
    problem::{Problem, Report},
    regular_file, schema, shape,
    sound::Sound,
    yaml,
};

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A configuration, and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    /// What is risky in it.
    pub warnings: ConfigWarnings,
    /// How many fragments are taken.
    pub taken: usize,
    /// The fragments that are refused, in the order of their files.
    pub refused: Vec<RefusedFragment>,
    /// What the next load takes as the last good fragments.
    pub fragments: Fragments,
    /// The files that it was read from, as they were before that.
    pub files: Fingerprint,
    include: Include,
    in_force: RawConfig,
}

impl Config {
    /// Reads the file at `path`, the overrides in `env` (`DOORWARD_A__B=value` sets `a.b`) and the fragments that the
    /// file includes, and checks everything. A fragment that is refused keeps what it has in `last_good`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`] with everything that is wrong, in the fragments too, if something is wrong with the file
    /// itself; a file that cannot be read is one of them.
    pub fn load(
        path: &Path,
        env: &[(String, String)],
        last_good: &Fragments,
    ) -> Result<Loaded, ConfigErrors> {
        let mut files = Fingerprint::of([path]);
        let text = read(path).map_err(|message| ConfigErrors::new(path, vec![Problem::of_file(message)]));
        let checked = text.and_then(|text| check(&text, path, env, last_good, &mut files));
        checked.map_err(|errors| errors.read_from(files))
    }

    /// Does the same with the text of a file, and no last good fragments: relative paths in it are relative to the
    /// folder of `path`, which is not read.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path, env: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
        check(text, path, env, &Fragments::default(), &mut Fingerprint::default())
    }
}

impl Loaded {
    /// Everything that is wrong with the fragments that are refused; `None` if none is.
    #[must_use]
    pub fn errors(&self) -> Option<ConfigErrors> {
        let mut errors = self.refused.iter().map(|fragment| fragment.errors.clone());
        errors.next().map(|first| first.and(errors))
    }

    /// The files as they are now, and those that are new among the fragments.
    #[must_use]
    pub fn files_now(&self) -> Fingerprint {
        // What cannot be listed is not new.
        let fragments = self.include.files().unwrap_or_default();
        Fingerprint::of(self.files.paths().chain(fragments.iter().map(PathBuf::as_path)))
    }

    /// What is in force as YAML, defaults and overrides included, as one file: the APIs of the good fragments stand
    /// among the others.
    ///
    /// # Errors
    ///
    /// It cannot be written as YAML: a mistake of ours.
    pub fn to_yaml(&self) -> Result<String, String> {
        let merged = RawConfig { include: None, grants: Grants::new(), ..self.in_force.clone() };
        to_yaml_text(&serde_json::to_value(&merged).map_err(|error| error.to_string())?)
    }
}

/// A JSON value as YAML.
///
/// # Errors
///
/// It cannot be written: a mistake of ours.
pub(super) fn to_yaml_text(json: &Value) -> Result<String, String> {
    let mut text = String::new();
    let emitted = YamlEmitter::new(&mut text).dump(&to_yaml(json));
    emitted.map_err(|error| error.to_string())?;
    Ok(text.trim_start_matches("---\n").to_owned() + "\n")
}

fn to_yaml(json: &Value) -> Yaml<'_> {
    match json {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(value) => Yaml::Value(Scalar::Boolean(*value)),
        Value::Number(number) => Yaml::Value(match number.as_i64() {
            Some(value) => Scalar::Integer(value),
            None => Scalar::FloatingPoint(number.as_f64().unwrap_or_default().into()),
        }),
        Value::String(text) => Yaml::Value(Scalar::String(text.into())),
        Value::Array(items) => Yaml::Sequence(items.iter().map(to_yaml).collect()),
        Value::Object(members) => {
            let key = |name: &'_ str| Yaml::Value(Scalar::String(name.to_owned().into()));
            Yaml::Mapping(members.iter().map(|(name, value)| (key(name), to_yaml(value))).collect())
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    read_text(File::open(path).map_err(|error| format!("cannot be read: {error}"))?)
}

/// The text of a configuration; the error says what was found instead.
pub(super) fn read_text(file: File) -> Result<String, String> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("found more than {FILE_BYTES_MAX} bytes, expected a configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        format!("found a byte that is not UTF-8 after {before} bytes, expected YAML in UTF-8")
    })
}

/// The text of a file that somebody else than the operator wrote. Errors quote what a file holds, so it must not lead out
/// of its folder.
pub(super) fn read_within_folder(file: &Path) -> Result<String, String> {
    let unreadable = |error| format!("cannot be read: {error}");
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(unreadable)?;
    let resolved = regular_file::resolve(file)?;
    if !resolved.starts_with(&folder) {
        let (leads_to, folder) = (resolved.display(), folder.display());
        return Err(format!("leads to {leads_to}, expected a file within {folder}"));
    }
    read_text(regular_file::open(&resolved)?)
}

fn check(
    text: &str,
    path: &Path,
    env: &[(String, String)],
    last_good: &Fragments,
    files: &mut Fingerprint,
) -> Result<Loaded, ConfigErrors> {
    let main = read_main(text, path, env, files).map_err(|problems| ConfigErrors::new(path, problems))?;
    let Main {
        mut config,
        mut in_force,
        apis,
        include,
        fragments,
        has_sealing,
        has_plans,
        problems,
        warnings: mut own,
        unknown_apis,
    } = main;
    files.extend(Fingerprint::of(fragments.iter().map(PathBuf::as_path)));
    let plans = has_plans.then_some(&config.plans);
    let context = MainFile { path, env, grants: &in_force.grants, has_sealing, plans };
    let Judged {
        raw,
        apis: of_fragments,
        unavailable,
        taken,
        refused,
        last_good,
        warnings: of_others,
        files: named,
    } = fragment::judge(&fragments, context, last_good);
    files.extend(named);
    if !problems.is_empty() {
        let refused = refused.into_iter().map(|fragment| fragment.errors);
        return Err(ConfigErrors::new(path, problems).and(refused));
    }
    let is_there = |name: &ApiName| of_fragments.iter().any(|api| api.name == *name);
    own.extend(unknown_apis.into_iter().filter(|(name, _)| !is_there(name)).map(|(_, problem)| problem));
    let mut warnings = ConfigWarnings::default();
    for (file, found) in iter::once((path.to_owned(), own)).chain(of_others) {
        warnings.add(&file, found);
    }
    config.apis.extend(of_fragments);
    config.unavailable = unavailable;
    in_force.apis = apis.into_iter().map(|(_, api)| api).chain(raw).collect();
    Ok(Loaded {
        config,
        warnings,
        taken,
        refused,
        fragments: last_good,
        include,
        files: files.clone(),
        in_force,
    })
}

/// What the main file says.
struct Main {
    config: Config,
    in_force: RawConfig,
    /// Those whose shape is right, each with its place in the list.
    apis: Vec<(usize, RawApi)>,
    include: Include,
    /// The files that are there.
    fragments: Vec<PathBuf>,
    /// Whether it has a section `sealing`, good or bad.
    has_sealing: bool,
    /// Whether its plans can be told.
    has_plans: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// The APIs that administrators are confined to and that this file has not, each with what is to be said if no
    /// fragment has it either.
    unknown_apis: Vec<(ApiName, Problem)>,
}

/// As error the problems of a file about which nothing more can be said.
fn read_main(
    text: &str,
    path: &Path,
    env: &[(String, String)],
    files: &mut Fingerprint,
) -> Result<Main, Vec<Problem>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    let Some(mut root) = yaml::read(text, None, &mut problems) else {
        return Err(problems);
    };
    overrides::apply(&mut root, env, &mut problems);
    problems.extend(shape::check(&root, &schema()));
    let has_shape = problems.is_empty();
    // Without the grants nothing can be said of the fragments.
    let has_grants = problems.iter().all(|problem| problem.part() != "grants");
    // Without the plans nothing can be said of those who name one.
    let has_plans = problems.iter().all(|problem| problem.part() != "plans");
    let mut sound = Sound::new(&root, &mut problems);
    let apis = sound.apis();
    let Some(in_force) = sound.sections() else {
        return Err(problems);
    };
    let mut report = Report::new(&root, folder, env);
    let config = in_force.check(&apis, folder, &mut report);
    if has_plans {
        let apis_at = Place::Root.field("apis");
        for ((index, _), api) in apis.iter().zip(&config.apis) {
            plans::check_use(api, &config.plans, &apis_at.item(*index), &mut report);
        }
    }
    // A misspelt `apis` is one mistake, not two.
    if has_shape && apis.is_empty() && in_force.include.is_none() {
        let message = "found no API, expected one at least, here or in files that `include` names";
        report.add(&Place::Root.field("apis"), message);
    }
    let mut unknown_apis = Vec::new();
    if problems.iter().all(|problem| !problem.part().starts_with("apis")) {
        administrators::each_confined_api(&in_force, &mut |name, at| {
            if config.apis.iter().any(|api| api.name == *name) {
                return;
            }
            // A fragment may come, go, or be refused, and must not take the whole configuration with it.
            if in_force.include.is_some() {
                let message = format!("found `{name}`, which is no API as long as no fragment has it");
                unknown_apis.push((name.clone(), Problem::new(report.origin_of(at), at, message)));
            } else {
                report.add(at, format!("found `{name}`, expected the name of an API in `apis`"));
            }
        });
    }
    let include = in_force.include.as_ref().filter(|_| has_grants);
    let include = include.map(|include| include.within(folder)).unwrap_or_default();
    let fragments = include.files().unwrap_or_else(|message| {
        report.add(&Place::Root.field("include"), message);
        Vec::new()
    });
    let has_sealing = report.is_written(&Place::Root.field("sealing"));
    let found = report.finish();
    problems.extend(found.problems);
    files.extend(found.files);
    let warnings = found.warnings;
    Ok(Main {
        config,
        in_force,
        apis,
        include,
        fragments,
        has_sealing,
        has_plans,
        problems,
        warnings,
        unknown_apis,
    })
}
