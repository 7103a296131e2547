//! Objects: what the names in a heap stand for, whichever face bound them.

use fileheap_core::catalog::Root;
use fileheap_core::format::{RecordState, VectorRecord};
use fileheap_core::{Error, ErrorKind, ReadTxn, Result};
use fileheap_r_layout::{Cell, Kind};

use crate::rserial::{self, Body, Object, numbers_of};
use crate::vectors::{self, Elements, corrupt};

/// `Root::kind` of names that the R package binds.
pub use fileheap_r_layout::ROOT_KIND as KIND_R;

/// `Root::kind` of values of the Rust face.
pub const KIND_RUST: u32 = 0x5255_5354;
/// Of the texts of its shapes.
pub const KIND_SHAPE: u32 = 0x5348_4150;

/// Of objects of C++, and of what programs for fmalloc have: texts the other way round.
const KIND_CPP: u32 = 0x002b_2b43;
const KIND_FMALLOC: u32 = 0x006d_6166;

/// Lists of the heap lie no deeper in one another.
const DEPTH_MAX: u32 = 100;

/// The face that bound a root.
pub fn face(root: &Root) -> String {
    match root.kind {
        KIND_R => "R".to_owned(),
        KIND_RUST | KIND_SHAPE => "Rust".to_owned(),
        KIND_CPP => "C++".to_owned(),
        KIND_FMALLOC => "fmalloc".to_owned(),
        0 => "-".to_owned(),
        kind => {
            let letters = kind.to_be_bytes();
            match std::str::from_utf8(&letters).ok().map(|text| text.trim_start_matches('\0')) {
                Some(text) if text.chars().all(|c| c.is_ascii_graphic()) => text.to_owned(),
                _ => format!("{kind:#x}"),
            }
        }
    }
}

/// Every name of a heap, in the order of bytes.
pub fn names(read: &ReadTxn) -> Result<Vec<(String, Root)>> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = read.catalog().names().list(after.as_deref(), 1000)?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = Some(last.clone());
        all.extend(page);
    }
}

/// Every record, by its number.
pub fn records(read: &ReadTxn) -> Result<Vec<VectorRecord>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = read.catalog().records().list(after, 1000)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.id;
        all.extend(page);
    }
}

/// A record that must be there.
pub fn record(read: &ReadTxn, id: u64) -> Result<VectorRecord> {
    read.catalog().records().get(id)?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no record {id}"))
            .advice("`fheap ls --vectors` lists those there are")
    })
}

/// The state of a record in a word.
pub fn state(record: &VectorRecord) -> &'static str {
    match RecordState::from_stored(record.state) {
        Some(RecordState::InProgress) => "in progress",
        Some(RecordState::Committed) => "committed",
        Some(RecordState::Tombstone) => "tombstone",
        None => "?",
    }
}

/// How far to follow references.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Enough to say what it is.
    Shallow,
    /// To all elements.
    Whole,
}

/// The object that R keeps at a root.
pub fn load<'a>(read: &'a ReadTxn, root: &Root, follow: Follow) -> Result<Object<'a>> {
    resolve(read, cell(read, root.offset)?, follow, 0)
}

/// A record as an object without attributes.
pub fn of_record<'a>(read: &'a ReadTxn, record: &VectorRecord) -> Result<Object<'a>> {
    Ok(body_of(read, record, Follow::Whole, 0)?.into())
}

fn cell(read: &ReadTxn, at: u64) -> Result<Object<'static>> {
    let cell = Cell::read(read.memory(), at)?;
    rserial::read(cell.blob).map_err(|error| error.offset(at))
}

