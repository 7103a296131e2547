//! The redo log: append frames, stop at the first bad one, plan what each byte's newest value is.

mod contents;
mod plan;
mod reader;
mod witness;
mod writer;

pub use contents::Contents;
pub use plan::{Index, Piece, Span, synced_bytes};
pub use reader::{Cursor, FrameScan, Head, LogFile};
pub use witness::{Witness, find_witness};
pub use writer::{AHEAD_BYTES, AppendError, FIRST_BYTES, LogWriter, Payload};
