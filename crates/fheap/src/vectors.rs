//! Vectors: the elements behind a record, as the R package lays them out, one cell at a time.

use std::borrow::Cow;

use fileheap_core::catalog::Memory;
use fileheap_core::format::VectorRecord;
use fileheap_core::{Error, ErrorKind, Result};
use fileheap_r_layout::{
    INLINE_BYTES, Kind, NA_DOUBLE, NA_INTEGER, VIEW_BYTES, buffer_table, text_parts,
};

const VIEW: usize = VIEW_BYTES as usize;

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

impl<'a> Views<'a> {
    fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>> {
        let valid = text_parts(self.length as u64).0 as usize + index / 8;
        if self.payload[valid] >> (index % 8) & 1 == 0 {
            return Ok(None);
        }
        let view = &self.payload[index * VIEW..(index + 1) * VIEW];
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
            corrupt(self.offset + (index * VIEW) as u64, what)
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
    let wanted = kind.payload_bytes(record.length).unwrap_or(u64::MAX);
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

/// The buffers of a character vector.
fn buffers(memory: Memory<'_>, table: u64) -> Result<Vec<&[u8]>> {
    let entries = buffer_table(memory, table)?.into_iter();
    entries.map(|entry| memory.slice(entry.offset, entry.bytes)).collect()
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
