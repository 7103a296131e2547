//! Vectors: the elements behind a record, as the R package lays them out, one cell at a time.

use std::borrow::Cow;

use fileheap_core::catalog::Memory;
use fileheap_core::format::VectorRecord;
use fileheap_core::{Error, ErrorKind, Result};

/// What the elements of a vector are. The numbers in records are R's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Logical = 10,
    Integer = 13,
    Double = 14,
    Complex = 15,
    Character = 16,
    List = 19,
    Raw = 24,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Logical,
        Self::Integer,
        Self::Double,
        Self::Complex,
        Self::Character,
        Self::List,
        Self::Raw,
    ];

    pub fn of(element: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == element)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Logical => "logical",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Complex => "complex",
            Self::Character => "character",
            Self::List => "list",
            Self::Raw => "raw",
        }
    }

    /// Bytes of an element: of text its view, of a list the offset of its object.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Logical | Self::Integer => 4,
            Self::Double | Self::List => 8,
            Self::Complex | Self::Character => 16,
            Self::Raw => 1,
        }
    }
}

/// R's missing double: a NaN whose low word is 1954.
pub const NA_DOUBLE: u64 = 0x7ff0_0000_0000_07a2;
/// R's missing integer and logical.
pub const NA_INTEGER: i32 = i32::MIN;

/// One element.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Logical(bool),
    Integer(i32),
    Double(f64),
    Complex(f64, f64),
    Text(Cow<'a, str>),
    Raw(u8),
}

/// The elements of a vector that is no list.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// Numbers as they lie in the heap, little-endian.
    Numbers(Kind, Cow<'a, [u8]>),
    /// Texts that were read one by one.
    Texts(Vec<Option<Cow<'a, str>>>),
    /// Texts that are still in the heap.
    Views(Views<'a>),
}

impl<'a> Elements<'a> {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Numbers(kind, _) => *kind,
            Self::Texts(_) | Self::Views(_) => Kind::Character,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(kind, bytes) => bytes.len() / kind.bytes() as usize,
            Self::Texts(texts) => texts.len(),
            Self::Views(views) => views.length,
        }
    }

    /// The element at `index`, which is below the length.
    pub fn cell(&self, index: usize) -> Result<Cell<'_>> {
        match self {
            Self::Numbers(kind, bytes) => Ok(number(*kind, bytes, index)),
            Self::Texts(texts) => Ok(match &texts[index] {
                Some(text) => Cell::Text(Cow::Borrowed(text)),
                None => Cell::Missing,
            }),
            Self::Views(views) => Ok(views.text(index)?.map_or(Cell::Missing, Cell::Text)),
        }
    }

    /// The bytes of numbers.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Numbers(_, bytes) => Some(bytes),
            _ => None,
        }
    }
}

fn number(kind: Kind, bytes: &[u8], index: usize) -> Cell<'static> {
    let size = kind.bytes() as usize;
    let at = &bytes[index * size..(index + 1) * size];
    let word = |at: &[u8]| u64::from_le_bytes(at.try_into().expect("eight bytes"));
    let integer = || i32::from_le_bytes(at.try_into().expect("four bytes"));
    match kind {
        Kind::Logical | Kind::Integer if integer() == NA_INTEGER => Cell::Missing,
        Kind::Logical => Cell::Logical(integer() != 0),
        Kind::Integer => Cell::Integer(integer()),
        Kind::Double if is_missing(word(at)) => Cell::Missing,
        Kind::Double => Cell::Double(f64::from_bits(word(at))),
        Kind::Complex if is_missing(word(&at[..8])) || is_missing(word(&at[8..])) => Cell::Missing,
        Kind::Complex => {
            Cell::Complex(f64::from_bits(word(&at[..8])), f64::from_bits(word(&at[8..])))
        }
        Kind::Raw | Kind::Character | Kind::List => Cell::Raw(at[0]),
    }
}

/// The quiet bit may have been set on the way through a register.
fn is_missing(bits: u64) -> bool {
    bits & !(1 << 51 | 1 << 63) == NA_DOUBLE
}

/// Text in the heap: views of 16 bytes, a bitmap of which are not missing, a mark for each.
#[derive(Debug, Clone)]
pub struct Views<'a> {
    payload: &'a [u8],
    length: usize,
    buffers: Vec<&'a [u8]>,
    offset: u64,
}

/// A view holds texts of up to so many bytes itself.
const INLINE_BYTES: usize = 12;
const VIEW_BYTES: usize = 16;

