//! The README and the book: links lead somewhere, chapters are listed, examples are run.

use fileheap_tidy::tree::{self, Text};

/// The targets of links in Markdown, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if !is_code {
            found.extend(line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub and mdbook make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.replace(' ', "-");
        kept.chars().filter(|&c| c.is_alphanumeric() || "-_".contains(c)).collect()
    };
    headings.map(anchor).collect()
}

/// The path from the root that a link in a file of `folder` leads to.
fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => assert!(parts.pop().is_some(), "{link} leads out of the repository"),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn folder(file: &Text) -> &str {
    file.path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for file in tree::files(".md") {
        for link in links(&file.text).into_iter().filter(|link| !link.contains("://")) {
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { file.path.clone() } else { resolve(folder(&file), path) };
            let is_there = tree::root().join(&to).exists();
            let is_named = || anchors(&tree::file(&to)).iter().any(|it| it == anchor);
            if !is_there || !(anchor.is_empty() || is_named()) {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert!(count > 50, "links are found: {count}");
    tree::none("broken links", &broken);
}

#[test]
fn chapters_are_listed_and_stay_within_the_book() {
    let summary = tree::file("docs/SUMMARY.md");
    let listed: Vec<String> =
        links(&summary).into_iter().map(|link| resolve("docs", link)).collect();
    let mut wrong = Vec::new();
    for file in tree::files(".md") {
        if !file.path.starts_with("docs/") || file.path == "docs/SUMMARY.md" {
            continue;
        }
        if !listed.contains(&file.path) {
            wrong.push(format!("{} is not in SUMMARY.md", file.path));
        }
        for link in links(&file.text).into_iter().filter(|link| !link.contains("://")) {
            if !link.starts_with('#') && !resolve(folder(&file), link).starts_with("docs/") {
                wrong.push(format!("{}: {link} leads out of the book", file.path));
            }
        }
    }
    assert!(listed.len() > 10, "chapters are found");
    // mdbook makes the first one index.html as it is: links of a chapter in a folder would break.
    assert_eq!(listed[0].matches('/').count(), 1, "{} begins the book", listed[0]);
    tree::none("the book", &wrong);
}

/// The code blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = text.split(fence.as_str()).skip(1);
    parts.map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

/// Whether the lines stand in the file one after another, indented or not.
fn stands_in(block: &str, file: &str) -> bool {
    let lines =
        |text: &str| -> String { text.lines().map(|line| format!("{}\n", line.trim())).collect() };
    lines(file).contains(&lines(block))
}

/// Rust's in the guide are doc tests; these stand in files that are run.
#[test]
fn examples_are_those_of_tested_files() {
    let guide = "r/fileheap/inst/tinytest/test_guide.R";
    let pairs = [
        ("README.md", "rust", "crates/fileheap/examples/demo.rs"),
        ("README.md", "cpp", "crates/fileheap-capi/examples/readme.cpp"),
        ("docs/C.md", "c", "crates/fileheap-capi/examples/readme.c"),
        ("README.md", "r", guide),
        ("docs/guide/r.md", "r", guide),
    ];
    let mut differing = Vec::new();
    for (document, language, source) in pairs {
        let (text, tested) = (tree::file(document), tree::file(source));
        let found = blocks(&text, language);
        assert!(!found.is_empty(), "{document} has examples in {language}");
        for block in found.into_iter().filter(|block| !stands_in(block, &tested)) {
            differing.push(format!("{document}, not in {source}:\n{block}"));
        }
    }
    tree::none("examples that nothing runs", &differing);
}
