//! Rust source without its comments and literals, and the functions in it.

/// The same text, line by line, with comments, strings and characters blanked out.
#[must_use]
pub fn bare(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(&bytes, at);
        if end == at {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        out.extend(bytes[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Behind the comment or literal that begins here, or here if none does.
fn skip(text: &[char], at: usize) -> usize {
    let next = |ahead: usize| text.get(at + ahead).copied().unwrap_or('\0');
    let find = |from: usize, what: &[char]| {
        let mut rest = text[from.min(text.len())..].windows(what.len());
        rest.position(|found| found == what).map_or(text.len(), |ahead| from + ahead + what.len())
    };
    let within_word = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match (text[at], next(1)) {
        ('/', '/') => find(at, &['\n']).saturating_sub(1).max(at),
        ('/', '*') => find(at + 2, &['*', '/']),
        ('r', '"' | '#') if !within_word => {
            let marks = text[at + 1..].iter().take_while(|&&c| c == '#').count();
            if next(1 + marks) != '"' {
                return at;
            }
            let mut end = vec!['"'];
            end.resize(1 + marks, '#');
            find(at + 2 + marks, &end)
        }
        ('"', _) => quoted(text, at + 1, '"'),
        ('\'', '\\') => quoted(text, at + 1, '\''),
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn quoted(text: &[char], mut at: usize, end: char) -> usize {
    while at < text.len() && text[at] != end {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// A function: its name, the line it begins on, and its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Counted from 1.
    pub line: usize,
    /// From `fn` to the closing brace.
    pub lines: usize,
}

/// Every function with a body in bare text.
#[must_use]
pub fn functions(bare: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let before = bare[..at].chars().next_back().unwrap_or(' ');
        let name: String =
            bare[at + 3..].chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
        if before.is_alphanumeric() || before == '_' || name.is_empty() {
            continue;
        }
        if let Some(body) = body(&bare[at..]) {
            let line = bare[..at].matches('\n').count() + 1;
            found.push(Function { name, line, lines: body.matches('\n').count() + 1 });
        }
    }
    found
}

/// From `fn` to the brace that closes its body; None for a declaration.
fn body(text: &str) -> Option<&str> {
    let (mut depth, mut brackets) = (0, 0);
    for (at, mark) in text.char_indices() {
        match mark {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// The identifiers in bare text, cut at underscores and capitals, in lower case, with lines.
#[must_use]
pub fn words(bare: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in bare.lines().enumerate() {
        let mut word = String::new();
        for mark in line.chars().chain([' ']) {
            let ends = !mark.is_alphabetic() || mark.is_uppercase();
            if ends && !word.is_empty() {
                found.push((index + 1, std::mem::take(&mut word)));
            }
            if mark.is_alphabetic() {
                word.extend(mark.to_lowercase());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_go_and_lines_stay() {
        let text = "a // b \"x\n\"b{\\\"\" c /* d\n */ 'e' '\\'' &'f g r#\"h \"i\"# j";
        let bare = bare(text);
        assert_eq!(bare.split_whitespace().collect::<Vec<_>>(), ["a", "c", "&'f", "g", "j"]);
        assert_eq!(bare.lines().count(), text.lines().count());
    }

    #[test]
    fn functions_are_measured() {
        let text = "trait T { fn a(x: [u8; 4]); }\nfn b() -> u8 {\n if x { 1 } else { 2 }\n}\n";
        let found = functions(text);
        assert_eq!(found, [Function { name: "b".into(), line: 2, lines: 3 }]);
    }

    #[test]
    fn identifiers_become_words() {
        let words: Vec<String> =
            words("let ManagerOf_utils = x;").into_iter().map(|w| w.1).collect();
        assert_eq!(words, ["let", "manager", "of", "utils", "x"]);
    }
}
