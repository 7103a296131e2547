//! Store: puts vectors, and data frames of them, into a heap so that the R package finds them.

use fileheap_core::catalog::{RecordNew, Root};
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState};
use fileheap_core::{Error, ErrorKind, Heap, Result, WriteTxn};
use fileheap_r_layout::{
    BUFFER_HEAD, INLINE_BYTES, ONE_REFERENCE, PAYLOAD_MIN_BYTES, ROOT_KIND, keep_cell,
};
use indicatif::ProgressBar;

use crate::rserial::Writer;
use crate::vectors::{Cell, Elements};

/// Places in buffers have 31 bits.
const BUFFER_MAX: u64 = 1 << 30;

/// What is to be stored under one name.
pub enum Stored<'a> {
    Vector { elements: Elements<'a>, dim: Vec<i32> },
    Frame { names: Vec<String>, columns: Vec<Elements<'a>>, rows: i32 },
}

impl Stored<'_> {
    /// Whether R can have it: no text of R's holds a zero byte.
    pub fn check(&self) -> Result<()> {
        let whole = |text: &str| !text.contains('\0');
        let all = |elements: &Elements<'_>| match elements {
            Elements::Texts(texts) => texts.iter().flatten().all(|text| whole(text)),
            _ => true,
        };
        let fine = match self {
            Self::Vector { elements, .. } => all(elements),
            Self::Frame { names, columns, .. } => {
                names.iter().all(|name| whole(name)) && columns.iter().all(all)
            }
        };
        if fine {
            return Ok(());
        }
        let text = "a text with a zero byte in it, which R cannot have";
        Err(Error::new(ErrorKind::InvalidArgument, text).advice("take the zero bytes out"))
    }
}

/// Stores and binds in one transaction; returns the bytes of the elements.
pub fn store(heap: &Heap, name: &str, what: &Stored<'_>, bar: &ProgressBar) -> Result<u64> {
    let mut txn = heap.begin_write()?;
    let mut writer = Writer::new();
    let mut ids = Vec::new();
    let mut bytes = 0;
    match what {
        Stored::Vector { elements, dim } => {
            let made = put(&mut txn, elements, bar)?;
            writer.reference(heap.uuid(), made.id, elements.kind(), made.length, dim);
            (bytes, ids) = (made.bytes, vec![made.id]);
        }
        Stored::Frame { names, columns, rows } => {
            writer.frame(columns.len());
            for elements in columns {
                let made = put(&mut txn, elements, bar)?;
                writer.reference(heap.uuid(), made.id, elements.kind(), made.length, &[]);
                bytes += made.bytes;
                ids.push(made.id);
            }
            writer.frame_end(names, *rows);
        }
    }
    let primary = if let Stored::Vector { .. } = what { ids[0] } else { 0 };
    let (offset, bytes_of_cell) = keep_cell(&txn, primary, &ids, &writer.finish())?;
    let root = Root { kind: ROOT_KIND, fingerprint: 1, offset, bytes: bytes_of_cell };
    txn.catalog().names().bind(name, root)?;
    txn.commit()?;
    Ok(bytes)
}

struct Made {
    id: u64,
    length: u64,
    bytes: u64,
}

/// Stores bytes into an allocation that is at least as long.
fn fill(txn: &WriteTxn, offset: u64, bytes: &[u8]) {
    // SAFETY: callers allocated so many bytes in this transaction, and nobody else uses them.
    unsafe { txn.resolve(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    txn.touch(offset, bytes.len() as u64);
}

fn put(txn: &mut WriteTxn, elements: &Elements<'_>, bar: &ProgressBar) -> Result<Made> {
    let length = elements.len() as u64;
    let kind = elements.kind();
    let bytes = kind.payload_bytes(length).unwrap_or(u64::MAX).max(PAYLOAD_MIN_BYTES);
    let offset = txn.alloc(bytes, 64)?;
    let mut table = 0;
    match elements {
        Elements::Numbers(_, numbers) => {
            for (index, piece) in numbers.chunks(1 << 20).enumerate() {
                fill(txn, offset + ((index as u64) << 20), piece);
                bar.inc(piece.len() as u64);
            }
        }
        texts => table = put_texts(txn, offset, texts)?,
    }
    let id = txn.catalog().records().add(RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element: kind as u32,
        length,
        payload_offset: offset,
        payload_bytes: bytes,
        flags: RECORD_RELOCATABLE | ONE_REFERENCE,
        extra: [0, table],
    })?;
    Ok(Made { id, length, bytes })
}

/// Views, validity and marks go to `offset`; returns the table of the buffers of long texts.
fn put_texts(txn: &WriteTxn, offset: u64, texts: &Elements<'_>) -> Result<u64> {
    let count = texts.len();
    let (mut views, mut valid) =
        (Vec::with_capacity(count * 16), vec![0_u8; count.div_ceil(64) * 8]);
    let mut buffers: Vec<Vec<u8>> = Vec::new();
    for index in 0..count {
        let mut view = [0; 16];
        if let Cell::Text(text) = texts.cell(index)? {
            valid[index / 8] |= 1 << (index % 8);
            place(text.as_bytes(), &mut view, &mut buffers);
        }
        views.extend(view);
    }
    views.extend(valid);
    views.extend(std::iter::repeat_n(0, count)); // all marked as UTF-8
    fill(txn, offset, &views);
    if buffers.is_empty() {
        return Ok(0);
    }
    let mut table = Vec::new();
    table.extend((buffers.len() as u64).to_le_bytes());
    table.extend((buffers.len() as u64).to_le_bytes());
    for mut buffer in buffers {
        let used = buffer.len() as u64;
        buffer[..8].copy_from_slice(&used.to_le_bytes());
        let at = txn.alloc(used, 64)?;
        fill(txn, at, &buffer);
        table.extend(at.to_le_bytes());
        table.extend(used.to_le_bytes());
    }
    let at = txn.alloc(table.len() as u64, 16)?;
    fill(txn, at, &table);
    Ok(at)
}

fn place(text: &[u8], view: &mut [u8; 16], buffers: &mut Vec<Vec<u8>>) {
    view[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
    if text.len() <= INLINE_BYTES {
        view[4..4 + text.len()].copy_from_slice(text);
        return;
    }
    let full = |buffer: &Vec<u8>| (buffer.len() + text.len()) as u64 > BUFFER_MAX;
    if buffers.last().is_none_or(full) {
        buffers.push(vec![0; BUFFER_HEAD as usize]);
    }
    let index = buffers.len() - 1;
    let buffer = &mut buffers[index];
    view[4..8].copy_from_slice(&text[..4]);
    view[8..12].copy_from_slice(&(index as u32).to_le_bytes());
    view[12..].copy_from_slice(&(buffer.len() as u32).to_le_bytes());
    buffer.extend(text);
}
