//! What must not compile, and what the compiler says of it. Each file in compile_fail/ names, after
//! `expect:`, parts of the messages it must cause, and after `errors:`, where no other may stand
//! beside them, how many there are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest library of this name among what cargo built for this test.
fn library(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("libfileheap-") && name.ends_with(".rlib")
    };
    let age = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    files.filter(is_ours).max_by_key(age).expect("the library was built")
}

fn compile(source: &Path, out: &Path) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let done = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--out-dir"])
        .arg(out)
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .arg("--extern")
        .arg(format!("fileheap={}", library(folder).display()))
        .arg(source)
        .output()
        .unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn each_is_refused_for_its_reason() {
    let out = std::env::temp_dir().join(format!("fileheap-refused-{}", std::process::id()));
    fs::create_dir_all(&out).unwrap();
    let good = out.join("good.rs");
    fs::write(&good, "fn main() { fileheap::is_writing(); }").unwrap();
    let (passed, said) = compile(&good, &out);
    assert!(passed, "what is right does not compile either:\n{said}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let source = entry.unwrap().path();
        let text = fs::read_to_string(&source).unwrap();
        let expected: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("//! expect: ")).collect();
        assert!(!expected.is_empty(), "{} expects nothing", source.display());
        count += 1;
        let (passed, said) = compile(&source, &out);
        if passed {
            wrong.push(format!("{} compiles", source.display()));
        }
        let errors = text.lines().find_map(|line| line.strip_prefix("//! errors: "));
        let found = said.lines().filter(|line| line.starts_with("error")).count();
        // The last of them says how many there were.
        if errors.is_some_and(|errors| errors.parse() != Ok(found - 1)) {
            wrong.push(format!("{}: more or fewer errors:\n{said}", source.display()));
        }
        for part in expected.into_iter().filter(|part| !said.contains(part)) {
            wrong.push(format!("{}: {part:?} is not in\n{said}", source.display()));
        }
    }
    fs::remove_dir_all(&out).unwrap();
    assert!(count > 10 && wrong.is_empty(), "{}", wrong.join("\n"));
}
