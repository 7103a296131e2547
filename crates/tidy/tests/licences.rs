//! Licences of everything that is linked: each crate of each lock file has one that we accept.

use std::process::Command;

use fileheap_tidy::tree;

/// Those that ask for no more than their text beside the program.
const ACCEPTED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// Files are under it: they may be used as they are, changes to them are to be published.
const WEAK: [(&str, &str); 1] = [("cbindgen", "MPL-2.0")];

/// Whether a licence expression can be met: one of alternatives, all of what AND joins.
fn is_accepted(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let met = |one: &str| ACCEPTED.contains(&one.trim());
    // Parentheses are met with around alternatives only: "(A OR B) AND C".
    if expression.contains('(') {
        return flat.split(" AND ").all(|part| part.split(" OR ").any(met));
    }
    flat.split(" OR ").any(|part| part.split(" AND ").all(met))
}

/// Name, version and licence of what a workspace's programs need, ours left out.
fn packages(manifest: &str) -> Vec<(String, String, String)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(tree::root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "{manifest}: {}", String::from_utf8_lossy(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let all = told["packages"].as_array().expect("packages");
    let others = all.iter().filter(|package| !package["source"].is_null());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    others.map(|it| (text(&it["name"]), text(&it["version"]), text(&it["license"]))).collect()
}

#[test]
fn licences_are_accepted() {
    let mut refused = Vec::new();
    for manifest in ["Cargo.toml", "r/fileheap/src/rust/Cargo.toml"] {
        let found = packages(manifest);
        assert!(!found.is_empty(), "{manifest} has dependencies");
        for (name, version, licence) in found {
            if !is_accepted(&licence) && !WEAK.contains(&(name.as_str(), licence.as_str())) {
                refused.push(format!("{manifest}: {name} {version}: {licence:?}"));
            }
        }
    }
    tree::none("licences that nobody looked at", &refused);
}

#[test]
fn expressions_are_read() {
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
        assert!(is_accepted(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-2.0"] {
        assert!(!is_accepted(bad), "{bad}");
    }
}
