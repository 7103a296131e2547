//! What changed between two shapes, field by field, for people to read.

/// A type's block in a shape.
#[derive(PartialEq)]
struct Block<'a> {
    /// Name and version.
    title: &'a str,
    /// Bytes and alignment.
    measure: &'a str,
    lines: Vec<Line<'a>>,
}

/// A line of a block: a field with its offset and type, or any other fact.
#[derive(Clone, Copy, PartialEq)]
struct Line<'a> {
    name: &'a str,
    offset: &'a str,
    kind: &'a str,
}

impl Block<'_> {
    /// Without version and parameters: what a person calls the type.
    fn name(&self) -> &str {
        self.title.rsplit_once(" v").map_or(self.title, |(name, _)| name)
    }
}

fn parse(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("  "), blocks.last_mut()) {
            (Some(line), Some(block)) => block.lines.push(parse_line(line)),
            _ => {
                let (title, measure) = line.split_once(": ").unwrap_or((line, ""));
                blocks.push(Block { title, measure, lines: Vec::new() });
            }
        }
    }
    blocks
}

fn parse_line(line: &str) -> Line<'_> {
    let (head, kind) = line.split_once(": ").unwrap_or((line, ""));
    let (name, offset) = head.split_once(" @").unwrap_or((head, ""));
    Line { name, offset, kind }
}

/// What is different in `new`, one sentence for each difference.
#[must_use]
pub fn differences(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (parse(old), parse(new));
    let mut found = Vec::new();
    let (Some(old_root), Some(new_root)) = (old.first(), new.first()) else { return found };
    if old_root.name() != new_root.name() {
        found.push(format!("the type was {}, is {}", old_root.title, new_root.title));
        compare(old_root, new_root, &mut found);
    }
    for block in &new {
        if let Some(before) = old.iter().find(|before| before.name() == block.name()) {
            compare(before, block, &mut found);
        }
    }
    if found.is_empty() && old != new {
        found.push(format!("{}: types of one name changed places", new_root.name()));
    }
    found
}

fn compare(old: &Block<'_>, new: &Block<'_>, found: &mut Vec<String>) {
    let name = new.name();
    let before = found.len();
    for line in &new.lines {
        let Line { name: field, offset, kind } = line;
        match old.lines.iter().find(|it| it.name == *field) {
            None => found.push(format!("{name}: `{}` was added", show(line))),
            Some(it) if it.kind != *kind => {
                found.push(format!("{name}: `{field}` was {}, is {kind}", it.kind));
            }
            Some(it) if it.offset != *offset => {
                found.push(format!("{name}: `{field}` moved from byte {} to {offset}", it.offset))
            }
            Some(_) => {}
        }
    }
    for line in &old.lines {
        if !new.lines.iter().any(|it| it.name == line.name) {
            found.push(format!("{name}: `{}` was removed", show(line)));
        }
    }
    let same_order = || old.lines.iter().zip(&new.lines).all(|(a, b)| a.name == b.name);
    if found.len() == before && !same_order() {
        found.push(format!("{name}: the order changed"));
    }
    if old.name() == name && old.title != new.title {
        found.push(format!("it was {}, is {}", old.title, new.title));
    }
    if found.len() == before && old.measure != new.measure {
        found.push(format!("{name}: it was {}, is {}", old.measure, new.measure));
    }
}

fn show(line: &Line<'_>) -> String {
    if line.kind.is_empty() {
        return line.name.to_owned();
    }
    format!("{}: {}", line.name, line.kind)
}

#[cfg(test)]
mod tests {
    use super::differences;

    const OLD: &str = "Book v1: 24 bytes, aligned to 8\n  year @0: u64\n  pages @8: u32\n  \
                       price @16: f64\nOption<u8> v1: 2 bytes, aligned to 1\n  tagged\n";

    #[test]
    fn nothing_changed() {
        assert_eq!(differences(OLD, OLD), Vec::<String>::new());
    }

    #[test]
    fn fields_added_removed_moved_and_retyped_are_told() {
        let new = "Book v2: 32 bytes, aligned to 8\n  pages @0: u64\n  price @8: f64\n  \
                   isbn @16: String\n";
        let expected = [
            "Book: `pages` was u32, is u64",
            "Book: `price` moved from byte 16 to 8",
            "Book: `isbn: String` was added",
            "Book: `year: u64` was removed",
            "it was Book v1, is Book v2",
        ];
        assert_eq!(differences(OLD, new), expected);
    }

    #[test]
    fn changes_deep_inside_are_told() {
        let new = OLD.replace("tagged", "in a niche");
        let expected = ["Option<u8>: `in a niche` was added", "Option<u8>: `tagged` was removed"];
        assert_eq!(differences(OLD, &new), expected);
    }

    #[test]
    fn another_type_altogether() {
        let new = "Film v1: 8 bytes, aligned to 8\n  year @0: u64\n";
        let found = differences(OLD, new);
        assert_eq!(found[0], "the type was Book v1, is Film v1");
        assert!(found.contains(&"Film: `price: f64` was removed".to_owned()), "{found:?}");
        let smaller = differences(OLD, &OLD.replace("24 bytes", "32 bytes"));
        assert_eq!(smaller, ["Book: it was 24 bytes, aligned to 8, is 32 bytes, aligned to 8"]);
    }
}
