//! The commands, one file each, and what they have in common.

pub mod backup;
pub mod bench;
pub mod check;
pub mod compact;
pub mod completions;
pub mod doctor;
pub mod dump;
pub mod export;
pub mod gc;
pub mod get;
pub mod import;
pub mod info;
pub mod ls;
pub mod man;
pub mod map;
pub mod repair;
pub mod stat;
pub mod top;
pub mod trim;

use std::path::Path;

use fileheap_core::{Heap, Options, Result};

/// Opens for reading only: beside a writer, and on media that cannot be written to.
pub fn open_to_read(path: &Path) -> Result<Heap> {
    Heap::open(path, &Options::new().read_only())
}