fn resolve<'a>(
    read: &'a ReadTxn,
    object: Object<'static>,
    follow: Follow,
    depth: u32,
) -> Result<Object<'a>> {
    if depth > DEPTH_MAX {
        let what = format!("lists lie more than {DEPTH_MAX} deep in one another");
        return Err(Error::new(ErrorKind::Corrupt, what).advice("run `fheap check` on the heap"));
    }
    let body = match object.body {
        Body::Reference(id) => {
            let record = record(read, id)?;
            if record.state == RecordState::Tombstone as u32 {
                let what = format!("record {id}, which an object refers to, was destroyed");
                return Err(corrupt(record.payload_offset, what));
            }
            body_of(read, &record, follow, depth)?
        }
        Body::List(list) => {
            let part = |part| resolve(read, part, follow, depth + 1);
            Body::List(list.into_iter().map(part).collect::<Result<_>>()?)
        }
        other => other,
    };
    let attribute = |(name, value)| Ok((name, resolve(read, value, Follow::Whole, depth + 1)?));
    let attributes = object.attributes.into_iter().map(attribute).collect::<Result<_>>()?;
    Ok(Object { body, attributes })
}

fn body_of<'a>(
    read: &'a ReadTxn,
    record: &VectorRecord,
    follow: Follow,
    depth: u32,
) -> Result<Body<'a>> {
    let memory = read.memory();
    if vectors::kind_of(record)? != Kind::List {
        return vectors::elements(memory, record).map(Body::Vector);
    }
    let slots = vectors::slots(memory, record)?;
    let part = |at: u64| match at {
        _ if follow == Follow::Shallow => Ok(Body::Null.into()),
        0 => Ok(Body::Null.into()),
        at => resolve(read, cell(read, at)?, follow, depth + 1),
    };
    Ok(Body::List(slots.into_iter().map(part).collect::<Result<_>>()?))
}

/// The elements of a data frame's or a list's part, or of a vector.
pub fn elements<'o, 'a>(object: &'o Object<'a>) -> Option<&'o Elements<'a>> {
    match &object.body {
        Body::Vector(elements) => Some(elements),
        _ => None,
    }
}

/// Rows of a data frame: of its row names, which may be short for 1 to n, or of its columns.
pub fn row_count(object: &Object<'_>) -> usize {
    let columns = match &object.body {
        Body::List(columns) => columns.as_slice(),
        _ => &[],
    };
    let names = object.attribute("row.names");
    let short = names.map(numbers_of).filter(|it| it.len() == 2 && it[0].is_nan());
    match (short, columns.first().and_then(elements), names.and_then(elements)) {
        (Some(short), ..) => short[1].abs() as usize,
        (_, Some(column), _) => column.len(),
        (_, _, Some(names)) => names.len(),
        _ => 0,
    }
}

/// Extents of a matrix or array whose product is its length.
pub fn dim(object: &Object<'_>) -> Option<Vec<usize>> {
    let dim: Vec<usize> =
        object.attribute("dim").map(numbers_of)?.iter().map(|&extent| extent as usize).collect();
    let length = elements(object)?.len();
    let product = dim.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    (!dim.is_empty() && product == Some(length)).then_some(dim)
}

/// What an object is, in a few words, and its length.
pub fn summary(object: &Object<'_>) -> (String, u64) {
    match &object.body {
        Body::Null => ("NULL".to_owned(), 0),
        Body::Other(what) => ((*what).to_owned(), 1),
        Body::Reference(id) => (format!("record {id}"), 1),
        Body::List(columns) if object.is("data.frame") => {
            (format!("data.frame {} x {}", row_count(object), columns.len()), columns.len() as u64)
        }
        Body::List(parts) => ("list".to_owned(), parts.len() as u64),
        Body::Vector(elements) => {
            let length = elements.len() as u64;
            let kind = elements.kind().name();
            if object.is("factor") {
                let levels = object.attribute("levels").map_or(0, |it| rserial::texts_of(it).len());
                return (format!("factor, {levels} levels"), length);
            }
            let Some(dim) = dim(object) else { return (kind.to_owned(), length) };
            let extents: Vec<String> = dim.iter().map(usize::to_string).collect();
            let sort = if dim.len() == 2 { "matrix" } else { "array" };
            (format!("{kind} {sort} {}", extents.join(" x ")), length)
        }
    }
}

/// The records that an object of R's refers to.
pub fn children(read: &ReadTxn, root: &Root) -> Result<Vec<u64>> {
    Cell::read(read.memory(), root.offset).map(|cell| cell.children)
}
