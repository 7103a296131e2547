//! Tables in Markdown, by the heading they stand under.

/// A section: its heading without the marks, and the rows of its tables, cells trimmed.
#[derive(Debug)]
pub struct Section {
    /// As in "F1 Superblock".
    pub heading: String,
    /// Without header and rule.
    pub rows: Vec<Vec<String>>,
}

/// The sections of a document.
#[must_use]
pub fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section { heading: String::new(), rows: Vec::new() }];
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim().to_owned();
            sections.push(Section { heading, rows: Vec::new() });
        }
        let header = lines.peek().is_some_and(|next| next.starts_with("|--"));
        if !line.starts_with('|') || line.starts_with("|--") || header {
            continue;
        }
        let row = line.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
        if let Some(section) = sections.last_mut() {
            section.rows.push(row.collect());
        }
    }
    sections
}

/// The section whose heading begins with these words.
#[must_use]
pub fn section<'a>(sections: &'a [Section], heading: &str) -> &'a Section {
    let found = sections.iter().find(|section| {
        let rest = section.heading.strip_prefix(heading);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', ':']))
    });
    found.unwrap_or_else(|| panic!("no section {heading:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_under_their_heading() {
        let all = sections("# A\n| x | y |\n|---|---|\n| 1 | a |\n| 2 | |\n## B c\ntext\n");
        assert_eq!(section(&all, "A").rows, [vec!["1", "a"], vec!["2", ""]]);
        assert!(section(&all, "B").rows.is_empty());
    }
}
