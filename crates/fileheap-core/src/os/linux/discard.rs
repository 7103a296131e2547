//! Dropping private pages, many ranges in one call where the kernel can.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::sys::{check, retry};

/// Fewer ranges are dropped one by one.
const BATCH_MIN: usize = 16;
/// The kernel takes no more ranges in one call.
const BATCH_MAX: usize = 1024;

/// Drops what is private in whole OS pages of a view that begins at `base`.
pub(super) fn drop_pages(base: *mut u8, ranges: &[Range<u64>]) -> io::Result<()> {
    let rest = if ranges.len() < BATCH_MIN { ranges } else { drop_batches(base, ranges) };
    for range in rest {
        let at = base.wrapping_add(range.start as usize).cast();
        let bytes = (range.end - range.start) as usize;
        // SAFETY: the range is mapped from the file, so dropped pages show the file again, as
        // the caller wants.
        retry(|| check(unsafe { libc::madvise(at, bytes, libc::MADV_DONTNEED) }))?;
    }
    Ok(())
}

/// Returns the ranges it did not manage: all of them before Linux 6.13.
fn drop_batches(base: *mut u8, ranges: &[Range<u64>]) -> &[Range<u64>] {
    // SAFETY: pidfd_open takes integers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    if fd < 0 {
        return ranges;
    }
    // SAFETY: the descriptor is new, nobody else owns it.
    let myself = unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) };
    let mut rest = ranges;
    while !rest.is_empty() {
        let batch = &rest[..rest.len().min(BATCH_MAX)];
        let total: u64 = batch.iter().map(|range| range.end - range.start).sum();
        let parts: Vec<libc::iovec> = batch
            .iter()
            .map(|range| libc::iovec {
                iov_base: base.wrapping_add(range.start as usize).cast(),
                iov_len: (range.end - range.start) as usize,
            })
            .collect();
        let (fd, advice) = (myself.as_raw_fd(), libc::MADV_DONTNEED);
        let (pointer, count) = (parts.as_ptr(), parts.len());
        // SAFETY: as in `drop_pages`; parts lives through the call.
        let done =
            unsafe { libc::syscall(libc::SYS_process_madvise, fd, pointer, count, advice, 0) };
        // A part that was done already may be done again.
        if done as u64 != total {
            break;
        }
        rest = &rest[batch.len()..];
    }
    rest
}
