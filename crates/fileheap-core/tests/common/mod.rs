//! What the integration tests share: folders, other processes, errors that must say enough.
#![allow(dead_code)]

pub mod brittle;
pub mod door;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fileheap_core::{Error, ErrorKind, Heap, Options, Result, WriteTxn};

/// A folder that goes away with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("fileheap-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A heap with one root, closed.
    pub fn closed(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        let heap = Heap::create(&path, &Options::new()).unwrap();
        put_root(&heap, 4711);
        heap.close().unwrap();
        path
    }

    /// The same, with its log, as the death of its process leaves it.
    pub fn unclean(&self, name: &str) -> PathBuf {
        let living = self.closed(&format!("{name}.living"));
        let heap = Heap::open(&living, &Options::new()).unwrap();
        for value in 0..5 {
            put_root(&heap, value);
        }
        let path = self.file(name);
        for end in ["", "-log0", "-log1"] {
            let from = with_end(&living, end);
            if from.exists() {
                fs::copy(from, with_end(&path, end)).unwrap();
            }
        }
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Commits a word under the first root of the faces.
pub fn put_root(heap: &Heap, value: u64) {
    let mut txn = heap.begin_write().unwrap();
    if txn.face_root(0) == 0 {
        let at = txn.alloc_zeroed(64, 64).unwrap();
        txn.set_face_root(0, at);
    }
    set(&txn, txn.face_root(0), value);
    txn.commit().unwrap();
}

/// The word that `put_root` stored.
pub fn root(heap: &Heap) -> u64 {
    use fileheap_core::format::{HEADER_OFFSET, Header};
    let read = heap.begin_read().unwrap();
    let roots = HEADER_OFFSET + std::mem::offset_of!(Header, face_roots) as u64;
    word(read.bytes(word(read.bytes(roots, 8).unwrap()), 8).unwrap())
}

pub fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Stores a word in a live allocation.
pub fn set(txn: &WriteTxn, offset: u64, value: u64) {
    // SAFETY: callers name an aligned word of an allocation that only they use.
    unsafe { txn.resolve(offset).cast::<u64>().write(value) };
    txn.touch(offset, 8);
}

/// Fills a live allocation.
pub fn fill(txn: &WriteTxn, offset: u64, bytes: u64, with: u8) {
    // SAFETY: callers name bytes of an allocation that only they use.
    unsafe { txn.resolve(offset).write_bytes(with, bytes as usize) };
    txn.touch(offset, bytes);
}

/// The error of a kind, whose text contains all parts.
#[track_caller]
pub fn refused<T>(result: Result<T>, kind: ErrorKind, parts: &[&str]) -> Error {
    let Err(error) = result else { panic!("{kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    error
}

#[track_caller]
pub fn clean(heap: &Heap) {
    let report = heap.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

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
        let deadline = Instant::now() + Duration::from_secs(40);
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
    let deadline = Instant::now() + Duration::from_secs(40);
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

/// Mounts a new file system on a folder, seen by this process only: it is in a mount namespace of
/// its own.
pub fn image_disk(at: &Path, kind: &str, megabytes: u64, make: &[&str]) {
    let image = with_end(at, &format!(".{kind}"));
    fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).args([&image]).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} is needed, and root");
    };
    let private = Command::new("mount").args(["--make-rprivate", "/"]).status();
    assert!(private.is_ok_and(|status| status.success()), "mounting needs root");
    run(&format!("mkfs.{kind}"), make);
    let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at).status();
    assert!(mounted.is_ok_and(|status| status.success()), "mounting needs root");
    fs::remove_file(&image).unwrap(); // it lives as long as the mount
}
