//! Small wrappers around system calls: error numbers, interrupted calls, mappings that unmap.

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A huge page, where the OS page has 4 KiB.
pub(super) const HUGE_BYTES: u64 = 2 << 20;

/// The size of a page of memory on this machine.
pub(super) fn os_page_bytes() -> u64 {
    static CACHED: AtomicU64 = AtomicU64::new(0);
    match CACHED.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: sysconf has no preconditions.
            let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let bytes = u64::try_from(bytes).unwrap_or(4096);
            CACHED.store(bytes, Ordering::Relaxed);
            bytes
        }
        bytes => bytes,
    }
}

/// -1 becomes the error that errno names.
pub(super) fn check<T: PartialOrd + Default>(result: T) -> io::Result<T> {
    if result < T::default() { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Repeats a call that a signal interrupted.
pub(super) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            result => return result,
        }
    }
}

/// An offset as the kernel wants it.
pub(super) fn file_offset(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
}

pub(super) fn round_down(value: u64, unit: u64) -> u64 {
    value - value % unit
}

pub(super) fn round_up(value: u64, unit: u64) -> u64 {
    value.next_multiple_of(unit)
}

pub(super) fn overlap(a: &Range<u64>, b: &Range<u64>) -> Range<u64> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// mmap, with its error as a value.
///
/// # Safety
/// With MAP_FIXED the range is replaced: it must belong to the caller, and nobody may rely on
/// what was mapped there.
pub(super) unsafe fn map(
    address: *mut u8,
    bytes: u64,
    protection: libc::c_int,
    flags: libc::c_int,
    file: Option<(RawFd, u64)>,
) -> io::Result<*mut u8> {
    let (fd, offset) = file.unwrap_or((-1, 0));
    let offset = file_offset(offset)?;
    // SAFETY: the caller owns the range where MAP_FIXED is given; else the kernel picks a free one.
    let at = unsafe { libc::mmap(address.cast(), bytes as usize, protection, flags, fd, offset) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast()) }
}

/// A mapping of its own that goes away with this value.
#[derive(Debug)]
pub(super) struct Mapping {
    pointer: *mut u8,
    bytes: u64,
}

// SAFETY: it is only an address range; what is stored there is the user's affair.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` of a file, or zeros where no file is given.
    pub(super) fn new(
        file: Option<RawFd>,
        bytes: u64,
        protection: libc::c_int,
        sharing: libc::c_int,
    ) -> io::Result<Self> {
        let flags = sharing | if file.is_none() { libc::MAP_ANONYMOUS } else { 0 };
        let file = file.map(|fd| (fd, 0));
        // SAFETY: without MAP_FIXED the kernel picks a free range.
        let pointer = unsafe { map(std::ptr::null_mut(), bytes, protection, flags, file) }?;
        Ok(Self { pointer, bytes })
    }

    /// Takes charge of a range that is mapped already.
    pub(super) fn from_raw(pointer: *mut u8, bytes: u64) -> Self {
        Self { pointer, bytes }
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.pointer
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours alone; users were told that it lives as long as this value.
        unsafe { libc::munmap(self.pointer.cast(), self.bytes as usize) };
    }
}

/// Processor time this thread has used: what something cost, whoever else was at work.
pub(super) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
