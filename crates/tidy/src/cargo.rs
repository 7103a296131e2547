//! What cargo says of packages.

use std::process::Command;

use serde_json::Value;

use crate::tree;

/// The packages of the workspace with this manifest, ours and those they need, as cargo's metadata
/// has them.
///
/// # Panics
/// If cargo refuses: a lock file is not up to date, or crates have not been fetched.
#[must_use]
pub fn packages(manifest: &str) -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(tree::root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "{manifest}: {}", String::from_utf8_lossy(&told.stderr));
    let mut told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    match told["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("cargo's packages are {other}"),
    }
}
