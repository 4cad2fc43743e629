//! The house rules that no compiler knows. A rule that is broken names the place.

#![expect(clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms of the crate: each may use those before it.
const ROOMS: [&[&str]; 7] = [
    &["domain"],
    &["config"],
    &["telemetry"],
    &["store"],
    &["check", "admin"],
    &["server"],
    &["cli"],
];

/// The stages of a Check, in the order of their work: each may use those before it.
const STAGES: [&str; 9] = [
    "refusal",
    "request",
    "route",
    "authn",
    "authz",
    "rate_limit",
    "decision",
    "response",
    "record",
];

/// Names under which anything could stand.
const BANNED: [&str; 6] = ["utils", "common", "helpers", "types", "models", "misc"];

/// Beyond this, a file holds more than one thing.
const FILE_LINES_MAX: usize = 400;

/// A source file: its path below `src`, split into parts, and its text.
struct Source {
    path: PathBuf,
    parts: Vec<String>,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file is text");
                let below = path
                    .strip_prefix(&root)
                    .expect("it lies below src")
                    .with_extension("");
                let parts = below
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect();
                found.push(Source { path, parts, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// The names that follow `prefix` in the code of a file, with the lines they stand in: `crate::NAME` and, one
/// level down, what a braced list `crate::{…}` begins its items with.
fn used(text: &str, prefix: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let joined = code.join("\n");
    let mut names = Vec::new();
    for (at, _) in joined.match_indices(prefix) {
        let line = joined[..at].matches('\n').count() + 1;
        let rest = &joined[at + prefix.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            names.extend(first_names(list).into_iter().map(|name| (line, name)));
        } else {
            names.push((line, identifier(rest)));
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first name of each item of a braced list, whose opening brace is read already.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0_i32, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(identifier(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(identifier(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let rank = |room: &str| ROOMS.iter().position(|rooms| rooms.contains(&room));
    let mut wrong = Vec::new();
    for source in sources() {
        let own = source.parts[0].as_str();
        let Some(own_rank) = rank(own) else {
            assert!(
                ["lib", "main"].contains(&own),
                "{} stands in no room",
                source.path.display()
            );
            continue;
        };
        for (line, other) in used(&source.text, "crate::") {
            let allowed = other == own || rank(&other).is_none_or(|other_rank| other_rank < own_rank);
            if !allowed {
                wrong.push(format!("{}:{line}: {own} uses {other}", source.path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "the import direction is broken:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_stage_uses_only_the_stages_before_it() {
    let rank = |stage: &str| STAGES.iter().position(|name| *name == stage);
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.parts[0] == "check" && source.parts[1] != "mod")
    {
        let own = source.parts[1].as_str();
        let own_rank = rank(own).unwrap_or_else(|| panic!("{} is no stage", source.path.display()));
        // From the file that is the stage itself, `super` is `check`; from one below it, `super::super` is.
        let is_stage = source.parts.len() == 2 || source.parts[2] == "mod";
        let up = if is_stage { "super::" } else { "super::super::" };
        // Unit tests stand inside a module of their own, where `super` is the file.
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for prefix in ["crate::check::", up] {
            for (line, other) in used(code, prefix) {
                if rank(&other).is_some_and(|other_rank| other_rank > own_rank) {
                    wrong.push(format!("{}:{line}: {own} uses {other}", source.path.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "the order of the stages is broken:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_module_has_a_name_under_which_anything_could_stand() {
    for source in sources() {
        for part in &source.parts {
            assert!(
                !BANNED.contains(&part.as_str()),
                "{} has a banned name",
                source.path.display()
            );
        }
    }
}

#[test]
fn no_file_is_overlong() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines: split it",
            source.path.display()
        );
    }
}

#[test]
fn no_product_is_named_in_the_code() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut products = Vec::new();
    for entry in fs::read_dir(examples).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).expect("the file is text");
            let apis = text.split_once("\napis:").map_or("", |(_, apis)| apis);
            products.extend(
                apis.lines()
                    .filter_map(|line| line.strip_prefix("  - name: "))
                    .map(str::to_owned),
            );
        }
    }
    assert!(!products.is_empty(), "no example names a product");
    for source in sources() {
        for product in &products {
            assert!(
                !source.text.contains(product.as_str()),
                "{} names {product}",
                source.path.display()
            );
        }
    }
}

#[test]
fn the_changelog_knows_the_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).expect("there is a changelog");
    let version = env!("CARGO_PKG_VERSION");
    let known = changelog.contains("## [Unreleased]") || changelog.contains(&format!("## [{version}]"));
    assert!(known, "the changelog says nothing of {version}");
}
