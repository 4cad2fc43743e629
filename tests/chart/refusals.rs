//! What would be wrong is refused, with a sentence or with the field named: the first line of each file in `refused`.

use std::fs;

use crate::{
    files,
    helm::{NEWEST, OLDEST},
    root,
};

#[test]
fn what_would_be_wrong_is_refused() {
    for file in files("refused") {
        let text = fs::read_to_string(&file).expect("the file is text");
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a first line");
        for helm in [OLDEST, NEWEST] {
            let refusal = helm.template(&file, &root().join("helm")).expect_err(expected);
            // One version writes a field as `/mesh/kind`, the other as `mesh.kind`.
            let told = refusal.contains(expected) || refusal.replace('/', ".").contains(expected);
            assert!(told, "{}: expected: {expected}\nfound: {refusal}", file.display());
        }
    }
}
