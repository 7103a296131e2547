//! The files of the repository.

use std::path::{Path, PathBuf};

/// A text file, named from the root of the repository.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its path from the root, with slashes.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("two folders above crates/tidy").to_path_buf()
}

/// Every file whose name ends so, in the folders of the repository that hold our work.
#[must_use]
pub fn files(end: &str) -> Vec<Text> {
    let mut found = Vec::new();
    walk(&root(), &mut |path| {
        let name = path.strip_prefix(root()).expect("below the root");
        let path_text = name.to_string_lossy().replace('\\', "/");
        if path_text.ends_with(end) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            found.push(Text { path: path_text, text });
        }
    });
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// One file by its path.
#[must_use]
pub fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn walk(folder: &Path, found: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let made = ["target", "corpus", "artifacts", "coverage", ".git"];
        if made.contains(&name.as_ref()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() { walk(&path, found) } else { found(&path) }
    }
}

/// Fails with all that was found, one line each.
pub fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}
