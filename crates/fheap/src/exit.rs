//! Exit codes: one for each sort of trouble that a script may want to tell apart.

use std::error::Error as _;
use std::io;

use fileheap_core::{Error, ErrorKind};

/// Findings: the command did its work, and something is wrong.
pub const FINDINGS: u8 = 1;
/// Arguments that make no sense.
pub const USAGE: u8 = 2;

/// The codes and what they stand for, as help, man page and docs/CLI.md say it.
pub const CODES: [(u8, &str); 10] = [
    (0, "all is well"),
    (FINDINGS, "findings: check found defects, doctor an assumption that fails, gc orphans"),
    (USAGE, "arguments that make no sense, or a result that the format cannot hold"),
    (3, "there is no such file, name or record"),
    (4, "not a heap, or one of a later format or another sort of machine"),
    (5, "damaged: a checksum does not hold, the file was cut, the log is missing"),
    (6, "not allowed: permissions, read-only or network filesystem"),
    (7, "in use by another process"),
    (8, "the disk, a quota or the heap's limit is full"),
    (9, "any other failure of the operating system"),
];

/// The code of an error.
pub fn code(error: &Error) -> u8 {
    use ErrorKind as K;
    match error.kind() {
        K::InvalidArgument | K::WrongType | K::AlreadyExists | K::BadPointer => USAGE,
        K::NotFound => 3,
        K::NotAHeap | K::NotAFile | K::NewerFormat | K::ForeignMachine => 4,
        K::Truncated | K::Corrupt | K::LogMissing => 5,
        K::PermissionDenied | K::ReadOnly | K::NetworkFilesystem => 6,
        K::Busy | K::Nested | K::Replaced => 7,
        K::DiskFull | K::LimitReached => 8,
        _ => 9,
    }
}

/// Whether who reads our output has seen enough: no error of ours.
pub fn is_closed_pipe(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}

/// The codes as text.
pub fn help() -> String {
    let lines = CODES.map(|(code, meaning)| format!("  {code}  {meaning}"));
    format!("Exit codes:\n{}", lines.join("\n"))
}
