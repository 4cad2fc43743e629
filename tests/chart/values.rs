//! The schema of the values and their documentation are of one piece with the program: `config` is what `doorward config schema`
//! says, and the table in docs/kubernetes.md is made from the schema and the defaults.

use std::{collections::BTreeSet, fmt::Write, fs, process::Command};

use serde_json::{Map, Value, json};

use crate::{check, root, yaml};

const SCHEMA: &str = "helm/values.schema.json";
const PAGE: &str = "docs/kubernetes.md";

fn schema() -> Value {
    let text = fs::read_to_string(root().join(SCHEMA)).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

/// The names of definitions that a part of a schema refers to.
fn references(part: &Value, found: &mut Vec<String>) {
    match part {
        Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
        Value::Object(entries) => {
            let name = entries.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix("#/$defs/"));
            found.extend(name.map(str::to_owned));
            entries.values().for_each(|entry| references(entry, found));
        }
        _ => {}
    }
}

#[test]
fn the_schema_of_the_configuration_is_the_programs() {
    let said =
        Command::new(env!("CARGO_BIN_EXE_doorward")).args(["config", "schema"]).output().expect("it runs");
    let program: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let mut properties = program["properties"].as_object().expect("properties").clone();
    properties.shift_remove("listen").expect("it is the chart's own");
    let mut waiting = Vec::new();
    properties.values().for_each(|property| references(property, &mut waiting));
    // It stands here so that a template, which can say why, refuses it.
    properties.insert(
        "listen".into(),
        json!({ "description": "The chart's own: set `listeners`, `tls` and `admin`." }),
    );

    let mut reached = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if reached.insert(name.clone()) {
            references(&program["$defs"][&name], &mut waiting);
        }
    }
    let definitions = program["$defs"].as_object().expect("definitions").iter();
    let definitions: Map<String, Value> = definitions
        .filter(|(name, _)| reached.contains(*name))
        .map(|(name, definition)| (name.clone(), definition.clone()))
        .collect();

    let mut expected = schema();
    expected["properties"]["config"]["properties"] = properties.into();
    expected["$defs"] = definitions.into();
    check(SCHEMA, &(serde_json::to_string_pretty(&expected).expect("JSON") + "\n"));
}

/// A row for each value that has a default, by its path.
fn rows(properties: &Value, defaults: &Value, above: &str, table: &mut String) {
    for (name, property) in properties.as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        let Some(default) = defaults.get(name) else {
            // What Helm hands over by itself.
            assert!(
                ["global", "enabled"].contains(&path.as_str()) || !above.is_empty(),
                "{path} has no default"
            );
            continue;
        };
        if property.get("properties").is_some() && default != &json!({}) && path != "config" {
            rows(&property["properties"], default, &format!("{path}."), table);
            continue;
        }
        let says = property["description"].as_str().unwrap_or_else(|| panic!("{path} has no description"));
        let choices: Vec<String> = property["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|value| format!("`{}`", value.as_str().unwrap_or_default()))
            .collect();
        let choices =
            if choices.is_empty() { String::new() } else { format!(" One of {}.", choices.join(", ")) };
        let default = if path == "config" { "see values.yaml".to_owned() } else { format!("`{default}`") };
        writeln!(table, "| `{path}` | {default} | {says}{choices} |").expect("text");
    }
}

#[test]
fn every_value_is_documented() {
    let defaults = fs::read_to_string(root().join("helm/values.yaml")).expect("the values");
    let mut table = "| value | default | says |\n|---|---|---|\n".to_owned();
    let defaults = &yaml::documents(&defaults)[0];
    rows(&schema()["properties"], defaults, "", &mut table);
    for name in defaults.as_object().expect("a mapping").keys() {
        assert!(schema()["properties"].get(name).is_some(), "{name} has a default, and is not in the schema");
    }
    let page = fs::read_to_string(root().join(PAGE)).expect("the page");
    let (before, rest) = page.split_once("<!-- values -->\n").expect("the table begins");
    let (_, after) = rest.split_once("<!-- /values -->").expect("the table ends");
    check(PAGE, &format!("{before}<!-- values -->\n{table}<!-- /values -->{after}"));
}
