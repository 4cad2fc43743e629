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
    &["store", "counters"],
    &["check", "admin"],
    &["server"],
    &["cli"],
];

/// The stages of a Check and what they have in common, in the order of their work: each may use those before it.
const STAGES: [&str; 11] = [
    "refusal",
    "wire",
    "request",
    "route",
    "authn",
    "authz",
    "rate_limit",
    "decision",
    "response",
    "record",
    "usage",
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
                let below = path.strip_prefix(&root).expect("it lies below src").with_extension("");
                let parts = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                found.push(Source { path, parts, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// A path that begins with `crate::` or `super::`, and the line that it stands in. `crate::a::{b, c::d}` makes
/// two of them.
#[derive(Debug, PartialEq, Eq)]
struct Used {
    line: usize,
    parts: Vec<String>,
}

/// The paths of a file's code. Comments do not count, and neither do unit tests: they stand in a module of
/// their own, where `super` means something else.
fn used(text: &str) -> Vec<Used> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = lines.join("\n");
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = ["crate::", "super::"].iter().filter_map(|start| code[from..].find(start)).min() {
        let at = from + at;
        let line = code[..at].matches('\n').count() + 1;
        let mut paths = Vec::new();
        let rest = follow(&code[at..], &[], &mut paths);
        found.extend(paths.into_iter().map(|parts| Used { line, parts }));
        from = code.len() - rest.len();
    }
    found
}

/// Reads one path, or a tree of them, that begins with `before`; returns what follows it.
fn follow<'t>(text: &'t str, before: &[String], paths: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([',', ' ', '\n']);
            match rest.strip_prefix('}') {
                Some(after) => return after,
                None if rest.is_empty() => return rest,
                None => rest = follow(rest, before, paths),
            }
        }
    }
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let path = [before, &[name.to_owned()]].concat();
    if let Some(rest) = rest.strip_prefix("::") {
        return follow(rest, &path, paths);
    }
    paths.push(path);
    // Whatever is no name and no brace (`*`, `<`, an alias) ends the path.
    let rest = rest
        .trim_start()
        .strip_prefix("as ")
        .map_or(rest, |alias| alias.trim_start_matches(char::is_alphanumeric));
    if length == 0 { rest.get(1..).unwrap_or_default() } else { rest }
}

impl Source {
    /// The modules above and including this file's own.
    fn modules(&self) -> Vec<String> {
        self.parts.iter().filter(|part| *part != "mod").cloned().collect()
    }

    /// Where a path leads, counted from the crate; `None` if it climbs out of the crate's rooms.
    fn target(&self, used: &Used) -> Option<Vec<String>> {
        if let Some(("crate", below)) = used.parts.split_first().map(|(first, below)| (first.as_str(), below))
        {
            return Some(below.to_vec());
        }
        let climbed = used.parts.iter().take_while(|part| *part == "super").count();
        let modules = self.modules();
        let left = modules.len().checked_sub(climbed).filter(|left| *left > 0)?;
        Some([modules.get(..left)?, used.parts.get(climbed..)?].concat())
    }
}

#[test]
fn a_path_is_read_in_every_form() {
    let text =
        "use crate::{a::{b, c::D as E}, f};\nlet x = super::super::g::h(crate::i::J::new()); // crate::no";
    let read: Vec<String> =
        used(text).iter().map(|used| format!("{} {}", used.line, used.parts.join("::"))).collect();
    let expected =
        ["1 crate::a::b", "1 crate::a::c::D", "1 crate::f", "2 super::super::g::h", "2 crate::i::J::new"];
    assert_eq!(read, expected);
}

/// The line of a path, and where it leads to; `None` if it climbs out of its room.
type Edge = (usize, Option<Vec<String>>);

/// Every path of every file.
fn edges() -> Vec<(Source, Vec<Edge>)> {
    let edges = |source: Source| {
        let targets = used(&source.text).iter().map(|used| (used.line, source.target(used))).collect();
        (source, targets)
    };
    sources().into_iter().map(edges).collect()
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let rank = |room: &str| ROOMS.iter().position(|rooms| rooms.contains(&room));
    let mut wrong = Vec::new();
    for (source, targets) in edges() {
        let own = source.parts[0].as_str();
        let Some(own_rank) = rank(own) else {
            assert!(["lib", "main"].contains(&own), "{} stands in no room", source.path.display());
            continue;
        };
        for (line, target) in targets {
            let place = format!("{}:{line}", source.path.display());
            match target.as_ref().and_then(|target| target.first()) {
                None => wrong.push(format!("{place}: `super` climbs out of {own}: say `crate::`")),
                Some(room) if room == own || rank(room).is_none_or(|rank| rank < own_rank) => {}
                Some(room) => wrong.push(format!("{place}: {own} uses {room}")),
            }
        }
    }
    assert!(wrong.is_empty(), "the import direction is broken:\n{}", wrong.join("\n"));
}

#[test]
fn a_stage_uses_only_the_stages_before_it() {
    let rank = |stage: &str| STAGES.iter().position(|name| *name == stage);
    let mut wrong = Vec::new();
    for (source, targets) in edges() {
        let modules = source.modules();
        let [room, own, ..] = modules.as_slice() else {
            continue;
        };
        if room != "check" {
            continue;
        }
        let own_rank = rank(own).unwrap_or_else(|| panic!("{} is no stage", source.path.display()));
        for (line, target) in targets {
            let Some([room, stage, ..]) = target.as_deref() else {
                continue;
            };
            if room == "check" && rank(stage).is_some_and(|rank| rank > own_rank) {
                wrong.push(format!("{}:{line}: {own} uses {stage}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "the order of the stages is broken:\n{}", wrong.join("\n"));
}

#[test]
fn no_module_has_a_name_under_which_anything_could_stand() {
    for source in sources() {
        for part in &source.parts {
            assert!(!BANNED.contains(&part.as_str()), "{} has a banned name", source.path.display());
        }
    }
}

#[test]
fn no_file_is_overlong() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines: split it", source.path.display());
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
            products
                .extend(apis.lines().filter_map(|line| line.strip_prefix("  - name: ")).map(str::to_owned));
        }
    }
    assert!(!products.is_empty(), "no example names a product");
    for source in sources() {
        for product in &products {
            assert!(!source.text.contains(product.as_str()), "{} names {product}", source.path.display());
        }
    }
}
