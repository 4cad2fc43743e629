//! Where the configuration is looked for.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::overrides::FILE_VARIABLE;

/// The places that are tried where none is named.
const USUAL: [&str; 2] = ["./doorward.yaml", "/etc/doorward/doorward.yaml"];

/// Finds the configuration: the file `named` on the command line, else that of `$DOORWARD_CONFIG`, else
/// `./doorward.yaml`, else `/etc/doorward/doorward.yaml`. A file that is named must be there: the search does not
/// go on to another one.
///
/// # Errors
///
/// [`NotFound`], which says all that was looked for.
pub fn find(named: Option<&Path>, env: &[(String, String)]) -> Result<PathBuf, NotFound> {
    let variable = env.iter().find(|(name, _)| name == FILE_VARIABLE);
    let variable = variable.map(|(_, path)| Path::new(path));
    let candidates: Vec<PathBuf> = match named.or(variable) {
        Some(path) => vec![path.to_owned()],
        None => USUAL.map(PathBuf::from).into(),
    };
    let found = candidates.into_iter().find(|path| path.exists());
    found.ok_or_else(|| NotFound { named: named.map(Path::to_owned), variable: variable.map(Path::to_owned) })
}

/// There is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotFound {
    /// The file named on the command line.
    named: Option<PathBuf>,
    /// The file named in the environment.
    variable: Option<PathBuf>,
}

/// What was looked for, and what to do next.
impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no configuration. Looked for, in this order:\n")?;
        match (&self.named, &self.variable) {
            (Some(path), _) => writeln!(f, "  --config {}: no such file", path.display())?,
            (None, Some(path)) => {
                writeln!(f, "  --config: not given")?;
                writeln!(f, "  ${FILE_VARIABLE}={}: no such file", path.display())?;
            }
            (None, None) => {
                writeln!(f, "  --config: not given")?;
                writeln!(f, "  ${FILE_VARIABLE}: not set")?;
                for path in USUAL {
                    writeln!(f, "  {path}: no such file")?;
                }
            }
        }
        f.write_str(
            "Write one (`doorward config schema` describes it) and name it with `--config FILE`, or put it in one of \
             these places.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_named_is_taken_or_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("here.yaml");
        std::fs::write(&file, "").expect("a file");
        let missing = folder.path().join("missing.yaml");
        let env = |path: &Path| vec![(FILE_VARIABLE.to_owned(), path.display().to_string())];

        assert_eq!(find(Some(&file), &env(&missing)), Ok(file.clone()));
        assert_eq!(find(None, &env(&file)), Ok(file.clone()));
        let error = find(Some(&missing), &env(&file)).expect_err("no file").to_string();
        assert!(error.contains("--config") && error.contains("missing.yaml: no such file"), "{error}");
        let error = find(None, &env(&missing)).expect_err("no file").to_string();
        assert!(
            error.contains("$DOORWARD_CONFIG=") && error.contains("missing.yaml: no such file"),
            "{error}"
        );
    }

    #[test]
    fn where_none_is_named_all_that_was_looked_for_is_told() {
        let error = NotFound { named: None, variable: None }.to_string();
        for place in [
            "--config: not given",
            "$DOORWARD_CONFIG: not set",
            "./doorward.yaml: no",
            "/etc/doorward/doorward.yaml: no",
        ] {
            assert!(error.contains(place), "{error}");
        }
    }
}
