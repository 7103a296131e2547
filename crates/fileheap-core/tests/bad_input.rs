//! Files that are no heaps, or damaged ones: an error that says enough, and not a byte changed.

mod common;

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::*;
use fileheap_core::format::{Plain, Superblock};
use fileheap_core::{ErrorKind, Heap, Options};

/// A file but for the bulletin, which is volatile in a heap and absent elsewhere.
fn content(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()?;
    if bytes.starts_with(b"FILEHEAP") && bytes.len() > 65536 {
        bytes[16384..65536].fill(0);
    }
    Some(bytes)
}

fn open_refused(path: &Path, kind: ErrorKind, parts: &[&str]) {
    for options in [Options::new(), Options::new().read_only()] {
        let before = content(path);
        let mut parts = parts.to_vec();
        parts.push(path.to_str().unwrap());
        refused(Heap::open(path, &options), kind, &parts);
        assert!(content(path) == before, "the file was changed");
    }
}

#[test]
fn foreign_files_are_left_as_they_are() {
    let scratch = Scratch::new("foreign");
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("text", b"Hello, world. This is somebody's diary.".repeat(5000), "48656c6c6f2c2077"),
        ("empty", Vec::new(), "empty"),
        ("short", b"FILE".to_vec(), "46494c45"),
        ("zeros", vec![0; 1 << 20], "zeros"),
        ("elf", fs::read(std::env::current_exe().unwrap()).unwrap(), "7f454c46"),
    ];
    for (name, bytes, part) in cases {
        let path = scratch.file(name);
        fs::write(&path, &bytes).unwrap();
        open_refused(&path, ErrorKind::NotAHeap, &[part, "left as it is"]);
        refused(Heap::repair(&path, true), ErrorKind::NotAHeap, &[part]);
        refused(Heap::create(&path, &Options::new()), ErrorKind::AlreadyExists, &[name]);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    refused(
        Heap::open(scratch.file("none"), &Options::new()),
        ErrorKind::NotFound,
        &["cannot open", "none"],
    );
}

#[test]
fn truncated_heaps_are_told() {
    let scratch = Scratch::new("truncated");
    let whole = fs::read(scratch.closed("a.heap")).unwrap();
    let path = scratch.file("cut.heap");
    fs::write(&path, &whole[..7]).unwrap();
    open_refused(&path, ErrorKind::NotAHeap, &["left as it is"]);
    for len in [8, 40, 103] {
        fs::write(&path, &whole[..len]).unwrap();
        open_refused(&path, ErrorKind::Truncated, &[&len.to_string(), "restore"]);
    }
    for len in [104, 200, 4096, 4200, 8192, 65535, 65536, 70_000, 204_800, whole.len() - 1] {
        fs::write(&path, &whole[..len]).unwrap();
        let numbers = [len.to_string(), whole.len().to_string()];
        let parts = [numbers[0].as_str(), numbers[1].as_str(), "restore"];
        open_refused(&path, ErrorKind::Truncated, &parts);
    }
}

