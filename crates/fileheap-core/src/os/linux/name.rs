//! How a new file gets its name: when it is whole, and never in place of another file.

use std::ffi::CString;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::open;
use super::sys::{check, retry};

/// The name of a file that is being made.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    /// What it is called meanwhile, where it cannot be without a name.
    hidden: Option<PathBuf>,
    named: AtomicBool,
}

impl Draft {
    /// A file without a name where that works, else one with a hidden name of its own.
    pub(super) fn create(path: &Path, mode: u32) -> io::Result<(Self, OwnedFd)> {
        Self::unnamed(path, mode).or_else(|_| Self::hidden(path, mode))
    }

    pub(super) fn unnamed(path: &Path, mode: u32) -> io::Result<(Self, OwnedFd)> {
        let fd = open(folder(path), libc::O_RDWR | libc::O_TMPFILE, mode)?;
        let rights = fs::metadata(own(fd.as_raw_fd()))?;
        // Before 6.0 not every file system keeps to the umask here; where a folder has rights of
        // its own for new files it does not count. A file made by name is right in both cases.
        if std::os::unix::fs::PermissionsExt::mode(&rights.permissions()) & umask()? != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok((Self::new(path, None), fd))
    }

    pub(super) fn hidden(path: &Path, mode: u32) -> io::Result<(Self, OwnedFd)> {
        // Keys of RandomState come from the operating system's random source.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let hidden = folder(path).join(format!(".fileheap-{random:016x}.new"));
        let fd = open(&hidden, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, mode)?;
        Ok((Self::new(path, Some(hidden)), fd))
    }

    fn new(path: &Path, hidden: Option<PathBuf>) -> Self {
        Self { path: path.to_owned(), hidden, named: AtomicBool::new(false) }
    }

    pub(super) fn is_named(&self) -> bool {
        self.named.load(Ordering::Acquire)
    }

    /// Gives the file its name; an error if there is a file of that name.
    pub(super) fn publish(&self, fd: RawFd) -> io::Result<()> {
        match &self.hidden {
            None => link(&own(fd), &self.path, libc::AT_SYMLINK_FOLLOW),
            Some(hidden) => rename(hidden, &self.path),
        }?;
        self.named.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let (Some(hidden), false) = (&self.hidden, self.is_named()) {
            // Left behind it does no harm.
            let _ = fs::remove_file(hidden);
        }
    }
}

/// The path of a file to be made, its folder without symbolic links. An error if it is taken.
pub(super) fn canonical_new(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?;
    let path = fs::canonicalize(folder(path))?.join(name);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A path to an open file, whether it has a name or not.
pub(super) fn own(fd: RawFd) -> PathBuf {
    format!("/proc/self/fd/{fd}").into()
}

/// The umask, which no call tells without changing it.
fn umask() -> io::Result<u32> {
    let status = fs::read_to_string("/proc/self/status")?;
    let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let mask = told.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    mask.ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn link(from: &Path, to: &Path, flags: libc::c_int) -> io::Result<()> {
    let (from, to) = (terminated(from)?, terminated(to)?);
    let here = libc::AT_FDCWD;
    // SAFETY: both paths end with NUL.
    let done = || unsafe { libc::linkat(here, from.as_ptr(), here, to.as_ptr(), flags) };
    retry(|| check(done())).map(drop)
}

/// Renames in one step where the file system can do that without replacing a file; else in two,
/// between which the file has both names.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match rename_at_once(from, to) {
        Err(error) if not_offered(&error) => link_and_unlink(from, to),
        done => done,
    }
}

pub(super) fn rename_at_once(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (terminated(from)?, terminated(to)?);
    let (here, flags) = (libc::AT_FDCWD, libc::RENAME_NOREPLACE);
    let call = libc::SYS_renameat2;
    // SAFETY: both paths end with NUL.
    let done = || unsafe { libc::syscall(call, here, from.as_ptr(), here, to.as_ptr(), flags) };
    retry(|| check(done())).map(drop)
}

pub(super) fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    match link(from, to, 0) {
        Err(error) if not_offered(&error) || error.raw_os_error() == Some(libc::EPERM) => {
            let text = "the file system can name no file without perhaps replacing another";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        linked => linked?,
    }
    // It has its name; the other one does no harm.
    let _ = fs::remove_file(from);
    Ok(())
}

fn not_offered(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP))
}

fn terminated(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
