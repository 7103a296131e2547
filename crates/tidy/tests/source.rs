//! Every source file: its first line, its size, its words.

use fileheap_tidy::rust;
use fileheap_tidy::tree::{self, Text};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 100;
/// Words that say nothing, except where an existing API demands them.
const AVOID: [&str; 7] = ["arena", "holder", "manager", "context", "helpers", "utils", "magick"];

/// Our own code. This crate's tests name what they forbid.
fn ours() -> Vec<Text> {
    let mut files = tree::files(".rs");
    files.retain(|file| !file.path.starts_with("crates/tidy/tests/source.rs"));
    files
}

#[test]
fn the_first_line_says_what_the_file_is_for() {
    let silent = |file: &Text| {
        let first = file.text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.len() < 16
    };
    let found: Vec<_> = ours().into_iter().filter(silent).map(|file| file.path).collect();
    tree::none("files that do not state their job", &found);
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut long = Vec::new();
    for file in ours() {
        let path = &file.path;
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            long.push(format!("{path}: {lines} lines"));
        }
        for (index, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS {
                long.push(format!("{path}:{}: {columns} columns", index + 1));
            }
        }
        for function in rust::functions(&rust::bare(&file.text)) {
            if function.lines > FUNCTION_LINES {
                let rust::Function { name, line, lines } = function;
                long.push(format!("{path}:{line}: {name} has {lines} lines"));
            }
        }
    }
    tree::none("too long", &long);
}

#[test]
fn words_to_avoid_are_avoided() {
    let mut found = Vec::new();
    for file in ours().iter().filter(|file| file.path.starts_with("crates/")) {
        for (line, word) in rust::words(&rust::bare(&file.text)) {
            if AVOID.contains(&word.as_str()) {
                found.push(format!("{}:{line}: {word}", file.path));
            }
        }
    }
    tree::none("words to avoid", &found);
}

#[test]
fn nothing_is_left_undone() {
    let mut found = Vec::new();
    for file in ours() {
        let bare = rust::bare(&file.text);
        for (index, (line, code)) in file.text.lines().zip(bare.lines()).enumerate() {
            let comment = ["TODO", "FIXME", "XXX"].iter().find(|mark| line.contains(**mark));
            let code = ["unimplemented!", "todo!", "#[ignore", "dbg!"]
                .iter()
                .find(|mark| code.contains(**mark));
            if let Some(mark) = comment.or(code) {
                found.push(format!("{}:{}: {mark}", file.path, index + 1));
            }
        }
    }
    tree::none("left undone", &found);
}

/// Let chains need Rust 1.88; the library promises 1.85, and no lint of clippy looks for syntax.
#[test]
fn no_syntax_is_newer_than_the_promised_rust() {
    let mut found = Vec::new();
    for file in ours() {
        for (index, line) in rust::bare(&file.text).lines().enumerate() {
            let line = line.trim_start();
            let chained = line.starts_with("&& let ") || line.contains(" && let ");
            let begun = ["if let ", "while let "].iter().any(|start| line.contains(start))
                && !line.contains('{')
                && line.matches(['(', '[']).count() == line.matches([')', ']']).count();
            if chained || begun {
                found.push(format!("{}:{}: {line}", file.path, index + 1));
            }
        }
    }
    found.retain(|found| !found.starts_with("bench/"));
    tree::none("let chains", &found);
}

/// clippy sees to this in the workspace; here also for what stands outside it.
#[test]
fn unsafe_blocks_of_the_library_say_why_they_are_sound() {
    let mut found = Vec::new();
    for file in ours() {
        let in_library = file.path.contains("/src/") && file.path.starts_with("crates/");
        let bare = rust::bare(&file.text);
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, code) in bare.lines().enumerate().filter(|_| in_library) {
            let block = code.contains("unsafe {") || code.contains("unsafe impl");
            let near = &lines[index.saturating_sub(12)..=index];
            if block && !near.iter().any(|line| line.contains("SAFETY:")) {
                found.push(format!("{}:{}", file.path, index + 1));
            }
        }
    }
    tree::none("unsafe without SAFETY", &found);
}