impl<'a> Views<'a> {
    fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>> {
        let valid = self.length * VIEW_BYTES + index / 8;
        if self.payload[valid] >> (index % 8) & 1 == 0 {
            return Ok(None);
        }
        let view = &self.payload[index * VIEW_BYTES..(index + 1) * VIEW_BYTES];
        let word = |at: usize| u32::from_le_bytes(view[at..at + 4].try_into().expect("4 bytes"));
        let count = word(0) as usize;
        let bytes = if count <= INLINE_BYTES {
            view.get(4..4 + count)
        } else {
            let (buffer, start) = (word(8) as usize, word(12) as usize);
            self.buffers.get(buffer).and_then(|buffer| buffer.get(start..start.checked_add(count)?))
        };
        let bytes = bytes.ok_or_else(|| {
            let what = format!("the view of text {index} leads outside of its buffers");
            corrupt(self.offset + (index * VIEW_BYTES) as u64, what)
        })?;
        Ok(Some(String::from_utf8_lossy(bytes)))
    }
}

pub fn corrupt(offset: u64, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, what).offset(offset).advice("run `fheap check` on the heap")
}

/// The elements of a record that is no list.
pub fn elements<'a>(memory: Memory<'a>, record: &VectorRecord) -> Result<Elements<'a>> {
    let kind = kind_of(record)?;
    let wanted = payload_bytes(kind, record.length).unwrap_or(u64::MAX);
    if wanted > record.payload_bytes {
        let what = format!(
            "record {} says {} elements of {}, which need {wanted} bytes; it has {}",
            record.id,
            record.length,
            kind.name(),
            record.payload_bytes
        );
        return Err(corrupt(record.payload_offset, what));
    }
    if record.length == 0 {
        return Ok(Elements::Numbers(kind, Cow::Borrowed(&[]))).map(|none| match kind {
            Kind::Character => Elements::Texts(Vec::new()),
            _ => none,
        });
    }
    let payload = memory.slice(record.payload_offset, wanted)?;
    if kind != Kind::Character {
        return Ok(Elements::Numbers(kind, Cow::Borrowed(payload)));
    }
    let buffers = buffers(memory, record.extra[1])?;
    let (length, offset) = (record.length as usize, record.payload_offset);
    Ok(Elements::Views(Views { payload, length, buffers, offset }))
}

pub fn kind_of(record: &VectorRecord) -> Result<Kind> {
    Kind::of(record.element).ok_or_else(|| {
        let what = format!("record {} has elements of type {}", record.id, record.element);
        Error::new(ErrorKind::WrongType, what)
            .advice("this fheap knows R's vectors; its bytes can be had with --format raw")
    })
}

/// Bytes of the payload that mean something.
pub fn payload_bytes(kind: Kind, length: u64) -> Option<u64> {
    match kind {
        Kind::Character => {
            let validity = length.div_ceil(64).checked_mul(8)?;
            length.checked_mul(17)?.checked_add(validity)
        }
        _ => length.checked_mul(kind.bytes()),
    }
}

/// A table of buffers: count, capacity, then an offset and a length for each.
fn buffers(memory: Memory<'_>, table: u64) -> Result<Vec<&[u8]>> {
    if table == 0 {
        return Ok(Vec::new());
    }
    let count: u64 = memory.read(table)?;
    let entries = memory.slice(table, count.saturating_mul(16).saturating_add(16))?;
    let word = |at: &[u8]| u64::from_le_bytes(at.try_into().expect("8 bytes"));
    let entries = entries[16..].chunks_exact(16);
    entries.map(|entry| memory.slice(word(&entry[..8]), word(&entry[8..]))).collect()
}

/// The offsets of the objects of a list; 0 for one that is NULL.
pub fn slots(memory: Memory<'_>, record: &VectorRecord) -> Result<Vec<u64>> {
    let bytes = record.length.checked_mul(8).filter(|&bytes| bytes <= record.payload_bytes);
    let bytes = bytes.ok_or_else(|| {
        let what = format!("a list of {} elements in {}", record.length, record.payload_bytes);
        corrupt(record.payload_offset, format!("{what} bytes"))
    })?;
    if bytes == 0 {
        return Ok(Vec::new());
    }
    let slots = memory.slice(record.payload_offset, bytes)?.chunks_exact(8);
    Ok(slots.map(|at| u64::from_le_bytes(at.try_into().expect("8 bytes"))).collect())
}
