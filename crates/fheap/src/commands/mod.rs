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

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use fileheap_core::format::Superblock;
use fileheap_core::{Heap, Options, Result};

/// Opens for reading only: beside a writer, and on media that cannot be written to.
pub fn open_to_read(path: &Path) -> Result<Heap> {
    Heap::open(path, &Options::new().read_only())
}

/// Whether a file calls itself a heap, be it a sound one or not.
pub fn begins_as_heap(path: &Path) -> bool {
    let mut magic = [0; 8];
    // Opening a pipe would wait for its other end.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == Superblock::MAGIC
}

/// Opens for work that others must know of, though it changes no byte of what they see.
pub fn open_to_tend(path: &Path) -> Result<Heap> {
    use fileheap_core::ErrorKind::{PermissionDenied, ReadOnly};
    Heap::open(path, &Options::new()).map_err(|error| match error.kind() {
        PermissionDenied | ReadOnly => error
            .advice("run it as a user, and where, the heap's file and folder can be written to"),
        _ => error,
    })
}
