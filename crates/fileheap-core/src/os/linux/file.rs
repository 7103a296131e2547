//! A file read and written by position: vectored writes, reserved space, a shared window.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use super::sys::{Mapping, check, file_offset, retry};
use crate::os::File;

/// The kernel takes no more parts in one call.
const PARTS_MAX: usize = 1024;
/// What zeros are written from where the filesystem cannot reserve space by itself.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A regular file.
#[derive(Debug)]
pub struct LinuxFile {
    fd: OwnedFd,
    writable: bool,
    windows: Mutex<Vec<Mapping>>,
}

impl LinuxFile {
    pub(super) fn new(fd: OwnedFd, writable: bool) -> Self {
        Self { fd, writable, windows: Mutex::new(Vec::new()) }
    }

    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn stat(&self) -> io::Result<libc::stat> {
        let mut stat = MaybeUninit::uninit();
        // SAFETY: the descriptor is open and the pointer has room for a stat.
        check(unsafe { libc::fstat(self.raw(), stat.as_mut_ptr()) })?;
        // SAFETY: fstat succeeded, so it filled the struct.
        Ok(unsafe { stat.assume_init() })
    }

    fn allocate(&self, mode: libc::c_int, range: &Range<u64>) -> io::Result<()> {
        let offset = file_offset(range.start)?;
        let len = file_offset(range.end - range.start)?;
        // SAFETY: fallocate takes integers only.
        retry(|| check(unsafe { libc::fallocate(self.raw(), mode, offset, len) })).map(drop)
    }

    fn write_zeros(&self, range: Range<u64>) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end {
            let count = (range.end - at).min(ZEROS.len() as u64);
            self.write_at(at, &[IoSlice::new(&ZEROS[..count as usize])])?;
            at += count;
        }
        Ok(())
    }

    /// The next hole at or after `from`, no further than `end`.
    fn next_hole(&self, from: u64, end: u64) -> io::Result<Range<u64>> {
        let seek = |at: u64, whence| {
            let at = file_offset(at)?;
            // SAFETY: lseek takes integers only; nobody uses the file position.
            check(unsafe { libc::lseek(self.raw(), at, whence) }).map(|found| found as u64)
        };
        let len = self.len()?;
        if from >= len {
            return Ok(from..end);
        }
        let start = seek(from, libc::SEEK_HOLE)?;
        let stop = if start >= len {
            end
        } else {
            match seek(start, libc::SEEK_DATA) {
                Ok(stop) => stop,
                Err(error) if error.raw_os_error() == Some(libc::ENXIO) => end,
                Err(error) => return Err(error),
            }
        };
        Ok(start.min(end)..stop.min(end))
    }

    pub(super) fn fill_holes(&self, range: Range<u64>) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end {
            let hole = self.next_hole(at, range.end)?;
            self.write_zeros(hole.clone())?;
            at = hole.end;
        }
        Ok(())
    }
}

/// Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ, which kills: an error is enough.
fn within_limit(end: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: the pointer is to a valid rlimit.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    if known && limit.rlim_cur != libc::RLIM_INFINITY && end > limit.rlim_cur {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    Ok(())
}

pub(super) fn lacks_support(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS))
}

impl File for LinuxFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.stat()?.st_size as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < out.len() {
            let rest = &mut out[done..];
            let at = file_offset(offset + done as u64)?;
            let count = retry(|| {
                let (pointer, room) = (rest.as_mut_ptr().cast(), rest.len());
                // SAFETY: the kernel writes at most rest.len() bytes into rest.
                check(unsafe { libc::pread(self.raw(), pointer, room, at) })
            })?;
            if count == 0 {
                break;
            }
            done += count as usize;
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let total: u64 = parts.iter().map(|part| part.len() as u64).sum();
        within_limit(offset.saturating_add(total))?;
        let mut at = offset;
        let mut index = 0;
        let mut skip = 0;
        while index < parts.len() {
            if parts[index].len() == skip {
                (index, skip) = (index + 1, 0);
                continue;
            }
            let place = file_offset(at)?;
            let written = retry(|| {
                if skip > 0 {
                    let rest = &parts[index][skip..];
                    let (pointer, count) = (rest.as_ptr().cast(), rest.len());
                    // SAFETY: rest is readable for its length.
                    return check(unsafe { libc::pwrite(self.raw(), pointer, count, place) });
                }
                let count = (parts.len() - index).min(PARTS_MAX) as libc::c_int;
                let pointer = parts[index..].as_ptr().cast::<libc::iovec>();
                // SAFETY: IoSlice is promised to have the layout of iovec; count of them exist.
                check(unsafe { libc::pwritev(self.raw(), pointer, count, place) })
            })?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            at += written as u64;
            let mut left = written as usize;
            while left > 0 {
                let step = left.min(parts[index].len() - skip);
                (left, skip) = (left - step, skip + step);
                if skip == parts[index].len() {
                    (index, skip) = (index + 1, 0);
                }
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        // SAFETY: fdatasync takes a descriptor only.
        retry(|| check(unsafe { libc::fdatasync(self.raw()) })).map(drop)
    }

    fn flush(&self, range: Range<u64>) -> io::Result<()> {
        let offset = file_offset(range.start)?;
        let len = file_offset(range.end - range.start)?;
        let flags = libc::SYNC_FILE_RANGE_WRITE;
        // SAFETY: sync_file_range takes integers only.
        match retry(|| check(unsafe { libc::sync_file_range(self.raw(), offset, len, flags) })) {
            Err(error) if !lacks_support(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        within_limit(range.end)?;
        let len = self.len()?;
        let done = match self.allocate(libc::FALLOC_FL_KEEP_SIZE, &range) {
            Err(error) if lacks_support(&error) => self.fill_holes(range.clone()),
            Ok(()) if range.end > len => self.truncate(range.end),
            result => result,
        };
        // A full disk refuses after it has given what it had. That lies behind the end, which is
        // set last, so that nobody maps it: cutting there gives it back.
        if done.is_err() && range.end > len {
            let _ = self.truncate(len);
        }
        done
    }

    fn punch(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.allocate(libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, &range)
    }

    fn zero(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        within_limit(range.end)?;
        match self.allocate(libc::FALLOC_FL_ZERO_RANGE, &range) {
            Err(error) if lacks_support(&error) => self.write_zeros(range),
            result => result,
        }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        within_limit(len)?;
        let len = file_offset(len)?;
        // SAFETY: ftruncate takes integers only.
        retry(|| check(unsafe { libc::ftruncate(self.raw(), len) })).map(drop)
    }

    fn disk_bytes(&self) -> io::Result<u64> {
        Ok(self.stat()?.st_blocks as u64 * 512)
    }

    fn clone_from(&self, source: &dyn File) -> io::Result<()> {
        /// `_IOW(0x94, 9, int)`: share the disk space of another file.
        const FICLONE: libc::c_ulong = 0x4004_9409;
        let source = source.descriptor().ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: the request takes two descriptors and no memory.
        retry(|| check(unsafe { libc::ioctl(self.raw(), FICLONE as _, source) })).map(drop)
    }

    fn descriptor(&self) -> Option<i32> {
        Some(self.raw())
    }

    fn window(&self, bytes: u64) -> Option<*mut u8> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.iter().find(|window| window.bytes() >= bytes) {
            return Some(window.pointer());
        }
        if !self.writable || bytes == 0 || self.len().ok()? < bytes {
            return None;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let window = Mapping::new(Some(self.raw()), bytes, protection, libc::MAP_SHARED).ok()?;
        let pointer = window.pointer();
        windows.push(window);
        Some(pointer)
    }
}
