//! Roots of the Rust face: the text of their shape, and those fields that are plain numbers.

use fileheap_core::catalog::Root;
use fileheap_core::{ReadTxn, Result};

use crate::objects::{KIND_RUST, KIND_SHAPE};

/// A field of the type itself, not of types in it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Field {
    pub name: String,
    pub offset: usize,
    #[serde(rename = "type")]
    pub kind: String,
    /// What it holds, if its type is a plain number.
    pub value: Option<serde_json::Value>,
}

/// The text of a root's shape, if the heap has it.
pub fn text(read: &ReadTxn, root: &Root) -> Result<Option<String>> {
    let kept = match root.kind {
        KIND_SHAPE => Some(*root),
        KIND_RUST => read.catalog().names().lookup(&format!("shape:{:016x}", root.fingerprint))?,
        _ => None,
    };
    let Some(kept) = kept else { return Ok(None) };
    let bytes = read.bytes(kept.offset, kept.bytes)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// The name of the type that a shape describes.
pub fn title(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    first.rsplit_once(": ").map_or(first, |(title, _)| title)
}

/// The fields of the first block of a shape, with what they hold in `bytes`.
pub fn fields(text: &str, bytes: &[u8]) -> Vec<Field> {
    let block = text.lines().skip(1).take_while(|line| line.starts_with(' '));
    block.filter_map(|line| field(line.trim(), bytes)).collect()
}

fn field(line: &str, bytes: &[u8]) -> Option<Field> {
    let (name, rest) = line.split_once(" @")?;
    let (offset, kind) = rest.split_once(": ")?;
    let offset = offset.parse().ok()?;
    let value = bytes.get(offset..).and_then(|bytes| number(kind, bytes));
    Some(Field { name: name.to_owned(), offset, kind: kind.to_owned(), value })
}

fn number(kind: &str, bytes: &[u8]) -> Option<serde_json::Value> {
    macro_rules! of {
        ($type:ty) => {{
            let bytes = bytes.get(..size_of::<$type>())?;
            <$type>::from_le_bytes(bytes.try_into().ok()?)
        }};
    }
    Some(match kind {
        "bool" => (of!(u8) != 0).into(),
        "u8" => of!(u8).into(),
        "u16" => of!(u16).into(),
        "u32" => of!(u32).into(),
        "u64" | "usize" => of!(u64).into(),
        "i8" => of!(i8).into(),
        "i16" => of!(i16).into(),
        "i32" => of!(i32).into(),
        "i64" | "isize" => of!(i64).into(),
        "f32" => of!(f32).into(),
        "f64" => of!(f64).into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_fields_of_the_first_block_are_read() {
        let text = "Library v1: 16 bytes, aligned to 8\n  titles @0: Map<u64, String>\n  \
                    visits @8: u32\nString v1: 24 bytes, aligned to 8\n  inner @0: u64\n";
        let mut bytes = [0; 16];
        bytes[8] = 7;
        let found = fields(text, &bytes);
        assert_eq!(title(text), "Library v1");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), &found[0].value), ("titles", &None));
        assert_eq!((found[1].kind.as_str(), &found[1].value), ("u32", &Some(7.into())));
        assert_eq!(fields(text, &bytes[..10])[1].value, None, "a root that is too short");
    }
}
