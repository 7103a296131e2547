//! The Debian packages, unpacked beside each other: the command runs, a program links.

use std::path::Path;
use std::process::Command;

/// Runs a command; it must succeed. Its output.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{wrong}", output.status);
    said
}

#[test]
fn packages_hold_what_is_needed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the repository");
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unpacked");
    let _ = std::fs::remove_dir_all(&into);
    let mut build = Command::new(root.join("scripts/deb"));
    // What cargo tells its children is not for this one.
    build.env_remove("RUSTFLAGS");
    let said = succeeds(&mut build);
    let packages: Vec<&str> = said.lines().filter(|line| line.ends_with(".deb")).collect();
    assert_eq!(packages.len(), 3, "{said}");
    for package in packages {
        succeeds(Command::new("dpkg-deb").arg("-x").arg(package).arg(&into));
        let depends = succeeds(Command::new("dpkg-deb").args(["-f", package, "Depends"]));
        assert!(depends.contains("libc6 (>= 2.") || depends.contains("libfileheap0 (= "));
    }
    let usr = into.join("usr");
    let version = succeeds(Command::new(usr.join("bin/fheap")).arg("--version"));
    assert_eq!(version, format!("fheap {}\n", env!("CARGO_PKG_VERSION")));
    let files = [
        "share/man/man1/fheap.1.gz",
        "share/doc/libfileheap0/copyright",
        "share/doc/libfileheap0/changelog.gz",
        "share/bash-completion/completions/fheap",
        "share/fish/vendor_completions.d/fheap.fish",
        "share/zsh/vendor-completions/_fheap",
    ];
    for file in files {
        assert!(usr.join(file).exists(), "{file}");
    }

    let program = into.join("readme");
    let lib = usr.join("lib");
    let mut compile = Command::new("g++");
    compile.args(["-std=c++17", "-O1"]).arg(root.join("crates/fileheap-capi/examples/readme.cpp"));
    compile.arg("-I").arg(usr.join("include")).arg("-L").arg(&lib).arg("-lfileheap");
    succeeds(compile.arg("-o").arg(&program));
    let heap = into.join("a.heap");
    let told = succeeds(Command::new(&program).arg(&heap).env("LD_LIBRARY_PATH", &lib));
    assert_eq!(told, "1 entries\n");
    let listed = succeeds(Command::new(usr.join("bin/fheap")).arg("ls").arg(&heap));
    assert!(listed.contains("list"), "{listed}");
}
