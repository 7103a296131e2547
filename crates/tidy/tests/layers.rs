//! Layers of the engine: each may use only what stands above it.

use fileheap_tidy::{rust, tree};

/// The layers in order, and what lower ones each may use besides the ones above it: nothing.
/// `error` is everybody's, and so is `effort` in tests. `os` stands below `format` because the
/// bulletin, which it maps, is a struct of the format. `alloc` and `catalog` know no transaction:
/// each states what it asks of the one around it as a trait (`Ground`, `Cells`) that `heap`
/// implements, and neither knows the other.
const LAYERS: [(&str, &[&str]); 7] = [
    ("format", &[]),
    ("os", &["format"]),
    ("log", &["format", "os"]),
    ("txn", &["format", "os", "log"]),
    ("alloc", &["format"]),
    ("catalog", &["format"]),
    ("heap", &["format", "os", "log", "txn", "alloc", "catalog"]),
];

#[test]
fn every_layer_uses_only_those_above_it() {
    let mut strange = Vec::new();
    for file in tree::files(".rs") {
        let Some(inner) = file.path.strip_prefix("crates/fileheap-core/src/") else { continue };
        let own = inner.split(['/', '.']).next().unwrap_or_default();
        if ["lib", "error", "effort"].contains(&own) {
            continue;
        }
        let Some((_, above)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
            strange.push(format!("{} belongs to no layer", file.path));
            continue;
        };
        for (index, line) in rust::bare(&file.text).lines().enumerate() {
            for used in line.split("crate::").skip(1).flat_map(names) {
                let layer = LAYERS.iter().any(|(layer, _)| *layer == used);
                if layer && used != own && !above.contains(&used.as_str()) {
                    strange.push(format!("{}:{}: {own} uses {used}", file.path, index + 1));
                }
            }
        }
    }
    tree::none("layers used from above", &strange);
}

/// The module, or the modules in braces, that follow `crate::`.
fn names(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim().chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
    };
    match rest.strip_prefix('{') {
        Some(list) => list.split([',', '}']).map(word).collect(),
        None => vec![word(rest)],
    }
}

#[test]
fn system_calls_are_in_os_only() {
    let mut strange = Vec::new();
    for file in tree::files(".rs") {
        let Some(inner) = file.path.strip_prefix("crates/fileheap-core/src/") else { continue };
        // Error numbers are constants, not calls.
        let is_allowed = inner.starts_with("os") || inner == "error.rs";
        if !is_allowed && rust::bare(&file.text).contains("libc::") {
            strange.push(file.path);
        }
    }
    tree::none("libc outside os/", &strange);
}
