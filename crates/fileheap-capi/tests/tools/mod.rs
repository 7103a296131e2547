//! The library as it is installed, compilers, and programs run to their end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where test programs, heaps and the prefix are.
pub fn made() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new, empty folder.
pub fn folder(name: &str) -> PathBuf {
    let path = made().join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// The library in a clean prefix, as `make install-c` puts it there.
pub fn prefix() -> &'static Path {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| {
        let prefix = folder("prefix");
        let root = here().ancestors().nth(2).expect("two folders above");
        let mut make = Command::new("make");
        make.current_dir(root).arg("install-c").arg(format!("PREFIX={}", prefix.display()));
        // What cargo and make tell their children is not for this one.
        make.env_remove("MAKEFLAGS").env_remove("DESTDIR").env_remove("RUSTFLAGS");
        succeeds(&mut make);
        prefix
    })
}

/// Runs a command; it must succeed. Its output, if it is needed.
pub fn succeeds(command: &mut Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A compiler with what it is told, in one line.
#[derive(Clone, Copy)]
pub struct Compiler(pub &'static str);

/// C++17 and C++20, both compilers, both standard libraries.
// gcc 12 takes libstdc++'s own strings for uninitialized when their pointers are no addresses.
pub const CPP: [Compiler; 2] = [
    Compiler("g++ -std=c++17 -O2 -Wno-maybe-uninitialized"),
    Compiler("clang++ -std=c++20 -O1 -stdlib=libc++"),
];
/// The other compiler with the first one's standard library.
pub const CLANG: Compiler = Compiler("clang++ -std=c++17 -O2");

impl Compiler {
    /// What compiles one source in this crate; where to is left open.
    pub fn command(self, source: &str) -> Command {
        let mut words = self.0.split(' ');
        let mut command = Command::new(words.next().expect("a compiler"));
        command.args(words).args(["-g", "-Wall", "-Wextra", "-Werror"]);
        command.arg("-I").arg(prefix().join("include")).arg("-I").arg(here().join("tests/c"));
        command.arg(here().join(source));
        command
    }

    /// The program made of one source in this crate.
    pub fn build(self, source: &str) -> PathBuf {
        let name: String = format!("{} {source}", self.0)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let program = made().join(&name[..name.len().min(200)]);
        let mut command = self.command(source);
        command.arg("-L").arg(prefix().join("lib")).args(["-lfileheap", "-lpthread"]);
        command.arg(format!("-Wl,-rpath,{}", prefix().join("lib").display()));
        // Other tests may run the same program now.
        let fresh = program.with_extension(format!("{:?}", std::thread::current().id()));
        succeeds(command.arg("-o").arg(&fresh));
        std::fs::rename(&fresh, &program).expect("the program gets its name");
        program
    }
}

/// Runs a program with words; it must succeed.
pub fn works<S: AsRef<OsStr>>(program: &Path, words: &[S]) -> String {
    succeeds(Command::new(program).args(words))
}
