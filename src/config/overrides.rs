//! The environment's say: `DOORWARD_A__B=value` sets `a.b`.
//!
//! The value is read as YAML. Names are lower-cased; an entry of a list is named by its number, from 0 on,
//! and the number after the last adds an entry.

use super::{
    place::Place,
    problem::Problem,
    tree::{Content, Member, Node},
    yaml,
};

const PREFIX: &str = "DOORWARD_";
/// Names the file, and so cannot stand in it.
pub(super) const FILE_VARIABLE: &str = "DOORWARD_CONFIG";
/// Tell commands which server to ask and with what token, and are no configuration of a server.
const OFFICE_VARIABLES: [&str; 2] = ["DOORWARD_ADMIN", "DOORWARD_ADMIN_TOKEN"];

/// Puts the variables of `env` into the tree, in the order of their names, so that `DOORWARD_A` comes
/// before `DOORWARD_A__B`, and `…__9` before `…__10`.
pub(super) fn apply(root: &mut Node, env: &[(String, String)], problems: &mut Vec<Problem>) {
    let mut overrides: Vec<_> = env
        .iter()
        .filter(|(name, value)| {
            name != FILE_VARIABLE
                && !OFFICE_VARIABLES.contains(&name.as_str())
                && !is_service_link(name, value)
        })
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .collect();
    overrides.sort_by_cached_key(|(_, path, _)| {
        let steps = path.split("__").map(|step| (step.parse().unwrap_or(usize::MAX), (*step).to_owned()));
        steps.collect::<Vec<_>>()
    });
    for (name, path, value) in overrides {
        let Some(node) = yaml::read(value, Some(name), problems) else {
            continue;
        };
        let path = path.to_ascii_lowercase();
        problems.extend(set(root, &mut path.split("__"), node, &Place::Root).err());
    }
}

/// Whether Kubernetes made this variable for a Service called `doorward` or `doorward-…`, as it does for
/// every Service of a namespace: `…_SERVICE_HOST`, `…_SERVICE_PORT…`, `…_PORT…` (the Docker links).
fn is_service_link(name: &str, value: &str) -> bool {
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let docker = |(_, rest): (&str, &str)| rest.starts_with(|first: char| first.is_ascii_digit());
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || (name.ends_with("_PORT") && is_address)
            || name.split_once("_PORT_").is_some_and(docker))
}

/// Puts `value` at the end of `path`, below the node at `at`, and makes what is missing on the way there. That a
/// name made so is a known one is left to the check of the tree's shape.
fn set<'p>(
    node: &mut Node,
    path: &mut impl Iterator<Item = &'p str>,
    value: Node,
    at: &Place<'_>,
) -> Result<(), Problem> {
    let Some(step) = path.next() else {
        *node = value;
        return Ok(());
    };
    let origin = value.origin.clone();
    let missing = Node { origin: origin.clone(), content: Content::Null };
    if matches!(node.content, Content::Null) {
        node.content = Content::Mapping(Vec::new());
    }
    match &mut node.content {
        Content::Mapping(members) => {
            if let Some(member) = members.iter_mut().find(|member| member.key == step) {
                return set(&mut member.node, path, value, &at.field(step));
            }
            let mut node = missing;
            set(&mut node, path, value, &at.field(step))?;
            members.push(Member { key: step.to_owned(), origin, node });
            Ok(())
        }
        Content::List(items) => {
            let index = step.parse().unwrap_or(usize::MAX);
            if index == items.len() {
                items.push(missing);
            }
            let count = items.len();
            match items.get_mut(index) {
                Some(item) => set(item, path, value, &at.item(index)),
                None => Err(Problem::new(
                    &origin,
                    at,
                    format!("found `{step}`, expected the number of an entry, from 0 to {count}"),
                )),
            }
        }
        _ => Err(Problem::new(
            &origin,
            at,
            format!("found a single value, expected a mapping or a list that can hold `{step}`"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overridden(file: &str, env: &[(&str, &str)]) -> (String, Vec<String>) {
        let mut problems = Vec::new();
        let mut root = yaml::read(file, None, &mut problems).expect("YAML");
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        apply(&mut root, &env, &mut problems);
        let messages = problems
            .into_iter()
            .map(|problem| format!("{}: {}: {}", problem.origin, problem.path, problem.message))
            .collect();
        (root.to_json().to_string(), messages)
    }

    #[test]
    fn a_variable_replaces_adds_and_makes_what_is_missing() {
        let file = "{store: a, apis: [{name: one}]}";
        let cases = [
            ("DOORWARD_STORE", "b", r#"{"store":"b","apis":[{"name":"one"}]}"#),
            (
                "DOORWARD_CACHE__NEGATIVE",
                "1s",
                r#"{"store":"a","apis":[{"name":"one"}],"cache":{"negative":"1s"}}"#,
            ),
            ("DOORWARD_APIS__0__NAME", "two", r#"{"store":"a","apis":[{"name":"two"}]}"#),
            ("DOORWARD_APIS__1", "{name: two}", r#"{"store":"a","apis":[{"name":"one"},{"name":"two"}]}"#),
        ];
        for (name, value, expected) in cases {
            assert_eq!(overridden(file, &[(name, value)]), (expected.to_owned(), vec![]), "{name}");
        }
    }

    #[test]
    fn the_longer_name_has_the_last_word() {
        let env = [("DOORWARD_CACHE__NEGATIVE", "1s"), ("DOORWARD_CACHE", "{positive: 2s}")];
        let (json, problems) = overridden("{}", &env);
        assert_eq!(json, r#"{"cache":{"positive":"2s","negative":"1s"}}"#);
        assert!(problems.is_empty());
    }

    #[test]
    fn what_cannot_be_set_is_told_with_the_name_of_the_variable() {
        let file = "{store: a, apis: [{name: one}]}";
        let cases = [
            (
                "DOORWARD_STORE__URL",
                "b",
                "store: found a single value, expected a mapping or a list that can hold `url`",
            ),
            ("DOORWARD_APIS__2__NAME", "b", "apis: found `2`, expected the number of an entry, from 0 to 1"),
            ("DOORWARD_APIS__ONE", "b", "apis: found `one`, expected the number of an entry, from 0 to 1"),
            ("DOORWARD_APIS__0__NAME__X", "b", "apis[0].name: found a single value"),
            ("DOORWARD_STORE", "[", ": this is not YAML"),
        ];
        for (name, value, expected) in cases {
            let (_, problems) = overridden(file, &[(name, value)]);
            assert_eq!(problems.len(), 1, "{name}");
            let problem = problems.first().expect("one problem");
            assert!(problem.starts_with(&format!("${name}: {expected}")), "{problem}");
        }
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_named_doorward_is_no_override() {
        let env = [
            ("DOORWARD_CONFIG", "/etc/doorward/doorward.yaml"),
            ("DOORWARD_ADMIN", "unix:admin.sock"),
            ("DOORWARD_ADMIN_TOKEN", "a token: {"),
            ("DOORWARD_SERVICE_HOST", "10.0.0.1"),
            ("DOORWARD_SERVICE_PORT", "9191"),
            ("DOORWARD_SERVICE_PORT_CHECK", "9191"),
            ("DOORWARD_PORT", "tcp://10.0.0.1:9191"),
            ("DOORWARD_PORT_9191_TCP_ADDR", "10.0.0.1"),
            ("DOORWARD_REDIS_SERVICE_HOST", "10.0.0.2"),
        ];
        assert_eq!(overridden("{}", &env), ("{}".to_owned(), vec![]));
    }
}
