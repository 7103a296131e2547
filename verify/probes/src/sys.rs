//! The few system calls the probes share, wrapped so that the probes themselves stay readable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Smallest unit of mapping and of page state.
pub fn page_bytes() -> usize {
    // SAFETY: sysconf reads a constant.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Turns -1 into the system's error.
pub fn checked(result: i64) -> io::Result<i64> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A scratch file that vanishes with the value.
pub struct Scratch {
    /// The open file.
    pub file: File,
    /// Where it is.
    pub path: PathBuf,
}

impl Scratch {
    /// A new file of `pages` pages, each filled with its number + 1.
    pub fn new(dir: &Path, pages: usize) -> io::Result<Scratch> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("fileheap-probe-{}-{number}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let scratch = Scratch { file, path };
        for page in 0..pages {
            scratch.write(page, page as u8 + 1)?;
        }
        Ok(scratch)
    }

    /// Fills one page with `value` by pwrite.
    pub fn write(&self, page: usize, value: u8) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let size = page_bytes();
        self.file.write_all_at(&vec![value; size], (page * size) as u64)
    }

    /// The first byte of a page, by pread.
    pub fn read(&self, page: usize) -> io::Result<u8> {
        use std::os::unix::fs::FileExt;
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, (page * page_bytes()) as u64)?;
        Ok(byte[0])
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A mapping, accessed by page; unmapped on drop.
pub struct Map {
    base: *mut u8,
    bytes: usize,
}

impl Map {
    /// mmap with everything explicit. `at` 0: anywhere.
    pub fn raw(at: usize, bytes: usize, prot: i32, flags: i32, fd: i32) -> io::Result<Map> {
        // SAFETY: callers pass MAP_FIXED only for addresses inside a live mapping of their own.
        let base = unsafe { libc::mmap(at as *mut _, bytes, prot, flags, fd, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Map { base: base.cast(), bytes })
    }

    /// The first pages of a file, readable and writable, MAP_PRIVATE or MAP_SHARED.
    pub fn file(scratch: &Scratch, pages: usize, flags: i32) -> io::Result<Map> {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        Map::raw(0, pages * page_bytes(), prot, flags, scratch.file.as_raw_fd())
    }

    /// Maps the same file over this mapping with other flags, at the same place.
    pub fn replace(&self, scratch: &Scratch, flags: i32) -> io::Result<()> {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = flags | libc::MAP_FIXED;
        let fd = scratch.file.as_raw_fd();
        std::mem::forget(Map::raw(self.address(), self.bytes, prot, flags, fd)?);
        Ok(())
    }

    /// Where it starts.
    pub fn address(&self) -> usize {
        self.base as usize
    }

    /// Its length.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A pointer to a page's first byte.
    pub fn page(&self, page: usize) -> *mut u8 {
        assert!((page + 1) * page_bytes() <= self.bytes);
        self.base.wrapping_add(page * page_bytes())
    }

    /// Loads a page's first byte.
    pub fn load(&self, page: usize) -> u8 {
        // SAFETY: `page` is inside the mapping; volatile, since the kernel changes it as well.
        unsafe { self.page(page).read_volatile() }
    }

    /// Stores a page's first byte.
    pub fn store(&self, page: usize, value: u8) {
        // SAFETY: as in `load`.
        unsafe { self.page(page).write_volatile(value) }
    }

    /// madvise(MADV_DONTNEED) for one page.
    pub fn drop_page(&self, page: usize) -> io::Result<()> {
        // SAFETY: the page is ours; what is dropped is only a test pattern.
        let result =
            unsafe { libc::madvise(self.page(page).cast(), page_bytes(), libc::MADV_DONTNEED) };
        checked(result.into()).map(drop)
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and no reference into it exists.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// exit with this status.
    Exit(i32),
    /// Killed by this signal.
    Signal(i32),
}

/// A forked child.
pub struct Child(libc::pid_t);

impl Child {
    /// Runs `body` in a child process, which exits with its result. The child of a program with
    /// other threads should do little more than system calls.
    pub fn start(body: impl FnOnce() -> i32) -> io::Result<Child> {
        // SAFETY: the child runs `body` and leaves by _exit, without unwinding into the parent's
        // frames.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends this process.
            unsafe { libc::_exit(status.unwrap_or(101)) };
        }
        checked(pid.into()).map(|pid| Child(pid as libc::pid_t))
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }

    /// Waits for its end.
    pub fn wait(self) -> io::Result<Ended> {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        checked(unsafe { libc::waitpid(self.0, &raw mut status, 0) }.into())?;
        Ok(if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status))
        } else {
            Ended::Exit(libc::WEXITSTATUS(status))
        })
    }
}

/// Runs `body` in a child and waits for it.
pub fn in_child(body: impl FnOnce() -> i32) -> io::Result<Ended> {
    Child::start(body)?.wait()
}

/// Kills this very process as the OOM killer would.
pub fn kill_self() -> ! {
    // SAFETY: ends this process; no handler runs.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        libc::_exit(100)
    }
}
