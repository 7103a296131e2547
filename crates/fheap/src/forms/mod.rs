//! Forms: how an object leaves the heap, and in which file formats.

mod csv;
mod frame;
mod json;
mod npy;
mod plain;

use std::io::Write;

use fileheap_core::{Error, ErrorKind, Result};
use indicatif::ProgressBar;

pub use csv::{Field, read as read_csv};
pub use npy::read as read_npy;

use crate::rserial::{Body, Object};

/// A format to write an object in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: aligned, cut after --limit rows.
    Text,
    /// Comma-separated values with a line of headings.
    Csv,
    /// An object with type, length, attributes and values.
    Json,
    /// The bytes as they lie in the heap.
    Raw,
    /// An array for numpy.
    Npy,
}

impl Format {
    /// The format that a file's name asks for.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        let end = path.extension()?.to_str()?.to_lowercase();
        Some(match end.as_str() {
            "txt" => Self::Text,
            "csv" => Self::Csv,
            "json" => Self::Json,
            "bin" | "raw" => Self::Raw,
            "npy" => Self::Npy,
            _ => return None,
        })
    }
}

/// Writes an object. `limit` rows or elements at most, if it is given.
pub fn write(
    object: &Object<'_>,
    format: Format,
    limit: Option<usize>,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    match format {
        Format::Text => plain::write(object, limit, out),
        Format::Csv => csv::write(object, limit, out, bar),
        Format::Json => json::write(object, limit, out),
        Format::Raw => raw(object, out, bar),
        Format::Npy => npy::write(object, out, bar),
    }
}

/// The error for what a format cannot hold.
pub fn unfit(what: &str, format: &str, advice: &'static str) -> Error {
    Error::new(ErrorKind::WrongType, format!("{what} does not fit into {format}")).advice(advice)
}

/// Bytes as they are, in pieces, so that the bar moves.
pub fn put_bytes(bytes: &[u8], out: &mut dyn Write, bar: &ProgressBar) -> Result<()> {
    for piece in bytes.chunks(1 << 20) {
        out.write_all(piece).map_err(crate::output::cannot_write)?;
        bar.inc(piece.len() as u64);
    }
    Ok(())
}

fn raw(object: &Object<'_>, out: &mut dyn Write, bar: &ProgressBar) -> Result<()> {
    match &object.body {
        Body::Vector(elements) if elements.bytes().is_some() => {
            bar.set_length(elements.bytes().map_or(0, |bytes| bytes.len() as u64));
            put_bytes(elements.bytes().unwrap_or_default(), out, bar)
        }
        _ => {
            let (what, _) = crate::objects::summary(object);
            let advice = "numbers have raw bytes; take --format json";
            Err(unfit(&format!("{what} of more than one piece"), "raw bytes", advice))
        }
    }
}
