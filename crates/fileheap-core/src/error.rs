//! The one error type: what failed, in which file and where, found versus expected, what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Result of every fallible operation of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. The numbers are part of the C ABI and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument makes no sense (zero size, alignment no power of two, name too long).
    InvalidArgument = 1,
    /// No such file, root or record.
    NotFound = 2,
    /// The file, root or record exists already.
    AlreadyExists = 3,
    /// The operating system refuses access.
    PermissionDenied = 4,
    /// The path names a directory, device, socket or pipe.
    NotAFile = 5,
    /// The file is empty or not a fileheap; it was not touched.
    NotAHeap = 6,
    /// Written by a later format than this library reads.
    NewerFormat = 7,
    /// Written on a machine of other byte order, page size or pointer width.
    ForeignMachine = 8,
    /// The file is shorter than its superblock says.
    Truncated = 9,
    /// A checksum or invariant does not hold.
    Corrupt = 10,
    /// The log that belongs to this heap is missing.
    LogMissing = 11,
    /// A write was asked of a heap that is open for reading only.
    ReadOnly = 12,
    /// The file lies on a network filesystem, where shared mappings are not coherent.
    NetworkFilesystem = 13,
    /// The disk (or quota) is full.
    DiskFull = 14,
    /// The heap reached the limit it was opened with, or the reserved address range.
    LimitReached = 15,
    /// The recorded base address is taken in this process.
    AddressTaken = 16,
    /// Another writer, reader or process holds what was asked for (try or timeout).
    Busy = 17,
    /// The same thread already holds a guard that would wait for itself.
    Nested = 18,
    /// An earlier sync failed; the handle refuses to write.
    Poisoned = 19,
    /// The handle was closed.
    Closed = 20,
    /// A forked child asked to write.
    ForkedChild = 21,
    /// A pointer or offset that this heap did not hand out, or that is free already.
    BadPointer = 22,
    /// The operating system or filesystem lacks what this needs.
    Unsupported = 23,
    /// The name is bound to another type than the caller expects.
    WrongType = 24,
    /// Any other failure of the operating system.
    Io = 25,
    /// Another file took the heap's name while it was being opened.
    Replaced = 26,
}

/// An error with its place and its advice.
pub struct Error {
    body: Box<Body>,
}

struct Body {
    kind: ErrorKind,
    what: String,
    advice: &'static str,
    path: Option<PathBuf>,
    offset: Option<u64>,
    source: Option<io::Error>,
}

impl Error {
    /// A new error; `what` says what was found and what was expected.
    #[cold]
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let body =
            Body { kind, what: what.into(), advice: "", path: None, offset: None, source: None };
        Self { body: Box::new(body) }
    }

    /// An operating-system failure while doing `what`; the kind follows the error number.
    #[cold]
    pub fn os(what: impl Into<String>, source: io::Error) -> Self {
        let kind = kind_of(&source);
        let mut error = Self::new(kind, what);
        error.body.advice = match kind {
            ErrorKind::DiskFull => "free some space and try again; nothing committed was lost",
            ErrorKind::PermissionDenied => "check owner and mode of the file and its folder",
            ErrorKind::NotFound => "check the name, and that its folder exists",
            ErrorKind::AlreadyExists => "give another name, or remove what has it",
            _ => "",
        };
        error.body.source = Some(source);
        error
    }

    /// Adds the file.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.body.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// Adds the byte offset in that file.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.body.offset.get_or_insert(offset);
        self
    }

    /// Adds what the caller can do next.
    #[must_use]
    pub fn advice(mut self, advice: &'static str) -> Self {
        self.body.advice = advice;
        self
    }

    /// The matchable kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.body.kind
    }

    /// The file, where known.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.body.path.as_deref()
    }

    /// The byte offset, where known.
    #[must_use]
    pub fn file_offset(&self) -> Option<u64> {
        self.body.offset
    }
}

fn kind_of(source: &io::Error) -> ErrorKind {
    match source.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => ErrorKind::DiskFull,
        Some(libc::EACCES | libc::EPERM) => ErrorKind::PermissionDenied,
        Some(libc::EROFS) => ErrorKind::ReadOnly,
        Some(libc::ENOENT | libc::ENOTDIR) => ErrorKind::NotFound,
        Some(libc::EEXIST) => ErrorKind::AlreadyExists,
        Some(libc::EISDIR) => ErrorKind::NotAFile,
        Some(libc::EOPNOTSUPP | libc::ENOSYS) => ErrorKind::Unsupported,
        _ => match source.kind() {
            io::ErrorKind::StorageFull => ErrorKind::DiskFull,
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            io::ErrorKind::AddrInUse => ErrorKind::AddressTaken,
            _ => ErrorKind::Io,
        },
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &*self.body;
        out.write_str(&body.what)?;
        if let Some(path) = &body.path {
            write!(out, " [{}", path.display())?;
            if let Some(offset) = body.offset {
                write!(out, " at byte {offset}")?;
            }
            out.write_str("]")?;
        } else if let Some(offset) = body.offset {
            write!(out, " [at byte {offset}]")?;
        }
        if let Some(source) = &body.source {
            write!(out, ": {source}")?;
        }
        if !body.advice.is_empty() {
            write!(out, "; {}", body.advice)?;
        }
        Ok(())
    }
}

/// What `unwrap` and a `main` that returns an error show: the same text, for people.
impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {self}", self.kind())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.body.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_says_what_where_why_and_what_next() {
        let cause = io::Error::from_raw_os_error(libc::ENOSPC);
        let error = Error::os("cannot grow the heap", cause).at(Path::new("/x/y.heap")).offset(7);
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        for part in ["cannot grow", "/x/y.heap at byte 7", "No space", "free some space"] {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
        assert_eq!(format!("{error:?}"), format!("DiskFull: {text}"), "people see it, too");
    }
}
