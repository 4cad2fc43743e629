//! An upgrade replaces nothing that holds state, and changes nothing that Kubernetes does not let change: the values of each
//! released version, rendered by today's chart, give the same names, selectors and claims as then.
//!
//! `released/VERSION` has values as they were with that version, and `state.txt`, which is written once, when it is not there.

use std::{fmt::Write, fs, path::Path};

use serde_json::Value;

use crate::{files, helm::NEWEST, name, root, yaml};

/// A line for each thing that holds state or that can never change.
fn state(manifests: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for document in yaml::documents(manifests) {
        let [kind, name] =
            [&document["kind"], &document["metadata"]["name"]].map(|text| text.as_str().unwrap_or(""));
        let spec = &document["spec"];
        let kept = match kind {
            "PersistentVolumeClaim" => {
                let keep = &document["metadata"]["annotations"]["helm.sh/resource-policy"];
                Some(format!("{keep} {} {}", spec["accessModes"], spec["resources"]["requests"]["storage"]))
            }
            "Deployment" => {
                let template = &spec["template"]["spec"];
                let claims = select(&template["volumes"], &["persistentVolumeClaim", "claimName"]);
                let secrets = select(&template["volumes"], &["secret", "secretName"]);
                Some(format!("{} claims {claims} secrets {secrets}", spec["selector"]))
            }
            "Service" => Some(format!("{} address {}", spec["selector"], spec["clusterIP"])),
            "Certificate" => Some(spec["secretName"].to_string()),
            _ => None,
        };
        lines.extend(kept.map(|kept| format!("{kind} {name}: {kept}")));
    }
    lines.sort();
    lines
}

/// What stands at this path in each of the entries that have it.
fn select(entries: &Value, path: &[&str]) -> Value {
    let found =
        entries.as_array().into_iter().flatten().map(|entry| path.iter().fold(entry, |at, step| &at[*step]));
    found.filter(|value| !value.is_null()).cloned().collect()
}

fn state_of_all(folder: &Path, version: &str) -> String {
    let mut text = String::new();
    for values in files(&format!("released/{version}")) {
        if values.extension().is_some_and(|extension| extension == "yaml") {
            let manifests = NEWEST.render(&values, &root().join("helm"));
            for line in state(&manifests) {
                writeln!(text, "{}: {line}", name(&values)).expect("text");
            }
        }
    }
    assert!(!text.is_empty(), "{} holds no state", folder.display());
    text
}

#[test]
fn an_upgrade_replaces_nothing_that_holds_state() {
    let versions: Vec<String> = files("released")
        .iter()
        .map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert!(versions.contains(&env!("CARGO_PKG_VERSION").to_owned()), "this version's values are not kept");
    for version in versions {
        let folder = root().join("tests/chart/released").join(&version);
        let (file, now) = (folder.join("state.txt"), state_of_all(&folder, &version));
        if !file.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &now).expect("it can be written");
        }
        let then = fs::read_to_string(&file).expect("what the version had");
        assert_eq!(now, then, "an upgrade from {version} would lose state, or be refused by Kubernetes");
    }
}
