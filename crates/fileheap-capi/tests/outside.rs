//! Programs outside of the tree: found by pkg-config and CMake; the examples; kills.

mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tools::{CLANG, CPP, Compiler, folder, here, prefix, succeeds, works};

#[test]
fn pkg_config_finds_the_library() {
    let folder = folder("pkg-config");
    let asked = |what: &str| {
        let mut ask = Command::new("pkg-config");
        ask.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
        succeeds(ask.arg(what).arg("fileheap"))
    };
    assert_eq!(asked("--modversion").trim(), env!("CARGO_PKG_VERSION"));
    let program = folder.join("outside");
    let mut build = Command::new("g++");
    build.arg("-std=c++17").arg(here().join("tests/outside/main.cpp"));
    build.args(asked("--cflags").split_whitespace()).args(asked("--libs").split_whitespace());
    succeeds(build.arg("-o").arg(&program));
    for expected in ["1\n", "2\n"] {
        let mut run = Command::new(&program);
        run.env("LD_LIBRARY_PATH", prefix().join("lib")).arg(folder.join("runs.heap"));
        assert_eq!(succeeds(&mut run), expected);
    }
}

#[test]
fn cmake_finds_the_package() {
    let folder = folder("cmake");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(here().join("tests/outside")).arg("-B").arg(&folder);
    succeeds(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display())));
    succeeds(Command::new("cmake").arg("--build").arg(&folder));
    let heap = folder.join("runs.heap");
    assert_eq!(works(&folder.join("with_shared"), &[&heap]), "1\n");
    assert_eq!(works(&folder.join("with_static"), &[&heap]), "2\n");
}

#[test]
fn the_list_goes_on_from_run_to_run() {
    for compiler in CPP {
        let list = compiler.build("examples/list.cpp");
        let file: &str = &folder("list").join("list.fm").display().to_string();
        assert_eq!(works(&list, &[file, "10"]), "new list\nfound 0 nodes, sum 0\n");
        assert_eq!(works(&list, &[file, "1000"]), "found 10 nodes, sum 45\n");
        assert_eq!(works(&list, &[file, "0"]), "found 1010 nodes, sum 509545\n");
    }
}

#[test]
fn the_program_in_c_counts_its_runs() {
    for compiler in ["gcc -std=c11 -Wpedantic -O2", "clang -std=c11 -Wpedantic -O2"] {
        let program = Compiler(compiler).build("examples/readme.c");
        let file = folder("readme-c").join("data.heap").display().to_string();
        assert_eq!(works(&program, &[&file]), "run 1\n");
        assert_eq!(works(&program, &[&file]), "run 2\n");
    }
}

#[test]
fn the_program_in_the_readme() {
    for compiler in CPP {
        let file = folder("readme").join("readme.heap").display().to_string();
        let program = compiler.build("examples/readme.cpp");
        assert_eq!(works(&program, &[&file]), "1 entries\n");
        assert_eq!(works(&program, &[&file]), "2 entries\n");
    }
}

#[test]
fn the_store_keeps_what_was_put() {
    let store = CPP[0].build("examples/store.cpp");
    let file: &str = &folder("store").join("store.heap").display().to_string();
    let long = "a value that is longer than a string holds in itself";
    works(&store, &[file, "put", "one", long]);
    works(&store, &[file, "put", "two", "2"]);
    assert_eq!(works(&store, &[file, "get", "one"]).trim(), long);
    assert_eq!(works(&store, &[file, "list"]), format!("one = {long}\ntwo = 2\n"));
    works(&store, &[file, "drop", "one"]);
    assert_eq!(works(&store, &[file, "list"]), "two = 2\n");
    assert!(!Command::new(&store).args([file, "get", "one"]).status().expect("it ran").success());
}

#[test]
fn one_program_builds_a_graph_and_another_reads_it() {
    let file: &str = &folder("graph").join("graph.heap").display().to_string();
    // By different compilers, too.
    let build = CPP[0].build("examples/graph_build.cpp");
    works(&build, &[file, "7"]);
    works(&build, &[file, "100000"]); // in place of the first one
    let told = works(&CLANG.build("examples/graph_analyse.cpp"), &[file]);
    assert_eq!(told, "100000 nodes reached by 133333 edges, the farthest in 16 steps\n");
}

fn verified(program: &Path, words: [&str; 2]) -> u64 {
    let told = works(program, &[words[0], words[1], "verify"]);
    told.trim().parse().expect("a count")
}

/// Kills a program at work again and again; its structure is whole each time, and it did work.
fn killed(what: &str, rounds: u64) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| CLANG.build("tests/cpp/killed.cpp"));
    let folder = folder(&format!("killed-{what}")).display().to_string();
    // A kill before the file is a heap at all leaves no heap: that is another matter.
    let mut most = verified(program, [&folder, what]);
    for round in 0..rounds {
        let mut work = Command::new(program);
        work.args([&folder, what, "work"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = work.spawn().expect("a program");
        std::thread::sleep(Duration::from_millis(20 + 17 * (round % 8)));
        assert!(child.try_wait().expect("a state").is_none(), "{what} ended by itself");
        child.kill().expect("a kill");
        child.wait().expect("an end");
        most = most.max(verified(program, [&folder, what]));
    }
    assert!(most > 0, "{what}: nothing was ever committed");
}

#[test]
fn a_list_survives_kills() {
    killed("list", 20);
}

#[test]
fn a_map_survives_kills() {
    killed("map", 20);
}

#[test]
fn an_intrusive_tree_survives_kills() {
    killed("tree", 20);
}
