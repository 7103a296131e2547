//! What several processes see: A4, A10, A14, A20.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::sys::{Child, Ended, Map, Scratch, checked, in_child, kill_self};
use crate::{Outcome, judge};

const SHARED: i32 = libc::MAP_SHARED;
const PRIVATE: i32 = libc::MAP_PRIVATE;

/// Tries to lock one byte exclusively; false if someone else holds it.
fn lock(file: &impl AsRawFd, byte: i64) -> io::Result<bool> {
    // SAFETY: flock is plain data; all zeros is a valid value.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = libc::F_WRLCK as i16;
    range.l_whence = libc::SEEK_SET as i16;
    range.l_start = byte;
    range.l_len = 1;
    // SAFETY: `range` outlives the call.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw mut range) };
    match checked(result.into()) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits up to two seconds for a condition.
fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

pub fn ofd_locks(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 1)?;
    let flag = Map::file(&file, 1, SHARED)?;
    let open = || OpenOptions::new().read(true).write(true).open(&file.path);
    let mine = open()?;
    let locked = lock(&mine, 1)?;
    let stranger = open()?;
    let refused = !lock(&stranger, 1)?;
    drop(open()?); // with POSIX locks this would release them all
    let survived_close = !lock(&stranger, 1)?;
    let child = Child::start(|| {
        let held = open().and_then(|own| Ok((lock(&own, 2)?, own)));
        flag.store(0, if matches!(held, Ok((true, _))) { 200 } else { 201 });
        std::thread::sleep(Duration::from_secs(20));
        0
    })?;
    let child_locked = soon(|| flag.load(0) >= 200) && flag.load(0) == 200;
    let child_excludes = !lock(&stranger, 2)?;
    child.kill();
    child.wait()?;
    judge(
        "exclusive, kept when another descriptor closes, gone with a killed holder",
        &[
            ("a byte can be locked", locked && child_locked),
            ("another open file is refused", refused),
            ("closing another descriptor keeps the lock", survived_close),
            ("another process is refused", child_excludes),
            ("a killed holder's lock is gone", lock(&stranger, 2)?),
        ],
    )
}

pub fn kill_keeps(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 3)?;
    let ended = in_child(|| {
        let (Ok(shared), Ok(private)) = (Map::file(&file, 3, SHARED), Map::file(&file, 3, PRIVATE))
        else {
            return 2;
        };
        private.store(1, 91);
        shared.store(0, 90);
        if file.write(2, 92).is_err() {
            return 3;
        }
        kill_self()
    })?;
    judge(
        "shared store and pwrite kept, private store gone",
        &[
            ("the child was killed", ended == Ended::Signal(libc::SIGKILL)),
            ("a shared store stays", file.read(0)? == 90),
            ("a private store is gone", file.read(1)? == 2),
            ("a pwrite stays", file.read(2)? == 92),
        ],
    )
}

/// Another process sleeps on a word of its own mapping of the file; we wake it.
pub fn futex_shared(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 1)?;
    file.write(0, 0)?;
    let map = Map::file(&file, 1, SHARED)?;
    let child = Child::start(|| {
        let Ok(own) = Map::file(&file, 1, SHARED) else { return 2 };
        let limit = libc::timespec { tv_sec: 5, tv_nsec: 0 };
        // SAFETY: the word is aligned, mapped and only used as an atomic.
        let word = unsafe { AtomicU32::from_ptr(own.page(0).cast()) };
        while word.load(Ordering::SeqCst) == 0 {
            // SAFETY: word and limit outlive the call.
            let result = unsafe {
                libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, 0, &raw const limit)
            };
            if result == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT) {
                return 3;
            }
        }
        0
    })?;
    // SAFETY: as above.
    let word = unsafe { AtomicU32::from_ptr(map.page(0).cast()) };
    let woken = soon(|| {
        // SAFETY: the word outlives the call.
        let count = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
        if count == 1 {
            word.store(1, Ordering::SeqCst);
            // SAFETY: as above; the child may have gone back to sleep on the old value.
            unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
        }
        count == 1
    });
    let ended = child.wait()?;
    judge(
        "a sleeper on its own mapping was woken",
        &[("a wake finds the sleeper", woken), ("the sleeper woke", ended == Ended::Exit(0))],
    )
}

pub fn fork_private(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 3)?;
    let private = Map::file(&file, 3, PRIVATE)?;
    let shared = Map::file(&file, 3, SHARED)?;
    private.store(0, 90);
    let ended = in_child(|| {
        let inherited = private.load(0) == 90;
        private.store(0, 91);
        private.store(1, 91);
        shared.store(2, 92);
        i32::from(!inherited)
    })?;
    judge(
        "the child saw the parent's private pages; only its shared store came back",
        &[
            ("the child inherits private pages", ended == Ended::Exit(0)),
            ("its private stores stay its own", private.load(0) == 90 && private.load(1) == 2),
            ("its shared stores are everybody's", shared.load(2) == 92),
        ],
    )
}
