//! File and environment → [`Config`].

use std::{collections::HashSet, fs::File, io::Read, path::Path};

use saphyr::{Scalar, Yaml, YamlEmitter};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Config, ConfigErrors, RawConfig,
    api::RawApi,
    overrides,
    place::Place,
    problem::{Problem, Report},
    schema, shape,
    tree::{Content, Member, Node},
    yaml,
};

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A configuration, and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    in_force: RawConfig,
}

impl Config {
    /// Reads the file at `path` and the overrides in `env` (`DOORWARD_A__B=value` sets `a.b`), and checks
    /// everything.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`] with everything that is wrong; a file that cannot be read is one of them.
    pub fn load(path: &Path, env: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
        let text = read(path).map_err(|message| ConfigErrors::new(path, vec![Problem::of_file(message)]))?;
        Self::parse(&text, path, env)
    }

    /// Does the same with the text of a file: relative paths in it are relative to the folder of `path`, which
    /// is not read.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path, env: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
        let folder = path.parent().unwrap_or(Path::new(""));
        check(text, folder, env).map_err(|problems| ConfigErrors::new(path, problems))
    }
}

impl Loaded {
    /// What is in force, defaults and overrides included, as YAML.
    ///
    /// # Errors
    ///
    /// It cannot be written as YAML: a mistake of ours.
    pub fn to_yaml(&self) -> Result<String, String> {
        let json = serde_json::to_value(&self.in_force).map_err(|error| error.to_string())?;
        let mut text = String::new();
        let emitted = YamlEmitter::new(&mut text).dump(&to_yaml(&json));
        emitted.map_err(|error| error.to_string())?;
        Ok(text.trim_start_matches("---\n").to_owned() + "\n")
    }
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
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("found more than {FILE_BYTES_MAX} bytes, expected a configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        format!("found a byte that is not UTF-8 after {before} bytes, expected YAML in UTF-8")
    })
}

fn check(text: &str, folder: &Path, env: &[(String, String)]) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(mut root) = yaml::read(text, None, &mut problems) else {
        return Err(problems);
    };
    overrides::apply(&mut root, env, &mut problems);
    problems.extend(shape::check(&root, &schema()));
    let sound = sound_parts(&root, &problems);
    problems.extend(sound.problems);
    let Some(mut in_force) = sound.sections else {
        return Err(problems);
    };
    let mut report = Report::new(&root, folder, env);
    let config = in_force.check(&sound.apis, folder, &mut report);
    problems.extend(report.into_problems());
    if !problems.is_empty() {
        return Err(problems);
    }
    in_force.apis = sound.apis.into_iter().map(|(_, api)| api).collect();
    Ok(Loaded { config, in_force })
}

/// The parts of the tree whose shape is right, so that what is wrong in one section hides nothing in another:
/// a section that is not among them stands at its default, an API is left out.
fn sound_parts(root: &Node, problems: &[Problem]) -> Sound {
    let mut sound = Sound::default();
    let Content::Mapping(members) = &root.content else {
        return sound;
    };
    let unsound: HashSet<&str> = problems.iter().map(Problem::part).collect();
    let is_sound = |place: &Place<'_>| !unsound.contains(place.to_string().as_str());
    let mut sections = Map::from_iter([("apis".to_owned(), Value::Array(Vec::new()))]);
    for Member { key, node, .. } in members {
        let at = Place::Root.field(key);
        match &node.content {
            Content::List(items) if key == "apis" => {
                let items = items.iter().enumerate().filter(|(index, _)| is_sound(&at.item(*index)));
                for (index, item) in items {
                    let api = sound.read(item.to_json(), item, &at.item(index));
                    sound.apis.extend(api.map(|api| (index, api)));
                }
            }
            _ if is_sound(&at) => {
                sections.insert(key.clone(), node.to_json());
            }
            _ => {}
        }
    }
    sound.sections = sound.read(Value::Object(sections), root, &Place::Root);
    sound
}

/// What [`sound_parts`] found.
#[derive(Default)]
struct Sound {
    sections: Option<RawConfig>,
    apis: Vec<(usize, RawApi)>,
    /// What the schema allows and the structs refuse: a mistake of ours, reported like any other.
    problems: Vec<Problem>,
}

impl Sound {
    fn read<T: DeserializeOwned>(&mut self, json: Value, node: &Node, at: &Place<'_>) -> Option<T> {
        let read = serde_json::from_value(json);
        let fault = |error| Problem::new(&node.origin, at, format!("cannot be understood: {error}"));
        read.map_err(|error| self.problems.push(fault(error))).ok()
    }
}
