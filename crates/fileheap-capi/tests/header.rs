//! The committed headers are what the sources say: makes them anew and compares.
//!
//! `FILEHEAP_WRITE_HEADERS=1 cargo test -p fileheap-capi --test header` writes them.

use std::path::{Path, PathBuf};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of fileheap.h, in an order that reads well.
const MODULES: [&str; 8] = ["border", "heap", "txn", "alloc", "near", "names", "vectors", "upkeep"];

fn generate(config: &str, modules: &[&str]) -> String {
    let config = cbindgen::Config::from_file(here().join(config)).expect("the configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in modules {
        builder = builder.with_src(here().join(format!("src/{module}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().expect("a header").write(&mut made);
    String::from_utf8(made).expect("UTF-8")
}

fn compare(name: &str, made: &str) {
    let path: PathBuf = here().join("include").join(name);
    if std::env::var_os("FILEHEAP_WRITE_HEADERS").is_some() {
        std::fs::write(&path, made).expect("write the header");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "include/{name} is not what the sources say: run \
         FILEHEAP_WRITE_HEADERS=1 cargo test -p fileheap-capi --test header, and look at it"
    );
}

#[test]
fn fileheap_h_is_what_the_sources_say() {
    compare("fileheap.h", &generate("cbindgen.toml", &MODULES));
}

#[test]
fn fmalloc_h_is_what_the_sources_say() {
    compare("fmalloc.h", &generate("cbindgen-fmalloc.toml", &["fmalloc"]));
}

#[test]
fn every_source_with_functions_for_c_is_in_a_header() {
    for entry in std::fs::read_dir(here().join("src")).expect("the sources").flatten() {
        let path = entry.path();
        let text = std::fs::read_to_string(&path).expect("a source");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let is_listed = MODULES.contains(&name.as_str()) || name == "fmalloc";
        assert_eq!(text.contains("unsafe(no_mangle)"), is_listed, "{name}.rs");
    }
}
