//! What files on disk do: A3, A21; and A12, A13, A16, which need a power cut to be shown.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sys::{Ended, Map, Scratch, checked, in_child};
use crate::{Outcome, Verdict, judge, outcome};

const RESERVED_BYTES: usize = 1 << 20;

/// File systems to try: name, image size in MB (0: none needed).
const KINDS: [(&str, u64); 4] = [("tmpfs", 0), ("ext4", 16), ("xfs", 320), ("btrfs", 128)];

fn ran(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Mounts a small fresh file system at `point`, seen by this process and its children only.
fn mount(kind: &str, megabytes: u64, point: &Path) -> Option<()> {
    // SAFETY: concerns this process only.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 || !ran("mount", &["--make-rprivate", "/"])
    {
        return None;
    }
    let at = point.to_str()?;
    if megabytes == 0 {
        return ran("mount", &["-t", kind, "-o", "size=8m", kind, at]).then_some(());
    }
    let image = format!("{at}.img");
    File::create(&image).ok()?.set_len(megabytes << 20).ok()?;
    let force = if kind == "ext4" { "-F" } else { "-f" };
    let made = ran(&format!("mkfs.{kind}"), &["-q", force, &image]);
    (made && ran("mount", &["-t", kind, "-o", "loop", &image, at])).then_some(())
}

/// Reserves, fills the disk, stores: 0 fine, 1 store in a hole was no fault, 2.. not as assumed.
fn store_when_full(point: &Path) -> io::Result<i32> {
    let open = |name: &str| {
        OpenOptions::new().read(true).write(true).create_new(true).open(point.join(name))
    };
    let (reserved, sparse, filler) = (open("reserved")?, open("sparse")?, open("filler")?);
    // SAFETY: plain system call.
    let result = unsafe { libc::fallocate(reserved.as_raw_fd(), 0, 0, RESERVED_BYTES as i64) };
    checked(result.into())?;
    sparse.set_len(RESERVED_BYTES as u64)?;
    let mut at = 0;
    for size in [1 << 20, 4096] {
        while filler.write_at(&vec![7; size], at).is_ok_and(|n| n > 0) {
            at += size as u64;
        }
        let _ = filler.sync_all();
    }
    let store_all = |file: &File| {
        in_child(|| {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let fd = file.as_raw_fd();
            let Ok(map) = Map::raw(0, RESERVED_BYTES, prot, libc::MAP_SHARED, fd) else { return 9 };
            (0..RESERVED_BYTES / crate::sys::page_bytes()).for_each(|page| map.store(page, 5));
            i32::from(file.sync_data().is_err()) * 4
        })
    };
    match store_all(&reserved)? {
        Ended::Exit(0) => {}
        Ended::Exit(status) => return Ok(status),
        Ended::Signal(_) => return Ok(3),
    }
    Ok(i32::from(store_all(&sparse)? != Ended::Signal(libc::SIGBUS)))
}

pub fn store_on_full_disk(dir: &Path) -> io::Result<Outcome> {
    let (mut seen, mut tried, mut failed) = (Vec::new(), 0, false);
    for (kind, megabytes) in KINDS {
        let point: PathBuf = dir.join(format!("fileheap-probe-{}-{kind}", std::process::id()));
        std::fs::create_dir(&point)?;
        let ended = in_child(|| match mount(kind, megabytes, &point) {
            None => 50,
            Some(()) => store_when_full(&point).unwrap_or(60),
        });
        std::fs::remove_dir(&point)?;
        let _ = std::fs::remove_file(point.with_extension("img"));
        let word = match ended? {
            Ended::Exit(0) => "reserved ok, hole SIGBUS",
            Ended::Exit(1) => "reserved ok, hole ok too",
            Ended::Exit(50) => "not tried (needs root, mkfs, loop)",
            Ended::Exit(4) => "sync FAILED",
            Ended::Signal(_) | Ended::Exit(3) => "store KILLED",
            Ended::Exit(_) => "probe failed",
        };
        tried += i32::from(word != "not tried (needs root, mkfs, loop)");
        failed |= !word.starts_with("reserved") && !word.starts_with("not");
        seen.push(format!("{kind}: {word}"));
    }
    let verdict = match (failed, tried) {
        (true, _) => Verdict::Fails,
        (_, 0) => Verdict::Untested,
        _ => Verdict::Holds,
    };
    outcome(verdict, seen.join("; "))
}

pub fn fdatasync_covers(_: &Path) -> io::Result<Outcome> {
    outcome(Verdict::Untested, "needs a power cut: verify/powercut")
}

pub fn sectors_whole(_: &Path) -> io::Result<Outcome> {
    outcome(Verdict::Untested, "a property of disks; verify/powercut tears at 512 bytes")
}

pub fn sync_reports_once(_: &Path) -> io::Result<Outcome> {
    outcome(Verdict::Untested, "needs a failing disk; the engine never retries")
}

/// Whether a call that gives names succeeded, did nothing as the name is taken, or does not work.
fn named(result: i64) -> io::Result<bool> {
    match checked(result) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
        result => result.map(|_| true),
    }
}

fn link_late(file: &File, to: &Path) -> io::Result<bool> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let (here, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: both paths end with NUL.
    named(unsafe { libc::linkat(here, from.as_ptr(), here, to.as_ptr(), flags) }.into())
}

fn rename_late(from: &Path, to: &Path) -> io::Result<bool> {
    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let (call, here) = (libc::SYS_renameat2, libc::AT_FDCWD);
    let flags = libc::RENAME_NOREPLACE;
    // SAFETY: both paths end with NUL.
    named(unsafe { libc::syscall(call, here, from.as_ptr(), here, to.as_ptr(), flags) })
}

pub fn late_name(dir: &Path) -> io::Result<Outcome> {
    let taken = Scratch::new(dir, 1)?;
    let free = taken.path.with_extension("late");
    let is_free = !free.exists();
    let mut options = OpenOptions::new();
    let made = options.read(true).write(true).custom_flags(libc::O_TMPFILE).open(dir);
    let linked = made.and_then(|file| {
        let held = link_late(&file, &taken.path)?;
        file.write_at(&[7], 0)?;
        Ok((held, link_late(&file, &free)? && std::fs::read(&free)? == [7]))
    });
    let _ = std::fs::remove_file(&free);
    let other = Scratch::new(dir, 2)?;
    let renamed = rename_late(&other.path, &taken.path)
        .and_then(|held| Ok((held, rename_late(&other.path, &free)? && free.exists())));
    let _ = std::fs::remove_file(&free);
    if linked.is_err() && renamed.is_err() {
        return outcome(Verdict::Absent, "neither O_TMPFILE with linkat nor RENAME_NOREPLACE");
    }
    let right = |way: &io::Result<(bool, bool)>| matches!(way, Err(_) | Ok((false, true)));
    let word = |way: &io::Result<_>| if way.is_ok() { "works" } else { "is absent" };
    judge(
        format!("linking late {}, renaming late {}", word(&linked), word(&renamed)),
        &[
            ("linking takes free names only", is_free && right(&linked)),
            ("renaming takes free names only", is_free && right(&renamed)),
            ("the file of that name stays", taken.read(0)? == 1 && taken.path.exists()),
        ],
    )
}
