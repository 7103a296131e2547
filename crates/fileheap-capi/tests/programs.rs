//! Programs in C and C++ against the installed library: by both compilers, in every language
//! version that is promised, under AddressSanitizer and valgrind.

mod tools;

use std::path::Path;
use std::process::Command;

use tools::{CPP, Compiler, folder, succeeds, works};

const C: [Compiler; 2] = [
    Compiler("gcc -std=c11 -D_GNU_SOURCE -Wpedantic -O2"),
    Compiler("clang -std=c11 -D_GNU_SOURCE -Wpedantic -O1"),
];
const SANITIZED_C: Compiler =
    Compiler("gcc -std=c11 -D_GNU_SOURCE -O1 -fsanitize=address,undefined");
const SANITIZED_CPP: Compiler =
    Compiler("clang++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all");

/// Runs a program in a folder of its own; the containers go through three runs.
fn run(program: &Path, wrap: &[&str]) {
    let name = program.file_name().expect("a name").to_string_lossy().into_owned();
    let folder = folder(&format!("in-{}-{name}", wrap.first().unwrap_or(&"itself")));
    let stages: &[&[&str]] = if name.contains("containers") {
        &[&["build"], &["beside"], &["read"]]
    } else if name.contains("stress") && !wrap.is_empty() {
        &[&["300"]]
    } else {
        &[&[]]
    };
    for stage in stages {
        let mut words = wrap.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        words.push(program.display().to_string());
        words.push(folder.display().to_string());
        words.extend(stage.iter().map(|word| (*word).to_owned()));
        succeeds(Command::new(&words[0]).args(&words[1..]));
    }
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

fn all(compilers: &[Compiler], source: &str) {
    for compiler in compilers {
        run(&compiler.build(source), &[]);
    }
}

#[test]
fn basics() {
    all(&C, "tests/c/basics.c");
}

#[test]
fn misuse_is_an_error() {
    all(&C, "tests/c/misuse.c");
}

#[test]
fn threads_allocate_while_one_commits() {
    all(&C, "tests/c/stress.c");
}

#[test]
fn transactions_end_under_threads_that_allocate() {
    all(&C, "tests/c/ending.c");
}

#[test]
fn fmalloc() {
    all(&C, "tests/c/fmalloc.c");
}

#[test]
fn offset_pointers() {
    all(&CPP, "tests/cpp/pointers.cpp");
}

#[test]
fn containers() {
    all(&CPP, "tests/cpp/containers.cpp");
}

#[test]
fn objects_by_name() {
    all(&CPP, "tests/cpp/objects.cpp");
}

#[test]
fn under_address_sanitizer() {
    for source in ["basics", "misuse", "stress", "ending", "fmalloc"] {
        run(&SANITIZED_C.build(&format!("tests/c/{source}.c")), &[]);
    }
    for source in ["pointers", "containers", "objects"] {
        run(&SANITIZED_CPP.build(&format!("tests/cpp/{source}.cpp")), &[]);
    }
}

#[test]
fn under_valgrind() {
    let valgrind = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full"];
    // What tables of ours point at from their middle is not lost.
    let valgrind = [&valgrind[..], &["--errors-for-leak-kinds=definite"]].concat();
    for source in ["basics", "misuse", "stress", "fmalloc"] {
        run(&C[0].build(&format!("tests/c/{source}.c")), &valgrind);
    }
    for source in ["pointers", "containers", "objects"] {
        run(&CPP[2].build(&format!("tests/cpp/{source}.cpp")), &valgrind);
    }
}

#[test]
fn the_abi_is_as_it_was() {
    for compiler in C {
        works::<&str>(&compiler.build("tests/c/abi.c"), &[]);
    }
    let library = tools::prefix().join("lib/libfileheap.so.0");
    let listed = succeeds(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut names: Vec<&str> =
        listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    names.sort_unstable();
    let written = include_str!("symbols.txt");
    assert_eq!(names, written.lines().collect::<Vec<_>>(), "left the library, right symbols.txt");
    let archive = tools::prefix().join("lib/libfileheap.a");
    let listed = succeeds(Command::new("nm").args(["-g", "--defined-only"]).arg(&archive));
    let mut names: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains(" T "))
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    names.sort_unstable();
    assert_eq!(names, written.lines().collect::<Vec<_>>(), "left the archive, right symbols.txt");
    let head = succeeds(Command::new("readelf").arg("-d").arg(&library));
    assert!(head.contains("Library soname: [libfileheap.so.0]"), "{head}");
}
