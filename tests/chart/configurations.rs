//! What is rendered for Doorward and for Envoy is taken by them. Of what they name, only the folder is another here.

use std::{fs, path::Path, process::Command, sync::LazyLock};

use serde_json::Value;
use tempfile::TempDir;

use crate::{RENDERED, part, root, yaml};

/// The texts of this name in each `ConfigMap` of these manifests.
fn texts(manifests: &str, file: &str) -> Vec<String> {
    let documents = yaml::documents(manifests).into_iter().filter(|document| document["kind"] == "ConfigMap");
    documents.filter_map(|document| document["data"][file].as_str().map(str::to_owned)).collect()
}

/// The documents of a store that stand in these manifests, by the names of their files.
fn documents(manifests: &str) -> Vec<(String, String)> {
    let maps = yaml::documents(manifests).into_iter().filter(|document| document["kind"] == "ConfigMap");
    let maps =
        maps.filter(|map| map["metadata"]["name"].as_str().is_some_and(|name| name.ends_with("-documents")));
    let files = maps.flat_map(|map| map["data"].as_object().cloned().unwrap_or_default());
    files.map(|(name, text)| (name, text.as_str().unwrap_or_default().to_owned())).collect()
}

/// Everything that is rendered, and the example without Helm.
fn manifests() -> Vec<(String, String)> {
    let example = fs::read_to_string(root().join("examples/sidecar.yaml")).expect("the example");
    let rendered = RENDERED.iter().map(|rendered| (rendered.case.clone(), rendered.manifests.clone()));
    rendered.chain([("examples/sidecar.yaml".to_owned(), example)]).collect()
}

/// The texts of a configuration that lie below `folder`, whether or not a kind stands before: `files:/…`.
fn named<'c>(config: &'c Value, folder: &str, found: &mut Vec<&'c str>) {
    match config {
        Value::String(text) => found.extend(text.find(folder).map(|at| &text[at..])),
        Value::Array(entries) => entries.iter().for_each(|entry| named(entry, folder, found)),
        Value::Object(entries) => entries.values().for_each(|entry| named(entry, folder, found)),
        _ => {}
    }
}

/// A certificate of nobody's, and its key: all that is named here is of one identity.
static IDENTITY: LazyLock<(String, String)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["doorward".to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
});

/// Makes a file with what its name promises. Whatever is no certificate is a secret, long enough for all of them.
fn make(path: &Path) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("crt") => IDENTITY.0.clone(),
        Some("key") => IDENTITY.1.clone(),
        _ => "0123456789abcdef".repeat(4),
    };
    fs::write(path, text).expect("it can be written");
}

/// Makes what a configuration of Doorward names: folders in `grants`, of documents and of fragments, files elsewhere.
fn make_named(config: &Value, folder: &str) {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    named(&config["grants"], folder, &mut folders);
    named(config, folder, &mut files);
    for path in files {
        if folders.contains(&path) || path.ends_with("/documents") {
            fs::create_dir_all(path).expect("it can be made");
        } else if path.contains('*') {
            fs::create_dir_all(Path::new(path).parent().expect("a folder")).expect("it can be made");
        } else {
            make(Path::new(path));
        }
    }
}

#[test]
fn doorward_takes_its_configuration() {
    for (case, manifests) in manifests() {
        let texts = texts(&manifests, "doorward.yaml");
        assert!(!texts.is_empty(), "{case} has none");
        for text in texts {
            let folder = TempDir::new().expect("a folder");
            let elsewhere = folder.path().to_str().expect("UTF-8");
            let text = text.replace("/etc/doorward", elsewhere);
            make_named(&yaml::documents(&text)[0], elsewhere);
            for (name, document) in documents(&manifests) {
                fs::write(folder.path().join("documents").join(name), document).expect("it can be written");
            }
            let file = folder.path().join("doorward.yaml");
            fs::write(&file, text).expect("it can be written");
            let said = Command::new(env!("CARGO_BIN_EXE_doorward"))
                .args(["config", "check"])
                .arg(file)
                .env_clear()
                .output()
                .expect("doorward runs");
            assert!(said.status.success(), "{case}: {}", String::from_utf8_lossy(&said.stderr));
        }
    }
}

#[test]
fn envoy_takes_its_configuration() {
    let envoys = ["1.36.4", "1.40.0"].map(|version| part(&["envoy", version]));
    let mut taken = 0;
    for (case, manifests) in manifests() {
        for text in texts(&manifests, "envoy.yaml") {
            let folder = TempDir::new().expect("a folder");
            let elsewhere = folder.path().to_str().expect("UTF-8");
            for name in ["tls.crt", "tls.key", "ca.crt"] {
                make(&folder.path().join(name));
            }
            let file = folder.path().join("envoy.yaml");
            fs::write(&file, text.replace("/etc/envoy/doorward-tls", elsewhere)).expect("it can be written");
            for envoy in &envoys {
                let validate = ["--mode", "validate", "--log-level", "warning", "-c"];
                let said = Command::new(envoy).args(validate).arg(&file).output().expect("Envoy runs");
                let err = String::from_utf8_lossy(&said.stderr);
                assert!(said.status.success(), "{case}: {err}");
                assert!(!err.contains("deprecated"), "{case}: {err}");
            }
            taken += 1;
        }
    }
    assert!(taken > 3, "few configurations of Envoy were rendered: {taken}");
}
