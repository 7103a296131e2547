//! What the R package keeps in a heap: its root, its vectors, its objects.
//!
//! The package writes it and the command line reads it (and imports); docs/R.md tells why it is
//! so. Nothing here knows R: the serialization in an object's cell is bytes.

mod cells;
mod face;
mod kinds;
mod texts;

pub use cells::{Cell, ObjectHead, keep_cell};
pub use face::{FACE_ROOT, FaceRoot, PERSISTENT, ROOT_KIND, SCRATCH};
pub use kinds::{
    CPLXSXP, INTSXP, Kind, LENGTH_MAX, LGLSXP, NA_DOUBLE, NA_INTEGER, PAYLOAD_MIN_BYTES, RAWSXP,
    REALSXP, STRSXP, VECSXP,
};
pub use texts::{
    BUFFER_HEAD, BufferEntry, INLINE_BYTES, TABLE_HEAD, VIEW_BYTES, buffer_table, text_parts,
};

/// Flag of a record, beside the engine's RELOCATABLE: it goes with the process that made it.
pub const TEMPORARY: u64 = 1 << 8;
/// Its payload is a direct extent.
pub const DIRECT: u64 = 1 << 9;
/// Its owner wished it away: nobody is to see it any more, even where it still could be.
pub const UNWANTED: u64 = 1 << 10;
/// One object cell that refers to the record.
pub const ONE_REFERENCE: u64 = 1 << 32;
