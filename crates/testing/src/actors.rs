//! Processes that play a part in a test: the same test in another role, or a forked child.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A hang, on a machine however busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The part that this process plays, if a test started it.
pub fn role() -> Option<(String, PathBuf)> {
    let role = std::env::var("FILEHEAP_ROLE").ok()?;
    Some((role, std::env::var("FILEHEAP_DIR").unwrap().into()))
}

/// Another process that runs the same test in another role.
pub struct Actor(pub Child);

pub fn play(test: &str, role: &str, dir: &Path) -> Actor {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env("FILEHEAP_ROLE", role).env("FILEHEAP_DIR", dir);
    Actor(command.spawn().unwrap())
}

impl Actor {
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    #[track_caller]
    pub fn succeeds(mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "another process failed: {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill();
        panic!("another process hangs");
    }
}

/// Tells other processes how far this one is.
pub fn signal(dir: &Path, name: &str) {
    fs::write(dir.join(format!("signal-{name}")), b"").unwrap();
}

#[track_caller]
pub fn await_signal(dir: &Path, name: &str) {
    let path = dir.join(format!("signal-{name}"));
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline, "signal {name} never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sleeps until somebody kills this process.
pub fn sleep_on() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Root may do everything: from here on this process is a user without rights. Other users are that
/// already.
pub fn give_up_root() {
    // SAFETY: all take and give integers only.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!((libc::setgid(65534), libc::setuid(65534)), (0, 0));
        }
    }
}

/// Gives this process mounts of its own, which go with it. False where it may not have them: then
/// that is said, and what needs them is left out.
#[must_use]
pub fn own_mounts(test: &str) -> bool {
    let none = std::ptr::null();
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the strings are literals, and no other pointer is followed.
    let own = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(c"none".as_ptr(), c"/".as_ptr(), none, flags, none.cast()) == 0
    };
    if !own {
        eprintln!("only root may mount: {test} was left out");
    }
    own
}

/// Runs `body` in a forked child; it ends with 0 if that returned true.
#[track_caller]
pub fn forked(body: impl FnOnce() -> bool) {
    // SAFETY: only this thread goes on in the child; malloc works there, and `_exit` ends it.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes an integer only.
        unsafe { libc::alarm(20) };
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: takes an integer only; nothing is unwound.
        unsafe { libc::_exit(i32::from(!passed.unwrap_or(false))) };
    }
    let mut status = 0;
    // SAFETY: `status` is ours and outlives the call.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(ended, child);
    assert_eq!(status, 0, "the child failed (wait status {status})");
}
