//! Licences of everything that is linked: each crate of each lock file has one that we accept.

use fileheap_tidy::{cargo, tree};

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
/// Tools whose own files are under a licence that asks for changes to them to be published.
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

#[test]
fn licences_are_accepted() {
    let mut refused = Vec::new();
    for manifest in ["Cargo.toml", "r/fileheap/src/rust/Cargo.toml"] {
        let mut others = cargo::packages(manifest);
        others.retain(|package| !package["source"].is_null());
        assert!(!others.is_empty(), "{manifest} has dependencies");
        for package in others {
            let name = package["name"].as_str().unwrap_or_default();
            let licence = package["license"].as_str().unwrap_or_default();
            if !is_accepted(licence) && !WEAK.contains(&(name, licence)) {
                refused.push(format!("{manifest}: {name} {}: {licence:?}", package["version"]));
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
