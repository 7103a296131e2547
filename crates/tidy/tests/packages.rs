//! Crates that can be published say what a registry asks for, and need nothing that it lacks.

use std::path::Path;

use fileheap_tidy::{cargo, tree};

#[test]
fn manifests_are_ready() {
    let mut ours = cargo::packages("Cargo.toml");
    ours.retain(|package| package["source"].is_null());
    let is_private = |package: &serde_json::Value| package["publish"].is_array();
    let private: Vec<String> = ours
        .iter()
        .filter(|package| is_private(package))
        .map(|package| package["name"].to_string())
        .collect();
    ours.retain(|package| !is_private(package));
    assert!(ours.len() >= 5, "core, derive, fileheap, capi, fheap are published");
    let mut lacking = Vec::new();
    for package in &ours {
        let name = package["name"].as_str().expect("a name");
        for field in ["description", "license", "readme", "rust_version"] {
            if !package[field].is_string() {
                lacking.push(format!("{name}: {field}"));
            }
        }
        for field in ["keywords", "categories"] {
            if !(1..=5).contains(&package[field].as_array().map_or(0, Vec::len)) {
                lacking.push(format!("{name}: one to five {field}"));
            }
        }
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let folder = manifest.parent().expect("a folder");
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if !folder.join(file).exists() {
                lacking.push(format!("{name}: {file}"));
            }
        }
        for needed in package["dependencies"].as_array().expect("dependencies") {
            // A path alone is not enough for a registry, except where it is not asked: in tests.
            let is_for_tests = needed["kind"] == "dev";
            if needed["path"].is_string() && needed["req"] == "*" && !is_for_tests {
                lacking.push(format!("{name}: a version of {}", needed["name"]));
            }
            if private.contains(&needed["name"].to_string()) && !is_for_tests {
                lacking.push(format!("{name} needs {}, which is private", needed["name"]));
            }
        }
    }
    tree::none("manifests that lack something", &lacking);
}
