//! The border: status codes, the error of each thread, and where panics end.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;

use fileheap_core::{Error, ErrorKind, Result};

/// What a function says about how it went. The numbers never change; later versions may add some.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum fheap_status {
    /// All went well.
    FHEAP_OK = 0,
    /// An argument makes no sense: NULL where something is needed, an alignment no power of two.
    FHEAP_INVALID_ARGUMENT = 1,
    /// No such file or root.
    FHEAP_NOT_FOUND = 2,
    /// The file or root exists already.
    FHEAP_ALREADY_EXISTS = 3,
    /// The operating system refuses access.
    FHEAP_PERMISSION_DENIED = 4,
    /// The path names a directory, device, socket or pipe.
    FHEAP_NOT_A_FILE = 5,
    /// The file is empty or not a fileheap; it was not touched.
    FHEAP_NOT_A_HEAP = 6,
    /// Written by a later format than this library reads.
    FHEAP_NEWER_FORMAT = 7,
    /// Written on a machine of other byte order, page size or pointer width.
    FHEAP_FOREIGN_MACHINE = 8,
    /// The file is shorter than it says.
    FHEAP_TRUNCATED = 9,
    /// A checksum or invariant does not hold.
    FHEAP_CORRUPT = 10,
    /// The log that belongs to the heap is missing.
    FHEAP_LOG_MISSING = 11,
    /// A write was asked of a heap that is open for reading only.
    FHEAP_READ_ONLY_HEAP = 12,
    /// The file lies on a network filesystem.
    FHEAP_NETWORK_FILESYSTEM = 13,
    /// The disk or quota is full.
    FHEAP_DISK_FULL = 14,
    /// The heap reached its limit, or the addresses reserved for it.
    FHEAP_LIMIT_REACHED = 15,
    /// The recorded address is taken in this process.
    FHEAP_ADDRESS_TAKEN = 16,
    /// Another thread or process holds what was asked for.
    FHEAP_BUSY = 17,
    /// The same thread already holds a transaction that would wait for itself.
    FHEAP_NESTED = 18,
    /// An earlier sync failed: nothing more is written until the heap is opened anew.
    FHEAP_POISONED = 19,
    /// The handle is NULL, or was closed or ended.
    FHEAP_CLOSED = 20,
    /// A forked child asked for something in its parent's heap: it must open the heap itself.
    FHEAP_FORKED_CHILD = 21,
    /// A pointer or offset that this heap did not hand out, or that is free already.
    FHEAP_BAD_POINTER = 22,
    /// The operating system, filesystem or library lacks what this needs.
    FHEAP_UNSUPPORTED = 23,
    /// The name is bound to another type than the caller expects.
    FHEAP_WRONG_TYPE = 24,
    /// Any other failure of the operating system.
    FHEAP_IO = 25,
    /// Another file took the heap's name while it was being opened.
    FHEAP_REPLACED = 26,
    /// A defect of this library: please report it with the message.
    FHEAP_INTERNAL = 1000,
}

use fheap_status::*;

