//! Targets: what a user names in a heap - a root, a record, a range of bytes.

use fileheap_core::catalog::Root;
use fileheap_core::{Error, ErrorKind, ReadTxn, Result};

use crate::objects::{self, Follow, KIND_R};
use crate::rserial::{Body, Object, texts_of};
use crate::shape;

/// How the help describes it.
pub const HELP: &str = "A name, name$part, #record, or @offset+bytes";

/// Something found in the heap.
pub enum Found<'a> {
    /// A vector, list or data frame.
    Object(Object<'a>),
    /// Bytes, and the text of the shape they have if it is known.
    Bytes { root: Root, bytes: &'a [u8], shape: Option<String> },
}

/// Finds what `text` names. A bound name comes first, whatever it looks like.
pub fn find<'a>(read: &'a ReadTxn, text: &str) -> Result<Found<'a>> {
    if let Some(root) = lookup(read, text)? {
        return of_root(read, &root);
    }
    if let Some(id) = text.strip_prefix('#').and_then(|id| id.parse().ok()) {
        let record = objects::record(read, id)?;
        return objects::of_record(read, &record).map(Found::Object);
    }
    if let Some((offset, bytes)) = text.strip_prefix('@').and_then(range) {
        let root = Root { offset, bytes, ..Root::default() };
        let found = read.bytes(offset, bytes).map_err(|_| {
            let what = format!("the heap has no {bytes} bytes at {offset:#x}");
            Error::new(ErrorKind::InvalidArgument, what).advice("`fheap stat` tells how long it is")
        })?;
        return Ok(Found::Bytes { root, bytes: found, shape: None });
    }
    if let Some((name, part)) = text.rsplit_once('$') {
        if let Some(root) = lookup(read, name)? {
            return of_part(read, &root, part).map(Found::Object);
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("the heap has no name {text:?}"))
        .advice("`fheap ls` lists the names there are"))
}

fn lookup(read: &ReadTxn, name: &str) -> Result<Option<Root>> {
    match read.catalog().names().lookup(name) {
        Err(error) if error.kind() == ErrorKind::InvalidArgument => Ok(None),
        found => found,
    }
}

/// What a root stands for.
pub fn of_root<'a>(read: &'a ReadTxn, root: &Root) -> Result<Found<'a>> {
    if root.kind == KIND_R {
        return objects::load(read, root, Follow::Whole).map(Found::Object);
    }
    let bytes = if root.bytes == 0 { &[] } else { read.bytes(root.offset, root.bytes)? };
    Ok(Found::Bytes { root: *root, bytes, shape: shape::text(read, root)? })
}

fn of_part<'a>(read: &'a ReadTxn, root: &Root, part: &str) -> Result<Object<'a>> {
    let missing = || {
        Error::new(ErrorKind::NotFound, format!("the object has no part {part:?}"))
            .advice("`fheap get` shows its parts")
    };
    if root.kind != KIND_R {
        return Err(missing());
    }
    let whole = objects::load(read, root, Follow::Whole)?;
    let names = whole.attribute("names").map(texts_of).unwrap_or_default();
    let at = names.iter().position(|name| name == part);
    match whole.body {
        Body::List(parts) => at.and_then(|at| parts.into_iter().nth(at)).ok_or_else(missing),
        _ => Err(missing()),
    }
}

/// `offset+bytes`, each decimal or 0x and hexadecimal.
fn range(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let (offset, bytes) = text.split_once('+')?;
    Some((number(offset)?, number(bytes)?))
}

/// Bytes in a row of a hexdump.
pub const ROW_BYTES: usize = 16;

/// Bytes as `hexdump -C` shows them.
pub fn hexdump(bytes: &[u8], offset: u64) -> String {
    let mut text = String::new();
    for (index, row) in bytes.chunks(ROW_BYTES).enumerate() {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |&byte: &u8| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        };
        let letters: String = row.iter().map(letter).collect();
        let at = offset + (index * ROW_BYTES) as u64;
        text.push_str(&format!("{at:010x}  {:47}  {letters}\n", hex.join(" ")));
    }
    text
}
