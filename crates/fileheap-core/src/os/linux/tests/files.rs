//! File primitives: long vectors, reserved space, holes, limits, full disks.

use std::ffi::CString;
use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::ffi::OsStrExt;

use super::{Scratch, in_child};
use crate::error::{Error, ErrorKind};
use crate::os::Host;

#[test]
fn long_vectors_arrive_in_order() {
    let scratch = Scratch::new();
    let host = scratch.host(4096);
    let parts: Vec<Vec<u8>> = (0..3000_usize).map(|i| vec![i as u8; i % 7]).collect();
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    host.data().write_at(100, &slices).unwrap();
    let expected = parts.concat();
    let mut found = vec![0; expected.len()];
    assert_eq!(host.data().read_at(100, &mut found).unwrap(), expected.len());
    assert!(found == expected);
    let len = host.data().len().unwrap();
    assert_eq!(len, 100 + expected.len() as u64);
    assert_eq!(host.data().read_at(len - 3, &mut found).unwrap(), 3, "short at the end");
    assert_eq!(host.data().read_at(len + 3, &mut found).unwrap(), 0);
    host.data().flush(0..len).unwrap();
    host.data().sync().unwrap();
}

#[test]
fn space_is_reserved_punched_and_zeroed() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 20);
    let file = host.data();
    assert_eq!(file.len().unwrap(), 1 << 20);
    assert!(file.disk_bytes().unwrap() >= 1 << 20);
    file.write_at(0, &[IoSlice::new(&[7; 1 << 16])]).unwrap();
    file.punch(0..1 << 16).unwrap();
    assert!(file.disk_bytes().unwrap() < 1 << 20);
    let mut bytes = [1; 16];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 16]);
    file.reserve(0..1 << 16).unwrap();
    assert!(file.disk_bytes().unwrap() >= 1 << 20);
    file.write_at(4096, &[IoSlice::new(&[7; 8192])]).unwrap();
    file.zero(4096..8192).unwrap();
    file.read_at(8184, &mut bytes).unwrap();
    assert_eq!(bytes[..8], [0; 8]);
    assert_eq!(bytes[8..], [7; 8]);
    assert_eq!(file.len().unwrap(), 1 << 20);
    file.truncate(4096).unwrap();
    assert_eq!(file.len().unwrap(), 4096);
}

#[test]
fn holes_are_filled_where_the_filesystem_cannot() {
    let scratch = Scratch::new();
    let host = scratch.host(0);
    let file = &host.file;
    let data: &dyn crate::os::File = &**file;
    data.truncate(1 << 20).unwrap();
    data.write_at(512 << 10, &[IoSlice::new(&[7; 4096])]).unwrap();
    file.fill_holes(0..(1 << 20) + 4096).unwrap();
    assert!(data.disk_bytes().unwrap() >= 1 << 20);
    let mut bytes = [0; 4096];
    data.read_at(512 << 10, &mut bytes).unwrap();
    assert_eq!(bytes, [7; 4096], "data between the holes stays");
    assert_eq!(data.len().unwrap(), (1 << 20) + 4096);
}

#[test]
fn a_window_shows_the_file_and_outlives_growth() {
    let scratch = Scratch::new();
    let host = scratch.host(8192);
    let file = host.data();
    assert!(file.window(1 << 20).is_none(), "the file is too short");
    let small = file.window(8192).unwrap();
    assert_eq!(file.window(4096), Some(small));
    file.reserve(0..1 << 20).unwrap();
    let large = file.window(1 << 20).unwrap();
    // SAFETY: both windows live as long as the host, and cover these bytes.
    unsafe {
        small.add(5).write(42);
        assert_eq!(large.add(5).read(), 42);
    }
    let mut byte = [0];
    file.read_at(5, &mut byte).unwrap();
    assert_eq!(byte, [42]);
}

#[test]
fn the_size_limit_is_an_error_not_a_signal() {
    let scratch = Scratch::new();
    let host = scratch.host(4096);
    in_child(|| {
        let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: limit is a valid rlimit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let file = host.data();
        let full = |result: io::Result<()>| {
            Error::os("", result.unwrap_err()).kind() == ErrorKind::DiskFull
        };
        file.reserve(0..1 << 20).is_ok()
            && full(file.reserve(0..2 << 20))
            && full(file.write_at((1 << 20) - 1, &[IoSlice::new(&[1, 2])]))
            && full(file.zero(0..2 << 20))
            && full(file.truncate(2 << 20))
    });
}

#[test]
fn a_full_disk_is_an_error() {
    let scratch = Scratch::new();
    let folder = scratch.file("small");
    fs::create_dir(&folder).unwrap();
    in_child(|| {
        // The mount is seen by this child only and goes away with it.
        let target = CString::new(folder.as_os_str().as_bytes()).unwrap();
        let (none, tmpfs, root) = (std::ptr::null(), c"tmpfs".as_ptr(), c"/".as_ptr());
        let private = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: all strings end with NUL.
        let mounted = unsafe {
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(none, root, none, private, std::ptr::null()) == 0
                && libc::mount(tmpfs, target.as_ptr(), tmpfs, 0, c"size=1m".as_ptr().cast()) == 0
        };
        if !mounted {
            let text = "not mountable here: the full disk was NOT tested\n";
            // SAFETY: writes a string to standard error.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
            return true;
        }
        let path = folder.join("heap");
        let refused = super::LinuxHost::create(&path, 2 << 20, 0o600).err();
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::DiskFull));
        assert!(!path.exists(), "nothing is left behind");
        let host = super::LinuxHost::create(&path, 512 << 10, 0o600).unwrap();
        let full = host.data().reserve(512 << 10..4 << 20).unwrap_err();
        Error::os("", full).kind() == ErrorKind::DiskFull
    });
}
