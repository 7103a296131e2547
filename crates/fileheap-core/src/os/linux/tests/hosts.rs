//! Creating and opening: what is refused, where the logs lie.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{LinuxHost, Scratch};
use crate::error::ErrorKind;
use crate::os::{Board, Host};

fn refusal(path: &Path, writable: bool) -> ErrorKind {
    LinuxHost::open(path, writable).err().expect("must be refused").kind()
}

#[test]
fn only_regular_files_open() {
    let scratch = Scratch::new();
    assert_eq!(refusal(&scratch.file("missing"), true), ErrorKind::NotFound);
    assert_eq!(refusal(&scratch.0, false), ErrorKind::NotAFile);
    assert_eq!(refusal(&scratch.0, true), ErrorKind::NotAFile);
    assert_eq!(refusal(Path::new("/dev/null"), true), ErrorKind::NotAFile);
    let fifo = scratch.file("fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: name ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    assert_eq!(refusal(&fifo, true), ErrorKind::NotAFile);
    assert_eq!(refusal(&fifo, false), ErrorKind::NotAFile);
    let error = LinuxHost::open(&fifo, true).err().unwrap().to_string();
    assert!(error.contains("fifo") && error.contains("regular file"), "{error}");
}

#[test]
fn create_never_replaces() {
    let scratch = Scratch::new();
    let path = scratch.file("heap");
    fs::write(&path, "precious").unwrap();
    let refused = LinuxHost::create(&path, 4096, 0o600).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let nowhere = LinuxHost::create(&scratch.file("no/heap"), 4096, 0o600).err().unwrap();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
}

#[test]
fn logs_lie_beside_the_real_file() {
    let scratch = Scratch::new();
    let folder = scratch.file("real");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("heap");
    let made = LinuxHost::create(&path, 1 << 16, 0o640).unwrap();
    made.publish().unwrap();
    let link = scratch.file("link");
    symlink(&path, &link).unwrap();
    let host = LinuxHost::open(&link, true).unwrap();
    assert_eq!(host.identity(), made.identity());
    assert_eq!(host.path(), &fs::canonicalize(&path).unwrap());
    assert!(host.log(0, false).unwrap().is_none());
    host.log(1, true).unwrap().unwrap().reserve(0..8192).unwrap();
    let log = folder.join("heap-log1");
    assert_eq!(fs::metadata(&log).unwrap().len(), 8192);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&log), mode(&path));
    assert_eq!(made.log(1, false).unwrap().unwrap().len().unwrap(), 8192);
    let reader = LinuxHost::open(&path, false).unwrap();
    assert!(reader.log(0, true).unwrap().is_none(), "a reader makes no log");
    assert!(!reader.is_writable());
    host.remove_log(1).unwrap();
    host.remove_log(1).unwrap();
    assert!(!log.exists());
    symlink("/dev/null", &log).unwrap();
    assert!(host.log(1, true).is_err(), "a log behind a symbolic link is refused");
    assert!(!host.is_network().unwrap());
}

#[test]
fn a_reader_without_permission_has_a_read_only_board() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 16);
    fs::set_permissions(host.path(), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o755)).unwrap();
    super::in_child(|| {
        fileheap_testing::give_up_root();
        assert_eq!(refusal(host.path(), true), ErrorKind::PermissionDenied);
        let reader = LinuxHost::open(host.path(), false).unwrap();
        let seen = reader.board().bulletin().slot_high.load(std::sync::atomic::Ordering::Relaxed);
        let board: &dyn Board = reader.board();
        let shared =
            board.lock(crate::os::Lock::Blind, crate::os::Mode::Shared, crate::os::Wait::Try);
        let exclusive =
            board.lock(crate::os::Lock::Door, crate::os::Mode::Exclusive, crate::os::Wait::Try);
        let denied = exclusive.unwrap_err().kind() == std::io::ErrorKind::PermissionDenied;
        seen == 0 && shared.unwrap() && denied && !board.is_writable()
    });
}

#[test]
fn a_file_too_short_for_a_bulletin_does_not_kill() {
    let scratch = Scratch::new();
    let path = scratch.file("short");
    fs::write(&path, "not a heap").unwrap();
    let host = LinuxHost::open(&path, true).unwrap();
    assert_eq!(host.board().bulletin().poisoned.load(std::sync::atomic::Ordering::Relaxed), 0);
}
