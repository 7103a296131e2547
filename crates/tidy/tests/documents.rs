//! Documents: what they number is tested, what they link to is there, and nothing private is said.

use fileheap_tidy::tree::{self, Text};
use fileheap_tidy::{rust, table};

/// Whether text names `number` as a word of its own, in any of the ways a test can.
fn names(text: &str, number: &str) -> bool {
    let ends = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(number).any(|(at, _)| {
        let after = text[at + number.len()..].chars().next();
        ends(text[..at].chars().next_back()) && ends(after)
    })
}

/// Test code: files in tests/ folders, files named tests.rs, and crates made of tests.
fn tests() -> Vec<Text> {
    let mut files = tree::files(".rs");
    files.retain(|file| {
        let path = &file.path;
        let all_tests = ["crates/sim/", "crates/storm/"].iter().any(|made| path.starts_with(made));
        let own = path.starts_with("crates/tidy/");
        !own && (all_tests || path.contains("/tests/") || path.ends_with("tests.rs"))
    });
    files
}

#[test]
fn every_crash_case_has_a_test() {
    let sections = table::sections(&tree::file("docs/PROTOCOL.md"));
    let cases: Vec<String> =
        table::section(&sections, "Crash cases").rows.iter().map(|row| row[0].clone()).collect();
    let numbers: Vec<String> = (1..=cases.len()).map(|number| format!("P{number}")).collect();
    assert_eq!(cases, numbers, "cases are numbered without gap");
    let tests = tests();
    let is_tested = |case: &String| {
        let number: u32 = case[1..].parse().expect("a number");
        let words = [format!("p{number}"), format!("p{number:02}")];
        tests.iter().any(|file| {
            names(&file.text, case)
                || rust::functions(&rust::bare(&file.text)).iter().any(|function| {
                    function.name.split('_').any(|word| words.iter().any(|it| it == word))
                })
        })
    };
    let missing: Vec<String> = cases.into_iter().filter(|case| !is_tested(case)).collect();
    tree::none("crash cases of PROTOCOL.md without a test", &missing);
}

#[test]
fn every_assumption_has_a_probe() {
    let text = tree::file("docs/PLATFORM.md");
    let mut missing = Vec::new();
    let mut expected = 1;
    let probes: String = tree::files(".rs")
        .into_iter()
        .filter(|file| file.path.starts_with("verify/probes/"))
        .map(|file| file.text)
        .collect();
    for section in text.split("\n### A").skip(1) {
        let number: u32 = section.split(':').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        assert_eq!(number, expected, "assumptions are numbered without gap");
        expected += 1;
        let is_said = section.replace('\n', " ").contains("*Probe:*");
        if !is_said || !names(&probes, &format!("A{number}")) {
            missing.push(format!("A{number}"));
        }
    }
    assert!(expected > 1, "PLATFORM.md has assumptions");
    tree::none("assumptions of PLATFORM.md without a probe", &missing);
}

/// Files that documents and comments speak of by name.
#[test]
fn documents_that_are_mentioned_exist() {
    let mut missing = Vec::new();
    for file in tree::files(".rs").into_iter().chain(tree::files(".md")) {
        for part in file.text.split("docs/").skip(1) {
            let name: String = part
                .chars()
                .take_while(|&c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                .collect();
            let name = name.trim_end_matches('.');
            if name.ends_with(".md") && !tree::root().join("docs").join(name).exists() {
                missing.push(format!("{}: docs/{name}", file.path));
            }
        }
    }
    missing.retain(|found| !found.contains("docs/design.md"));
    tree::none("documents that do not exist", &missing);
}

/// Nothing in the repository says on which machine, or from where, it was made.
#[test]
fn nothing_private_is_said() {
    // Put together here, so that this file does not hold them.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        ["index.crates", ".io"].concat(),
        ["static.crates", ".io"].concat(),
        ["proxy.gol", "ang"].concat(),
        ["artifact", "ory"].concat(),
        ["pypi", ".org"].concat(),
    ];
    let ends = [".rs", ".md", ".toml", ".sh", ".py", "Makefile", "/setup", "/run", ".json"];
    let mut found = Vec::new();
    for file in ends.iter().flat_map(|end| tree::files(end)) {
        for (index, line) in file.text.lines().enumerate() {
            let said = forbidden.iter().find(|word| line.to_lowercase().contains(word.as_str()));
            if let Some(word) = said {
                found.push(format!("{}:{}: {word}", file.path, index + 1));
            }
        }
    }
    tree::none("private words", &found);
}

#[test]
fn the_changelog_has_an_entry_for_this_version() {
    let manifest = tree::file("crates/fileheap-core/Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("a version").trim_matches('"');
    let log = tree::file("CHANGELOG.md");
    let wanted = format!("## {version}");
    assert!(log.lines().any(|line| line.starts_with(&wanted)), "no entry {wanted}");
}
