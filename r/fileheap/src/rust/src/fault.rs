//! Faults: what an entry tells C when it failed, and the wall that no panic passes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fileheap_core::{Error, ErrorKind};

/// Room for the class of a condition, its text and a path.
const CLASS_BYTES: usize = 32;
const TEXT_BYTES: usize = 2048;
const PATH_BYTES: usize = 1024;

/// What went wrong, in a form that C can read. All texts end with NUL.
#[repr(C)]
pub struct Fault {
    class: [u8; CLASS_BYTES],
    text: [u8; TEXT_BYTES],
    path: [u8; PATH_BYTES],
    /// Byte offset in the file, or -1.
    offset: i64,
    /// Process that holds what was asked for, or 0.
    pid: i64,
}

/// What the functions behind the entries return.
pub type Outcome<T> = Result<T, Problem>;

/// An error of the engine, or one of this package's own.
pub struct Problem {
    class: &'static str,
    text: String,
    path: String,
    offset: Option<u64>,
    pid: u32,
}

impl Problem {
    /// An error with a class of this package's own: the condition is `fileheap_error_<class>`.
    pub fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into(), path: String::new(), offset: None, pid: 0 }
    }

    /// Adds the heap file.
    pub fn at(mut self, path: &std::path::Path) -> Self {
        self.path = path.to_string_lossy().into_owned();
        self
    }

    /// Adds the process that is in the way.
    pub fn by(mut self, pid: u32) -> Self {
        self.pid = pid;
        self
    }

    /// Whether somebody else holds the writer word.
    pub fn is_busy(&self) -> bool {
        self.class == "busy"
    }
}

/// What the engine advises by words of its own, and how R says it.
const IN_R: [(&str, &str); 2] = [
    ("limit_bytes", "size_gb"),
    (
        "only, copy it to a local disk, or insist with allow_network",
        "only, or copy it to a local disk",
    ),
];

/// The engine's text, its advice in R's words. The advice comes last.
fn text_in_r(error: &Error) -> String {
    let text = error.to_string();
    let Some((what, advice)) = text.rsplit_once("; ") else { return text };
    let advice = IN_R.iter().fold(advice.to_owned(), |it, (from, to)| it.replace(from, to));
    format!("{what}; {advice}")
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let path = error.path().map(|path| path.to_string_lossy().into_owned());
        Self {
            class: class_of(error.kind()),
            text: text_in_r(&error),
            path: path.unwrap_or_default(),
            offset: error.file_offset(),
            pid: 0,
        }
    }
}

fn class_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => "invalid_argument",
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::PermissionDenied => "permission_denied",
        ErrorKind::NotAFile => "not_a_file",
        ErrorKind::NotAHeap => "not_a_heap",
        ErrorKind::NewerFormat => "newer_format",
        ErrorKind::ForeignMachine => "foreign_machine",
        ErrorKind::Truncated => "truncated",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::LogMissing => "log_missing",
        ErrorKind::ReadOnly => "read_only",
        ErrorKind::NetworkFilesystem => "network_filesystem",
        ErrorKind::DiskFull => "disk_full",
        ErrorKind::LimitReached => "limit_reached",
        ErrorKind::AddressTaken => "address_taken",
        ErrorKind::Busy => "busy",
        ErrorKind::Nested => "nested",
        ErrorKind::Poisoned => "poisoned",
        ErrorKind::Closed => "closed",
        ErrorKind::ForkedChild => "forked_child",
        ErrorKind::BadPointer => "corrupt",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::WrongType => "wrong_type",
        ErrorKind::Replaced => "replaced",
        _ => "io",
    }
}

fn put(room: &mut [u8], text: &str) {
    let mut len = text.len().min(room.len() - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    room[..len].copy_from_slice(&text.as_bytes()[..len]);
    room[len] = 0;
}

impl Fault {
    fn fill(&mut self, problem: &Problem) {
        put(&mut self.class, problem.class);
        put(&mut self.text, &problem.text);
        put(&mut self.path, &problem.path);
        self.offset = problem.offset.map_or(-1, |offset| offset as i64);
        self.pid = i64::from(problem.pid);
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// Runs an entry; 0 if it succeeded, 1 if `fault` says what went wrong.
///
/// # Safety
/// `fault` points at a Fault that nobody else uses.
pub unsafe fn guard(fault: *mut Fault, entry: impl FnOnce() -> Outcome<()>) -> i32 {
    let problem = match catch_unwind(AssertUnwindSafe(entry)) {
        Ok(Ok(())) => return 0,
        Ok(Err(problem)) => problem,
        Err(panic) => {
            let text = format!("a defect of fileheap: {}; please report it", panic_text(&*panic));
            Problem::new("internal", text)
        }
    };
    // SAFETY: the caller's promise.
    unsafe { (*fault).fill(&problem) };
    1
}

/// The same for an entry that gives one result, stored only if it succeeded.
///
/// # Safety
/// As `guard`, and `result` is a place for it.
pub unsafe fn answer<T>(
    fault: *mut Fault,
    result: *mut T,
    entry: impl FnOnce() -> Outcome<T>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            *result = entry()?;
            Ok(())
        })
    }
}

/// Runs what cannot tell anybody of a failure; None if it panicked.
pub fn calm<T>(quiet: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(quiet)).ok()
}

/// Panics are reported as conditions: nothing is written to the terminal.
#[unsafe(no_mangle)]
pub extern "C" fn fh_init() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// For the test that a panic becomes an ordinary R error.
///
/// # Safety
/// As `guard`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_panic(fault: *mut Fault) -> i32 {
    // SAFETY: passed on.
    unsafe { guard(fault, || panic!("asked for by a test")) }
}