/// Both superblocks with one change and a checksum that holds.
fn reseal(path: &Path, change: impl Fn(&mut Superblock)) {
    let mut bytes = fs::read(path).unwrap();
    for at in [0, 4096] {
        let mut superblock = Superblock::from_bytes(&bytes[at..]);
        change(&mut superblock);
        bytes[at..at + 104].copy_from_slice(superblock.sealed().as_bytes());
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn heaps_of_other_times_and_machines_are_told() {
    let scratch = Scratch::new("machines");
    let case = |name: &str, kind, parts: &[&str], change: &dyn Fn(&mut Superblock)| {
        let path = scratch.closed(name);
        reseal(&path, change);
        open_refused(&path, kind, parts);
    };
    let foreign = ErrorKind::ForeignMachine;
    case("newer", ErrorKind::NewerFormat, &["format 2", "up to 1", "newer fileheap"], &|s| {
        s.version = 2;
    });
    case("order", foreign, &["byte order", "export"], &|s| {
        s.byte_order = s.byte_order.swap_bytes();
    });
    case("page", foreign, &["16384", "4096"], &|s| s.page_bytes = 16384);
    case("pointer", foreign, &["of 4 bytes", "of 8"], &|s| s.pointer_bytes = 4);
    case("base", ErrorKind::Corrupt, &["impossible"], &|s| s.base += 1);
    case("limit", ErrorKind::Corrupt, &["impossible"], &|s| s.limit_bytes = u64::MAX);
    case("length", ErrorKind::Corrupt, &["impossible"], &|s| s.file_bytes = u64::MAX);
    case("old", ErrorKind::Corrupt, &["impossible"], &|s| s.version = 0);
}

#[test]
fn one_damaged_superblock_is_read_from_the_other_and_repaired() {
    let scratch = Scratch::new("superblocks");
    let good = fs::read(scratch.closed("a.heap")).unwrap();
    let path = scratch.file("b.heap");
    for byte in [0, 9, 13, 17, 21, 25, 41, 50, 57, 65, 73, 81, 89, 96, 101] {
        for copy in [0, 4096] {
            let mut bytes = good.clone();
            bytes[copy + byte] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let heap = Heap::open(&path, &Options::new()).unwrap();
            assert_eq!(root(&heap), 4711, "byte {byte} of copy {copy}");
            let report = heap.check().unwrap();
            assert_eq!(report.findings.len(), 1, "byte {byte} of {copy}: {:?}", report.findings);
            assert_eq!(report.findings[0].offset, copy as u64);
            heap.close().unwrap();
            let repaired = Heap::repair(&path, false).unwrap();
            assert_eq!((repaired.mended.len(), repaired.lost.len()), (1, 0));
            assert!(repaired.check.is_clean(), "{:?}", repaired.check.findings);
        }
        let mut bytes = good.clone();
        bytes[byte] ^= 0x10;
        bytes[4096 + byte] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let error = Heap::open(&path, &Options::new()).err().unwrap();
        let kinds = [ErrorKind::Corrupt, ErrorKind::NotAHeap, ErrorKind::NewerFormat];
        assert!(kinds.contains(&error.kind()), "byte {byte}: {error}");
        assert!(Heap::repair(&path, true).is_err());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn damage_in_header_map_and_cells_is_found_and_never_fatal() {
    let scratch = Scratch::new("damage");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    for value in 0..20 {
        put_root(&heap, value);
        let mut txn = heap.begin_write().unwrap();
        let root = fileheap_core::catalog::Root::default();
        txn.catalog().names().bind(&format!("name {value}"), root).unwrap();
        txn.alloc(value * 3000 + 1, 16).unwrap();
        txn.commit().unwrap();
    }
    heap.close().unwrap();
    let good = fs::read(&path).unwrap();
    let mut silent = 0;
    for case in 0..400_usize {
        let mut bytes = good.clone();
        let at = match case {
            0..168 => 65536 + case,
            _ => 73728 + (case - 168) * 4,
        };
        bytes[at] ^= if case % 2 == 0 { 0xff } else { 0x04 };
        fs::write(&path, &bytes).unwrap();
        let found = Heap::open(&path, &Options::new().read_only()).and_then(|heap| heap.check());
        match found {
            Ok(report) => silent += usize::from(report.is_clean()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}: {error}"),
        }
        // Writing to it may fail, but must not crash.
        let heap = Heap::open(&path, &Options::new()).unwrap();
        if let Ok(txn) = heap.begin_write() {
            let _ = txn.alloc(100, 8).and_then(|at| txn.free(at));
            let _ = txn.alloc(100_000, 8);
            let _ = txn.abort();
        }
    }
    // Counters of the faces and unused words carry no checksum.
    assert!(silent < 120, "{silent} of 400 damages were not found");
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let scratch = Scratch::new("kinds");
    let fifo = scratch.file("fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name is a string that outlives the call.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(made, 0);
    for path in [scratch.0.as_path(), &fifo, Path::new("/dev/null"), Path::new("/dev/zero")] {
        refused(
            Heap::open(path, &Options::new()),
            ErrorKind::NotAFile,
            &["regular file", path.to_str().unwrap()],
        );
        let made = Heap::create(path, &Options::new());
        refused(made, ErrorKind::AlreadyExists, &[path.to_str().unwrap()]);
    }
    let target = scratch.closed("a.heap");
    let link = scratch.file("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(root(&Heap::open(&link, &Options::new()).unwrap()), 4711);
    let dangling = scratch.file("dangling");
    std::os::unix::fs::symlink(scratch.file("nowhere"), &dangling).unwrap();
    refused(Heap::open(&dangling, &Options::new()), ErrorKind::NotFound, &["dangling"]);
    let made = Heap::create(&dangling, &Options::new());
    refused(made, ErrorKind::AlreadyExists, &["dangling"]);
}

#[test]
fn permissions_are_respected() {
    if let Some((_, dir)) = role() {
        give_up_root();
        let (secret, public) = (dir.join("secret.heap"), dir.join("public.heap"));
        let denied = ErrorKind::PermissionDenied;
        refused(Heap::open(&secret, &Options::new()), denied, &["secret.heap", "reading only"]);
        refused(Heap::open(&secret, &Options::new().read_only()), denied, &["owner and mode"]);
        refused(Heap::open(&public, &Options::new()), denied, &["public.heap", "reading only"]);
        let heap = Heap::open(&public, &Options::new().read_only()).unwrap();
        assert_eq!(root(&heap), 4711);
        refused(heap.begin_write(), ErrorKind::ReadOnly, &["public.heap", "for writing"]);
        backed_up(&heap, 4711, &dir.join("copies/public.heap"));
        let new = dir.join("new.heap");
        refused(Heap::create(&new, &Options::new()), denied, &["new.heap", "owner and mode"]);
        let unclean = Heap::open(dir.join("unclean.heap"), &Options::new().read_only()).unwrap();
        assert_eq!(root(&unclean), 4, "a reader without permission reads the log, too");
        backed_up(&unclean, 4, &dir.join("copies/unclean.heap"));
        let missing = dir.join("missing.heap");
        let opened = Heap::open(&missing, &Options::new().read_only())
            .and_then(|heap| heap.backup(dir.join("copies/missing.heap")));
        refused(opened, ErrorKind::LogMissing, &["missing.heap-log"]);
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("permissions");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&scratch.closed("secret.heap"), 0o000);
    mode(&scratch.closed("public.heap"), 0o444);
    for name in ["unclean.heap", "missing.heap"] {
        let path = scratch.unclean(name);
        mode(&path, 0o444);
        for end in ["-log0", "-log1"] {
            let log = with_end(&path, end);
            if log.exists() && name == "missing.heap" {
                fs::remove_file(log).unwrap();
            } else if log.exists() {
                mode(&log, 0o444);
            }
        }
    }
    fs::create_dir(scratch.file("copies")).unwrap();
    mode(&scratch.file("copies"), 0o777);
    mode(&scratch.0, 0o555);
    play("permissions_are_respected", "nobody", &scratch.0).succeeds();
    mode(&scratch.0, 0o755);
}

/// A backup needs no right to write to the heap and its folder, only to where it goes.
fn backed_up(heap: &Heap, expected: u64, copy: &Path) {
    heap.backup(copy).unwrap();
    let copy = Heap::open(copy, &Options::new()).unwrap();
    assert_eq!(root(&copy), expected);
    clean(&copy);
}

#[test]
fn a_read_only_filesystem_is_read_from() {
    const TEST: &str = "a_read_only_filesystem_is_read_from";
    if let Some((_, dir)) = role() {
        if !own_mounts(TEST) {
            return;
        }
        let mount = CString::new(dir.as_os_str().as_bytes()).unwrap();
        let at = mount.as_ptr();
        // SAFETY: the strings outlive the calls; null is allowed where it is passed.
        unsafe {
            assert_eq!(libc::mount(at, at, std::ptr::null(), libc::MS_BIND, std::ptr::null()), 0);
            let flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
            assert_eq!(libc::mount(at, at, std::ptr::null(), flags, std::ptr::null()), 0);
        }
        let path = dir.join("a.heap");
        refused(
            Heap::open(&path, &Options::new()),
            ErrorKind::ReadOnly,
            &["a.heap", "Read-only file system", "reading only"],
        );
        let heap = Heap::open(&path, &Options::new().read_only()).unwrap();
        assert_eq!(root(&heap), 4711);
        clean(&heap);
        let elsewhere = Scratch::new("readonly-copy");
        backed_up(&heap, 4711, &elsewhere.file("a.heap"));
        let made = Heap::create(dir.join("b.heap"), &Options::new());
        refused(made, ErrorKind::ReadOnly, &["b.heap"]);
        return;
    }
    let scratch = Scratch::new("readonly");
    scratch.closed("a.heap");
    play(TEST, "reader", &scratch.0).succeeds();
}

#[test]
fn logs_that_are_missing_foreign_or_damaged_are_told_and_given_up_on_demand() {
    let scratch = Scratch::new("logs");
    let live = |path: &Path| {
        let logs = ["-log0", "-log1"].map(|end| with_end(path, end));
        logs.into_iter().find(|log| log.exists()).unwrap()
    };
    let whole = scratch.unclean("whole.heap");
    let other = scratch.unclean("other.heap");
    let give_up = |path: &Path| {
        let report = Heap::repair(path, true).unwrap();
        assert!(report.check.is_clean() && !report.lost.is_empty(), "{report:?}");
        assert_eq!(root(&Heap::open(path, &Options::new()).unwrap()), 4711);
    };
    let case = |name: &str, break_it: &dyn Fn(&Path)| {
        let path = scratch.file(name);
        fs::copy(&whole, &path).unwrap();
        let log = scratch.file(live(&whole).file_name().unwrap().to_str().unwrap());
        let end = if log.to_str().unwrap().ends_with('0') { "-log0" } else { "-log1" };
        fs::copy(&log, with_end(&path, end)).unwrap();
        break_it(&with_end(&path, end));
        path
    };
    let missing = case("missing.heap", &|log| fs::remove_file(log).unwrap());
    open_refused(&missing, ErrorKind::LogMissing, &["-log", "put the log files back", "repair"]);
    give_up(&missing);
    // A log whose header is not of this heap counts as none: what it should hold is lost.
    let foreign = case("foreign.heap", &|log| fs::write(log, b"not a log at all").unwrap());
    open_refused(&foreign, ErrorKind::Corrupt, &["-log", "repair"]);
    give_up(&foreign);
    let strange = case("strange.heap", &|log| _ = fs::copy(live(&other), log).unwrap());
    open_refused(&strange, ErrorKind::Corrupt, &["-log", "repair"]);
    give_up(&strange);
}

/// Found by fuzzing: a copy that opening passes over must not rule once the heap is open.
#[test]
fn a_superblock_of_impossible_values_never_rules() {
    let scratch = Scratch::new("never-rules");
    let path = scratch.closed("a.heap");
    let mut bytes = fs::read(&path).unwrap();
    let mut other = Superblock::from_bytes(&bytes[..104]);
    other.sequence = u64::MAX;
    bytes[..104].copy_from_slice(other.sealed().as_bytes());
    fs::write(&path, &bytes).unwrap();
    let heap = Heap::open(&path, &Options::new()).unwrap();
    put_root(&heap, 1);
    heap.checkpoint().unwrap();
    assert_eq!(root(&heap), 1);
    heap.close().unwrap();
    assert_eq!(root(&Heap::open(&path, &Options::new()).unwrap()), 1);
}
