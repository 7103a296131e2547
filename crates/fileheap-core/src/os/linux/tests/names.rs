//! P15 on the host: a file gets its name when it is whole, by every way there is.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::super::name::{Draft, link_and_unlink, rename_at_once};
use super::{LinuxHost, Scratch, in_child, spawn_child, wait_child};
use crate::error::ErrorKind;
use crate::format::INITIAL_BYTES;
use crate::os::Host;
use crate::{Heap, Options, Result};

type Way = fn(&Path, u32) -> io::Result<(Draft, OwnedFd)>;
const WAYS: [Way; 2] = [Draft::unnamed, Draft::hidden];

fn make(way: Way, path: &Path) -> Result<Heap> {
    let host = LinuxHost::create_by(way, path, INITIAL_BYTES, 0o600)?;
    Heap::create_on(Box::new(host), &Options::new())
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

#[test]
fn p15_a_draft_has_neither_name_nor_logs() {
    for (way, meanwhile) in WAYS.into_iter().zip([1, 2]) {
        let scratch = Scratch::new();
        let path = scratch.file("heap");
        let log = scratch.file("heap-log1");
        fs::write(&log, "of another heap").unwrap();
        let host = LinuxHost::create_by(way, &path, 1 << 16, 0o640).unwrap();
        assert_eq!(names(&scratch.0).len(), meanwhile);
        assert!(!path.exists() && host.is_current().unwrap());
        host.remove_log(1).unwrap();
        assert!(host.log(1, false).unwrap().is_none() && host.log(1, true).is_err());
        assert_eq!(fs::read(&log).unwrap(), b"of another heap");
        host.publish().unwrap();
        host.publish().unwrap();
        assert_eq!(names(&scratch.0).len(), 2);
        let found = LinuxHost::open(&path, true).unwrap();
        assert_eq!((found.identity(), found.path()), (host.identity(), host.path()));
        assert!(host.is_current().unwrap() && host.log(1, false).unwrap().is_some());
        drop(host);
        assert!(path.exists());
        let given_up = LinuxHost::create_by(way, &scratch.file("other"), 1 << 16, 0o640).unwrap();
        drop(given_up);
        assert_eq!(names(&scratch.0).len(), 2, "nothing is left of it");
    }
}

#[test]
fn p15_publishing_never_replaces() {
    for way in WAYS {
        let scratch = Scratch::new();
        let (path, link) = (scratch.file("heap"), scratch.file("link"));
        let late = LinuxHost::create_by(way, &path, 1 << 16, 0o600).unwrap();
        fs::write(&path, "precious").unwrap();
        assert_eq!(late.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(late.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(late);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let late = LinuxHost::create_by(way, &link, 1 << 16, 0o600).unwrap();
        symlink(scratch.file("nowhere"), &link).unwrap();
        assert_eq!(late.publish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(late);
        assert_eq!(names(&scratch.0).len(), 2, "the file and the link");
        let lost = make(way, &link).err().unwrap();
        assert_eq!(lost.kind(), ErrorKind::AlreadyExists, "{lost}");
    }
}

#[test]
fn both_ways_of_renaming_take_free_names_only() {
    for rename in [rename_at_once, link_and_unlink] {
        let scratch = Scratch::new();
        let (from, to) = (scratch.file("from"), scratch.file("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(rename(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (fs::read(&from).unwrap(), fs::read(&to).unwrap()),
            (b"new".into(), b"old".into())
        );
        fs::remove_file(&to).unwrap();
        rename(&from, &to).unwrap();
        assert_eq!(names(&scratch.0), ["to"]);
        assert_eq!(fs::read(&to).unwrap(), b"new");
    }
}

#[test]
fn a_new_file_has_the_rights_that_umask_leaves() {
    let scratch = Scratch::new();
    in_child(|| {
        [(0o022, 0o666), (0o077, 0o666), (0, 0o666), (0o027, 0o640)].into_iter().all(
            |(mask, mode)| {
                // SAFETY: takes an integer only; of this child alone.
                unsafe { libc::umask(mask) };
                [Draft::create as Way, Draft::unnamed, Draft::hidden].into_iter().all(|way| {
                    let path = scratch.file(&format!("heap-{mask:o}"));
                    let host = LinuxHost::create_by(way, &path, 1 << 16, mode).unwrap();
                    host.publish().unwrap();
                    let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                    fs::remove_file(&path).unwrap();
                    found == mode & !mask
                })
            },
        )
    });
}

/// Children that make heaps are killed at random moments.
#[test]
fn p15_killed_while_creating() {
    let (mut whole, mut hidden) = (0, 0);
    for round in 0..60 {
        let way = WAYS[round % 2];
        let scratch = Scratch::new();
        let child = spawn_child(|| {
            (0..).all(|number| make(way, &scratch.file(&format!("heap{number}"))).is_ok())
        });
        let pause = (round as u64 * 7919 + u64::from(std::process::id())) % 37;
        std::thread::sleep(std::time::Duration::from_millis(pause));
        // SAFETY: the child was not waited for, so the number is its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
        assert_ne!(wait_child(child), 0);
        for name in names(&scratch.0) {
            if name.starts_with(".fileheap-") && name.ends_with(".new") {
                hidden += 1;
                assert_eq!(round % 2, 1, "a file without a name leaves none");
                continue;
            }
            let heap = Heap::open(scratch.file(&name), &Options::new()).unwrap();
            assert!(heap.check().unwrap().is_clean());
            whole += 1;
        }
    }
    assert!(whole > 0 && hidden > 0, "{whole} heaps, {hidden} leftovers: nothing was tried");
}

#[test]
fn p15_a_full_folder_of_drafts_hurts_nobody() {
    let scratch = Scratch::new();
    for number in 0..3 {
        fs::write(scratch.file(&format!(".fileheap-{number:016x}.new")), "left behind").unwrap();
    }
    let heap = make(Draft::hidden, &scratch.file("heap")).unwrap();
    assert!(heap.check().unwrap().is_clean());
    assert!(heap.stat().is_ok() && names(&scratch.0).len() == 4);
}
