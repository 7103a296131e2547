//! Locks that die with their holder (OFD locks), the shared bulletin, and sleeping on its words.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use super::file::lacks_support;
use super::fork::LockFd;
use super::sys::{Mapping, check, retry};
use crate::format::{Bulletin, PREAMBLE_BYTES};
use crate::os::{Board, Lock, Mode, Wait};

/// Where the lock bytes begin: far beyond any data.
const LOCK_BASE: i64 = 1 << 62;
const PAUSE_MIN: Duration = Duration::from_micros(50);
const PAUSE_MAX: Duration = Duration::from_millis(5);

/// The board of a heap file.
#[derive(Debug)]
pub struct LinuxBoard {
    fd: LockFd,
    writable: bool,
    preamble: Mapping,
}

impl LinuxBoard {
    /// `open` opens the heap file once more: locks belong to that open file description alone.
    /// `mapped` is one that may be mapped, if there is one with the right to do so.
    pub(super) fn new(
        open: impl Fn() -> io::Result<OwnedFd>,
        mapped: Option<RawFd>,
        writable: bool,
        file_bytes: u64,
    ) -> io::Result<Self> {
        let write = if writable { libc::PROT_WRITE } else { 0 };
        // A mapping keeps its open file description alive, and a child inherits mappings: made
        // through the description that is locked, it would keep the locks of a dead parent.
        let another = if mapped.is_none() { Some(open()?) } else { None };
        let mapped = mapped.or(another.as_ref().map(AsRawFd::as_raw_fd));
        // A shorter file is no heap and will be refused: whoever asks its bulletin shall not die.
        let (file, protection) = if file_bytes < PREAMBLE_BYTES {
            (None, libc::PROT_READ | libc::PROT_WRITE)
        } else {
            (mapped, libc::PROT_READ | write)
        };
        let preamble = Mapping::new(file, PREAMBLE_BYTES, protection, libc::MAP_SHARED)?;
        let fd = LockFd::open(open)?;
        Ok(Self { fd, writable, preamble })
    }

    /// One fcntl; false when somebody else holds the lock.
    fn attempt(&self, command: libc::c_int, request: &mut libc::flock) -> io::Result<bool> {
        let fd = self.fd.get()?;
        // SAFETY: request is a valid flock for the whole call.
        match retry(|| check(unsafe { libc::fcntl(fd, command, &raw mut *request) })) {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EACCES) => Ok(false),
                // An exclusive lock needs a descriptor open for writing.
                Some(libc::EBADF) => Err(io::Error::from_raw_os_error(libc::EACCES)),
                _ => Err(error),
            },
        }
    }
}

fn position(lock: Lock) -> i64 {
    LOCK_BASE
        + match lock {
            Lock::Door => 0,
            Lock::Presence => 1,
            Lock::Blind => 2,
            Lock::Slot(index) => 16 + i64::from(index),
        }
}

fn request(lock: Lock, kind: libc::c_int) -> libc::flock {
    // SAFETY: flock consists of integers, for which zero is a value; l_pid must be zero.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind as libc::c_short;
    request.l_whence = libc::SEEK_SET as libc::c_short;
    request.l_start = position(lock);
    request.l_len = 1;
    request
}

impl Board for LinuxBoard {
    fn reserve(&self) -> io::Result<()> {
        if !self.writable {
            return Ok(());
        }
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        let fd = self.fd.get()?;
        // SAFETY: the descriptor is open and the pointer has room for a stat.
        check(unsafe { libc::fstat(fd, stat.as_mut_ptr()) })?;
        // SAFETY: fstat succeeded, so it filled the struct.
        let stat = unsafe { stat.assume_init() };
        if stat.st_blocks * 512 >= stat.st_size {
            return Ok(());
        }
        let start = Bulletin::OFFSET as libc::off_t;
        let len = PREAMBLE_BYTES as libc::off_t - start;
        // SAFETY: fallocate takes integers only.
        match retry(|| check(unsafe { libc::fallocate(fd, 0, start, len) })) {
            Err(error) if lacks_support(&error) => Ok(()),
            done => done.map(drop),
        }
    }

    fn bulletin(&self) -> &Bulletin {
        let at = self.preamble.pointer().wrapping_add(Bulletin::OFFSET as usize);
        // SAFETY: the mapping covers the preamble, whose rest is exactly the bulletin; it is
        // page-aligned, lives as long as self, and consists of atomics (and unread padding).
        unsafe { &*at.cast::<Bulletin>() }
    }

    fn lock(&self, lock: Lock, mode: Mode, wait: Wait) -> io::Result<bool> {
        let kind = if mode == Mode::Shared { libc::F_RDLCK } else { libc::F_WRLCK };
        let mut pause = PAUSE_MIN;
        loop {
            if self.attempt(libc::F_OFD_SETLK, &mut request(lock, kind))? {
                return Ok(true);
            }
            let deadline = match wait {
                Wait::Try => return Ok(false),
                Wait::Forever => {
                    return self.attempt(libc::F_OFD_SETLKW, &mut request(lock, kind));
                }
                Wait::Until(deadline) => deadline,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        self.attempt(libc::F_OFD_SETLK, &mut request(lock, libc::F_UNLCK)).map(drop)
    }

    fn held_elsewhere(&self, lock: Lock) -> io::Result<bool> {
        let mut request = request(lock, libc::F_WRLCK);
        self.attempt(libc::F_OFD_GETLK, &mut request)?;
        Ok(libc::c_int::from(request.l_type) != libc::F_UNLCK)
    }

    fn sleep(&self, word: &AtomicU32, seen: u32, limit: Duration) {
        let timeout = libc::timespec {
            tv_sec: limit.as_secs().min(1 << 30) as libc::time_t,
            tv_nsec: limit.subsec_nanos().into(),
        };
        let (address, timeout) = (word.as_ptr(), &raw const timeout);
        // SAFETY: word and timeout are valid; not FUTEX_PRIVATE, as other processes wake us.
        unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAIT, seen, timeout) };
    }

    fn wake(&self, word: &AtomicU32) {
        // SAFETY: word is valid; waking touches no memory.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }

    fn is_mine(&self) -> bool {
        self.fd.is_mine()
    }

    fn is_writable(&self) -> bool {
        self.writable
    }
}
