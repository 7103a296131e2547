//! What fork would break: lock descriptors that a child inherits, and who we are.
//!
//! A child shares the open file description of its parent, so it would keep the locks of a
//! dead parent alive. A handler that the C library runs in the child closes those descriptors.

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

const CHUNK_FDS: usize = 1024;
const EMPTY: RawFd = -1;

/// Descriptors to close in a child. Full chunks get a successor, which is never freed.
struct Chunk {
    fds: [AtomicI32; CHUNK_FDS],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        let fds = [const { AtomicI32::new(EMPTY) }; CHUNK_FDS];
        Self { fds, next: AtomicPtr::new(ptr::null_mut()) }
    }

    fn next(&self) -> Option<&'static Chunk> {
        // SAFETY: null or a leaked chunk.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }
}

static TABLE: Chunk = Chunk::new();
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// Held while a descriptor is opened and noted, or forgotten and closed; fork waits for it.
static GATE: AtomicBool = AtomicBool::new(false);

struct Gate;

impl Gate {
    fn pass() -> Self {
        shut_gate();
        Self
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        open_gate();
    }
}

extern "C" fn shut_gate() {
    while GATE.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
        // SAFETY: sched_yield has no preconditions.
        unsafe { libc::sched_yield() };
    }
}

extern "C" fn open_gate() {
    GATE.store(false, Ordering::Release);
}

extern "C" fn in_child() {
    // SAFETY: getpid has no preconditions.
    PROCESS.store(unsafe { libc::getpid() } as u32, Ordering::Relaxed);
    let mut chunk = Some(&TABLE);
    while let Some(current) = chunk {
        for entry in &current.fds {
            let fd = entry.swap(EMPTY, Ordering::Relaxed);
            if fd != EMPTY {
                // SAFETY: only `LockFd` owns this descriptor, and it sees that it lost it.
                unsafe { libc::close(fd) };
            }
        }
        chunk = current.next();
    }
    open_gate();
}

/// The number of this process, without a system call after the first time.
pub(super) fn process() -> u32 {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handlers only touch atomics and call functions that are safe after fork.
        unsafe { libc::pthread_atfork(Some(shut_gate), Some(open_gate), Some(in_child)) };
        // SAFETY: getpid has no preconditions.
        PROCESS.store(unsafe { libc::getpid() } as u32, Ordering::Relaxed);
    });
    PROCESS.load(Ordering::Relaxed)
}

/// A descriptor that only the process that opened it has.
#[derive(Debug)]
pub(super) struct LockFd {
    fd: RawFd,
    process: u32,
}

impl LockFd {
    pub(super) fn open(open: impl FnOnce() -> io::Result<OwnedFd>) -> io::Result<Self> {
        let process = process();
        let _gate = Gate::pass();
        let fd = open()?.into_raw_fd();
        note(fd);
        Ok(Self { fd, process })
    }

    pub(super) fn is_mine(&self) -> bool {
        self.process == process()
    }

    /// The descriptor; an error in a forked child, where its number may mean another file.
    pub(super) fn get(&self) -> io::Result<RawFd> {
        if self.is_mine() {
            return Ok(self.fd);
        }
        Err(io::Error::other("the locks of a heap do not pass to a forked child"))
    }
}

impl Drop for LockFd {
    fn drop(&mut self) {
        if self.is_mine() {
            let _gate = Gate::pass();
            forget(self.fd);
            unlock_all(self.fd);
            // SAFETY: opened by us, closed nowhere else in this process.
            drop(unsafe { OwnedFd::from_raw_fd(self.fd) });
        }
    }
}

/// Closing is not enough: a child of another thread that is just being born has the descriptor,
/// too, until its handler (or exec) closes it, and would keep the locks so long.
fn unlock_all(fd: RawFd) {
    // SAFETY: flock consists of integers, for which zero is a value: everything, from 0 to the end.
    let mut all: libc::flock = unsafe { std::mem::zeroed() };
    all.l_type = libc::F_UNLCK as libc::c_short;
    all.l_whence = libc::SEEK_SET as libc::c_short;
    // SAFETY: the descriptor is open and `all` is a valid flock.
    unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw mut all) };
}

fn replace(chunk: &Chunk, old: RawFd, new: RawFd) -> bool {
    chunk
        .fds
        .iter()
        .any(|entry| entry.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok())
}

fn note(fd: RawFd) {
    let mut chunk = &TABLE;
    while !replace(chunk, EMPTY, fd) {
        // The gate is ours, so nobody else appends a chunk.
        chunk = chunk.next().unwrap_or_else(|| {
            let fresh: &'static Chunk = Box::leak(Box::new(Chunk::new()));
            chunk.next.store(ptr::from_ref(fresh).cast_mut(), Ordering::Release);
            fresh
        });
    }
}

fn forget(fd: RawFd) {
    let mut chunk = Some(&TABLE);
    while let Some(current) = chunk {
        if replace(current, fd, EMPTY) {
            return;
        }
        chunk = current.next();
    }
}
