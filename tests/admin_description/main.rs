//! What is said of the admin API is what it is: the description for programs (`OpenAPI`) and the page for people are made
//! from the definitions and the table of methods. `UPDATE_GOLDEN=1` writes them anew.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what went wrong by ending")]

mod definitions;
mod openapi;
mod page;

use std::{collections::BTreeSet, fs, path::Path};

use doorward::admin::api::{About, METHODS};

use definitions::Definitions;

/// Fails unless a file of the project is what it should be.
fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, expected).expect("it can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(found == expected, "{path} differs from line {line} on: UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn programs_are_told_of_what_there_is() {
    let text = serde_json::to_string_pretty(&openapi::of(&Definitions::read())).expect("JSON");
    check("proto/doorward/admin/v1/openapi.json", &(text + "\n"));
}

#[test]
fn people_are_told_of_what_there_is() {
    check("docs/admin-api.md", &page::of(&Definitions::read()));
}

#[test]
fn every_method_that_is_defined_is_answered_in_both_forms() {
    let defined: BTreeSet<String> = Definitions::read().methods().map(|method| method.path).collect();
    let answered: BTreeSet<String> = METHODS.iter().map(About::grpc_path).collect();
    assert_eq!(defined, answered);
    let places: BTreeSet<String> =
        METHODS.iter().map(|about| format!("{:?} {}", about.verb, about.path)).collect();
    assert_eq!(places.len(), METHODS.len(), "each has a place of its own");
}

#[test]
fn everything_in_the_definitions_has_a_comment() {
    let definitions = Definitions::read();
    let bare: Vec<String> = definitions.uncommented().collect();
    assert!(bare.is_empty(), "without a comment: {bare:?}");
}
