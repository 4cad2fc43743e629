//! The chart, as operators use it: rendered by real Helm, of both versions, for each file in `cases`; judged by the schemas of
//! Kubernetes and of the meshes; its configurations given to Doorward and to real Envoys. `UPDATE_GOLDEN=1` writes `golden`,
//! the schema of `config` and the table of values anew.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by ending"
)]

mod configurations;
mod helm;
mod refusals;
mod released;
mod values;
mod yaml;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use helm::{Helm, NEWEST, OLDEST};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A real part, as `tests/parts.sh` gets it. Without it the test fails: none is skipped.
fn part(words: &[&str]) -> PathBuf {
    let got = Command::new(root().join("tests/parts.sh")).args(words).output().expect("bash");
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    PathBuf::from(String::from_utf8_lossy(&got.stdout).trim())
}

/// The files of a folder below `tests/chart`, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/chart").join(folder)).expect("the folder is readable");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the entry is readable").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

/// The name of a file without its extension.
fn name(file: &Path) -> String {
    file.file_stem().expect("a file").to_string_lossy().into_owned()
}

/// Fails unless a file of the project is what it should be.
fn check(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        fs::write(&file, expected).expect("it can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(found == expected, "{path} differs from line {line} on: UPDATE_GOLDEN=1 writes it anew");
}

/// What a case renders to, and what an operator is told then.
struct Rendered {
    case: String,
    manifests: String,
    notes: String,
}

/// Every case, rendered by both versions of Helm, which agree.
static RENDERED: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
    let render = |file: PathBuf| {
        let [oldest, newest] = [OLDEST, NEWEST].map(|helm| helm.render(&file, &root().join("helm")));
        assert_eq!(oldest, newest, "{}", file.display());
        // The oldest tells this only with a cluster at hand.
        Rendered { case: name(&file), manifests: newest, notes: NEWEST.notes(&file) }
    };
    files("cases").into_iter().map(render).collect()
});

/// Fails unless an API server would take these documents.
fn judge(what: &str, manifests: &str) {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| part(&["kubernetes-validate", "1.37.0"]));
    let mut judge = Command::new(PYTHON.as_path())
        .arg(root().join("tests/chart/validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python runs");
    judge.stdin.take().expect("a pipe").write_all(manifests.as_bytes()).expect("it reads");
    let said = judge.wait_with_output().expect("it ends");
    let [out, err] = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(said.status.success(), "{what}: {out}{err}");
}

#[test]
fn helm_has_nothing_to_remark() {
    for helm in [OLDEST, NEWEST] {
        let said = helm.run(&["lint", "--strict"], &[&root().join("helm")]);
        said.expect("it is a good chart");
    }
}

#[test]
fn every_case_renders_as_it_should() {
    for Rendered { case, manifests, notes } in RENDERED.iter() {
        check(&format!("tests/chart/golden/{case}.yaml"), manifests);
        check(&format!("tests/chart/golden/{case}.txt"), notes);
    }
    let rendered =
        RENDERED.iter().flat_map(|case| [format!("{}.txt", case.case), format!("{}.yaml", case.case)]);
    let mut expected: Vec<String> = rendered.chain(["consumer.yaml".to_owned()]).collect();
    expected.sort();
    let found: Vec<String> = files("golden")
        .iter()
        .map(|file| file.file_name().expect("a file").to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, expected, "no case is left without its file, no file without its case");
}

#[test]
fn kubernetes_takes_what_is_rendered() {
    for Rendered { case, manifests, .. } in RENDERED.iter() {
        judge(case, manifests);
    }
}

#[test]
fn another_chart_has_it_as_a_sidecar() {
    let [oldest, newest] = [OLDEST, NEWEST].map(|helm: Helm| {
        let copy = helm::consumer();
        helm.render(&copy.path().join("values.yaml"), copy.path())
    });
    assert_eq!(oldest, newest);
    judge("consumer", &newest);
    check("tests/chart/golden/consumer.yaml", &newest);
}

#[test]
fn the_sidecar_without_helm_is_good_too() {
    let manifest = fs::read_to_string(root().join("examples/sidecar.yaml")).expect("the example");
    judge("examples/sidecar.yaml", &manifest);
}

#[test]
fn chart_image_and_binary_are_in_step() {
    let folder = tempfile::tempdir().expect("a folder");
    for helm in [OLDEST, NEWEST] {
        let destination = folder.path().to_str().expect("UTF-8");
        helm.run(&["package", "--destination", destination], &[&root().join("helm")]).expect("a package");
        let package = folder.path().join(concat!("doorward-", env!("CARGO_PKG_VERSION"), ".tgz"));
        fs::remove_file(&package).expect("the package has the version of the binary");
    }
    let chart = fs::read_to_string(root().join("helm/Chart.yaml")).expect("the chart");
    let chart = &yaml::documents(&chart)[0];
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let image = fs::read_to_string(root().join("Dockerfile")).expect("the Dockerfile");
    let label = concat!("org.opencontainers.image.version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(image.contains(label), "the image has the version of the binary");
}