struct Failure {
    status: fheap_status,
    message: CString,
    path: Option<CString>,
    offset: u64,
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// The number that stands for a kind of error.
fn status_of(kind: ErrorKind) -> fheap_status {
    match kind {
        ErrorKind::InvalidArgument => FHEAP_INVALID_ARGUMENT,
        ErrorKind::NotFound => FHEAP_NOT_FOUND,
        ErrorKind::AlreadyExists => FHEAP_ALREADY_EXISTS,
        ErrorKind::PermissionDenied => FHEAP_PERMISSION_DENIED,
        ErrorKind::NotAFile => FHEAP_NOT_A_FILE,
        ErrorKind::NotAHeap => FHEAP_NOT_A_HEAP,
        ErrorKind::NewerFormat => FHEAP_NEWER_FORMAT,
        ErrorKind::ForeignMachine => FHEAP_FOREIGN_MACHINE,
        ErrorKind::Truncated => FHEAP_TRUNCATED,
        ErrorKind::Corrupt => FHEAP_CORRUPT,
        ErrorKind::LogMissing => FHEAP_LOG_MISSING,
        ErrorKind::ReadOnly => FHEAP_READ_ONLY_HEAP,
        ErrorKind::NetworkFilesystem => FHEAP_NETWORK_FILESYSTEM,
        ErrorKind::DiskFull => FHEAP_DISK_FULL,
        ErrorKind::LimitReached => FHEAP_LIMIT_REACHED,
        ErrorKind::AddressTaken => FHEAP_ADDRESS_TAKEN,
        ErrorKind::Busy => FHEAP_BUSY,
        ErrorKind::Nested => FHEAP_NESTED,
        ErrorKind::Poisoned => FHEAP_POISONED,
        ErrorKind::Closed => FHEAP_CLOSED,
        ErrorKind::ForkedChild => FHEAP_FORKED_CHILD,
        ErrorKind::BadPointer => FHEAP_BAD_POINTER,
        ErrorKind::Unsupported => FHEAP_UNSUPPORTED,
        ErrorKind::WrongType => FHEAP_WRONG_TYPE,
        ErrorKind::Replaced => FHEAP_REPLACED,
        _ => FHEAP_IO,
    }
}

fn text(bytes: &[u8]) -> CString {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

#[cold]
fn note(status: fheap_status, message: &str, error: Option<&Error>) -> fheap_status {
    let failure = Failure {
        status,
        message: text(message.as_bytes()),
        path: error.and_then(Error::path).map(|path| text(path.as_os_str().as_bytes())),
        offset: error.and_then(Error::file_offset).unwrap_or(0),
    };
    // A thread that is past its destructors has nobody to tell.
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(failure));
    status
}

/// Remembers an error for the calling thread. Takes it, so that callers need not drop it.
#[cold]
#[inline(never)]
fn fail(error: Error) -> fheap_status {
    note(status_of(error.kind()), &error.to_string(), Some(&error))
}

#[cold]
#[inline(never)]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> fheap_status {
    let said = cause.downcast_ref::<&str>().copied();
    let said = said.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    let text = format!("a defect of fileheap: {}", said.unwrap_or("panic"));
    note(FHEAP_INTERNAL, &text, None)
}

/// Runs what a function does; no error and no panic gets past it.
#[inline(always)]
pub(crate) fn value<T>(failed: T, body: impl FnOnce() -> Result<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            fail(error);
            failed
        }
        Err(cause) => {
            panicked(cause);
            failed
        }
    }
}

/// The same for functions whose answer is a status.
#[inline(always)]
pub(crate) fn status(body: impl FnOnce() -> Result<()>) -> fheap_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => FHEAP_OK,
        Ok(Err(error)) => fail(error),
        Err(cause) => panicked(cause),
    }
}

fn last<T>(none: T, read: impl FnOnce(&Failure) -> T) -> T {
    LAST.try_with(|last| last.borrow().as_ref().map(read)).ok().flatten().unwrap_or(none)
}

/// What went wrong in the last call of this thread that failed: what, in which file and where,
/// found and expected, what to do. Never NULL; good until the next failing call of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_last_error() -> *const c_char {
    last(c"".as_ptr(), |failure| failure.message.as_ptr())
}

/// The status of that call; FHEAP_OK if none has failed in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_last_status() -> fheap_status {
    last(FHEAP_OK, |failure| failure.status)
}

/// The file it was about, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_last_path() -> *const c_char {
    last(null(), |failure| failure.path.as_ref().map_or(null(), |path| path.as_ptr()))
}

/// The byte in that file it was about, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_last_offset() -> u64 {
    last(0, |failure| failure.offset)
}

/// This library's version, as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn fheap_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_the_numbers_of_the_engine() {
        use ErrorKind::*;
        let kinds = [
            InvalidArgument,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            NotAFile,
            NotAHeap,
            NewerFormat,
            ForeignMachine,
            Truncated,
            Corrupt,
            LogMissing,
            ReadOnly,
            NetworkFilesystem,
            DiskFull,
            LimitReached,
            AddressTaken,
            Busy,
            Nested,
            Poisoned,
            Closed,
            ForkedChild,
            BadPointer,
            Unsupported,
            WrongType,
            Io,
            Replaced,
        ];
        for (index, kind) in kinds.into_iter().enumerate() {
            assert_eq!(kind as usize, index + 1);
            assert_eq!(status_of(kind) as usize, index + 1);
        }
    }

    #[test]
    fn a_panic_ends_at_the_border() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        assert_eq!(status(|| panic!("on purpose")), FHEAP_INTERNAL);
        assert_eq!(value(7, || panic!("again")), 7);
        std::panic::set_hook(hook);
        assert_eq!(last(FHEAP_OK, |failure| failure.status), FHEAP_INTERNAL);
        assert!(last(false, |failure| failure.message.to_string_lossy().contains("again")));
    }
}
