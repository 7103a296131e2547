//! Tests of the Linux host against the real kernel.

mod files;
mod hosts;
mod locks;
mod names;
mod races;
mod views;

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::LinuxHost;
use crate::format::PAGE_BYTES;
use crate::os::{Capture, Host, Placement};

/// A folder that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fileheap-os-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A host of a new heap file.
    fn host(&self, bytes: u64) -> LinuxHost {
        let host = LinuxHost::create(&self.file("heap"), bytes, 0o600).unwrap();
        host.publish().unwrap();
        host
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn placement(capture: Capture) -> Placement {
    Placement { base: 0, exact: false, reserve_bytes: 1 << 30, writable: true, capture }
}

/// The page numbers in ranges.
fn pages(ranges: &[Range<u64>]) -> Vec<u64> {
    let step = PAGE_BYTES as usize;
    ranges.iter().flat_map(|range| (range.start..range.end).step_by(step)).map(page_of).collect()
}

fn page_of(offset: u64) -> u64 {
    offset / PAGE_BYTES
}

/// Starts a child process that ends with 0 if `body` returned true.
fn spawn_child(body: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the child runs only `body`, which the tests keep free of locks other threads hold.
    match unsafe { libc::fork() } {
        0 => {
            let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = i32::from(!passed.unwrap_or(false));
            // SAFETY: ends the child without running what belongs to the parent.
            unsafe { libc::_exit(code) }
        }
        child => {
            assert!(child > 0, "cannot fork");
            child
        }
    }
}

fn wait_child(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: status is a valid int.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

fn in_child(body: impl FnOnce() -> bool) {
    assert_eq!(wait_child(spawn_child(body)), 0, "the child failed");
}
