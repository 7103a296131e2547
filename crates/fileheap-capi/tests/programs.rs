//! Programs in C and C++ against the installed library: by both compilers, in every language
//! version that is promised, under AddressSanitizer and valgrind.

mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use tools::{CLANG, CPP, Compiler, folder, here, succeeds, works};

const C: Compiler = Compiler("gcc -std=c11 -D_GNU_SOURCE -Wpedantic -O2");
/// The other compiler does the sanitizing: each program is built by both.
const SANITIZED_C: Compiler =
    Compiler("clang -std=c11 -D_GNU_SOURCE -Wpedantic -O1 -fsanitize=address,undefined");
const SANITIZED_CPP: Compiler =
    Compiler("clang++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all");

/// Runs a program in a folder of its own; the containers go through three runs.
fn run(program: &Path, wrap: &[&str]) {
    let name = program.file_name().expect("a name").to_string_lossy().into_owned();
    let folder = folder(&format!("in-{}-{name}", wrap.first().unwrap_or(&"itself")));
    let stages: &[&[&str]] =
        if name.contains("containers") { &[&["build"], &["beside"], &["read"]] } else { &[&[]] };
    for stage in stages {
        let mut words = wrap.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        words.push(program.display().to_string());
        words.push(folder.display().to_string());
        words.extend(stage.iter().map(|word| (*word).to_owned()));
        succeeds(Command::new(&words[0]).args(&words[1..]));
    }
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

/// A program that calls every function that symbols.txt names with NULL and with garbage, of the
/// types that the headers give its parameters.
fn generated() -> PathBuf {
    let headers = ["fileheap.h", "fmalloc.h"].map(|name| here().join("include").join(name));
    let text: String =
        headers.iter().map(|path| std::fs::read_to_string(path).expect("a header")).collect();
    let text = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<String>();
    let calls = include_str!("symbols.txt").lines().map(|name| {
        let from = text.find(&format!("{name}(")).unwrap_or_else(|| panic!("{name} in no header"));
        let list = text[from + name.len() + 1..].split(')').next().expect("its parameters");
        call(name, list)
    });
    let text = include_str!("c/garbage.c.in").replace("@CALLS@", &calls.collect::<String>());
    let path = tools::made().join("garbage.c");
    std::fs::write(&path, text).expect("a program");
    path
}

/// Handles and plain addresses may be anything; what is followed - strings, structs, places for
/// answers - is NULL or good; numbers are the worst there are.
fn call(name: &str, list: &str) -> String {
    let types = list.split(',').map(str::trim).filter(|one| !matches!(*one, "" | "void"));
    let values = types.map(|one| match one {
        _ if one.contains("**") => "NULL",
        _ if one.starts_with("fheap *") => "(fheap *)any",
        _ if one.starts_with("fheap_txn *") => "(fheap_txn *)any",
        _ if one.starts_with("struct fm_info *") => "(struct fm_info *)any",
        _ if one.contains("void *") => "(void *)any",
        _ if one.starts_with("const char *") => "text",
        _ if one.contains('*') => "NULL",
        _ => "number",
    });
    format!("    (void){name}({});\n", values.collect::<Vec<_>>().join(", "))
}

fn c(source: &str) {
    run(&C.build(source), &[]);
}

fn cpp(source: &str) {
    for compiler in CPP {
        run(&compiler.build(source), &[]);
    }
}

#[test]
fn basics() {
    c("tests/c/basics.c");
}

#[test]
fn misuse_is_an_error() {
    c("tests/c/misuse.c");
}

#[test]
fn null_and_garbage_are_errors_everywhere() {
    c(&generated().display().to_string());
}

#[test]
fn threads_allocate_while_one_commits() {
    c("tests/c/stress.c");
}

#[test]
fn transactions_end_under_threads_that_allocate() {
    c("tests/c/ending.c");
}

#[test]
fn children_leave_the_heaps_of_their_parents_alone() {
    c("tests/c/fork.c");
}

#[test]
fn heaps_are_opened_and_closed_under_each_other() {
    c("tests/c/opening.c");
}

#[test]
fn fmalloc() {
    c("tests/c/fmalloc.c");
}

#[test]
fn fmalloc_pointers() {
    cpp("tests/cpp/fm_ptr.cpp");
}

#[test]
fn a_disk_that_fails_is_told() {
    c("tests/c/poisoned.c");
}

#[test]
fn loaded_at_run_time() {
    let program = tools::made().join("plugin-program");
    let mut build = C.command("tests/c/plugin.c");
    succeeds(build.arg("-o").arg(&program).args(["-ldl", "-lpthread"]));
    let library = tools::prefix().join("lib/libfileheap.so.0");
    works(&program, &[library, folder("plugin")]);
}

#[test]
fn offset_pointers() {
    cpp("tests/cpp/pointers.cpp");
}

#[test]
fn containers() {
    cpp("tests/cpp/containers.cpp");
}

#[test]
fn containers_between_heaps() {
    cpp("tests/cpp/between.cpp");
}

#[test]
fn objects_by_name() {
    cpp("tests/cpp/objects.cpp");
}

#[test]
fn types_that_may_be_stored() {
    cpp("tests/cpp/stored.cpp");
}

/// What would be found nowhere by the next program does not compile, and one message says why.
#[test]
fn types_that_may_not_be_stored() {
    const MEMORY: &str = "this type keeps its elements outside of the heap";
    const ADDRESS: &str = "this type holds an address that says nothing to the next program";
    const CODE: &str = "this type holds the address of code";
    let refused = [
        (MEMORY, "heap.find_or_construct<std::vector<string>>(\"v\")()"),
        (MEMORY, "heap.construct<string>(\"v\")[3](\"text\")"),
        (MEMORY, "heap.find<string>(\"v\")"),
        (MEMORY, "heap.destroy<string>(\"v\")"),
        (MEMORY, "heap.construct<person>(\"v\")()"),
        (MEMORY, "heap.construct<vector<string>>(\"v\")()->push_back(\"text\")"),
        (MEMORY, "heap.construct<vector<string>>(\"v\")(3)"),
        (MEMORY, "heap.construct<vector<vector<person>>>(\"v\")(1)->front().emplace_back()"),
        (MEMORY, "heap.construct<list<string>>(\"v\")()->emplace_back()"),
        (MEMORY, "heap.construct<set<string>>(\"v\")()->insert(string())"),
        (MEMORY, "heap.construct<map<int, string>>(\"v\")()->emplace(1, \"text\")"),
        (MEMORY, "heap.construct<hashed<string, int>>(\"v\")()->try_emplace(\"text\")"),
        (MEMORY, "vector<string> here(heap.get_allocator<string>()); here.emplace_back()"),
        (MEMORY, "heap.construct<vector<std::shared_ptr<int>>>(\"v\")()->emplace_back()"),
        (ADDRESS, "heap.construct<std::string_view>(\"v\")()"),
        (CODE, "heap.construct<std::function<void()>>(\"v\")()"),
        (CODE, "heap.construct<vector<shape>>(\"v\")()->emplace_back()"),
    ];
    let compile = |compiler: Compiler, put: &str| {
        let mut command = compiler.command("tests/cpp/refused.cpp");
        tools::run(command.arg("-fsyntax-only").arg(format!("-DPUT={put}")))
    };
    for compiler in CPP {
        let good = "heap.construct<map<int, vector<map<int, long *>>>>(\"v\")()->emplace()";
        let done = compile(compiler, good);
        assert!(done.status.success(), "{good}\n{}", String::from_utf8_lossy(&done.stderr));
        for (message, put) in refused {
            let said = String::from_utf8_lossy(&compile(compiler, put).stderr).into_owned();
            assert!(said.contains(message), "{put}\n{said}");
            // Once, or for the element and its node, and nothing else.
            assert_eq!(said.matches("error:").count(), said.matches(message).count(), "{said}");
        }
    }
}

#[test]
fn headers_in_the_other_versions() {
    for words in ["g++ -std=c++20", "clang++ -std=c++17", "clang++ -std=c++17 -fno-rtti"] {
        for source in ["pointers", "between", "fm_ptr", "stored"] {
            let source = format!("tests/cpp/{source}.cpp");
            succeeds(Compiler(words).command(&source).arg("-fsyntax-only"));
        }
    }
}

#[test]
fn under_address_sanitizer() {
    // Not fork.c and opening.c: the sanitizer's own locks are not given back in children of
    // several threads.
    for source in ["basics", "misuse", "stress", "ending", "fmalloc"] {
        run(&SANITIZED_C.build(&format!("tests/c/{source}.c")), &[]);
    }
    for source in ["pointers", "containers", "objects", "between", "fm_ptr", "stored"] {
        run(&SANITIZED_CPP.build(&format!("tests/cpp/{source}.cpp")), &[]);
    }
}

/// What the sanitizer does not see: memory that the library itself uses before it is written.
#[test]
fn under_valgrind() {
    let valgrind = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full"];
    // What tables of ours point at from their middle is not lost.
    let valgrind = [&valgrind[..], &["--errors-for-leak-kinds=definite"]].concat();
    for source in ["basics", "misuse", "fmalloc"] {
        run(&C.build(&format!("tests/c/{source}.c")), &valgrind);
    }
    for source in ["objects", "pointers", "containers", "between", "fm_ptr"] {
        run(&CLANG.build(&format!("tests/cpp/{source}.cpp")), &valgrind);
    }
}

#[test]
fn the_abi_is_as_it_was() {
    for compiler in [C, SANITIZED_C] {
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
