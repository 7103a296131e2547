//! A heap on Linux: its file, its logs beside it, its locks, its mappings.

mod board;
mod capture;
mod discard;
mod file;
mod fork;
mod hashes;
mod name;
mod pagemap;
mod reserve;
mod sys;
mod uffd;
mod view;

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use board::LinuxBoard;
pub use file::LinuxFile;
pub use view::LinuxView;

use self::name::Draft;
use self::sys::{check, retry};
use super::{Board, Capture, File, Host, Placement, View};
use crate::{Error, ErrorKind, Result};

/// A heap file on Linux.
pub struct LinuxHost {
    path: PathBuf,
    file: Arc<LinuxFile>,
    data: Arc<dyn File>,
    board: LinuxBoard,
    writable: bool,
    stat: libc::stat,
    /// Only of a file that this host made.
    draft: Option<Draft>,
}

impl LinuxHost {
    /// Makes a new heap file of `initial_bytes` zeros with disk space for them; `mode` are its
    /// permissions before the umask. It has its name when it is published: until then it has no
    /// logs and nobody else finds it, and nothing is left behind when it goes.
    pub fn create(path: &Path, initial_bytes: u64, mode: u32) -> Result<Self> {
        Self::create_by(Draft::create, path, initial_bytes, mode)
    }

    fn create_by(
        way: impl Fn(&Path, u32) -> io::Result<(Draft, OwnedFd)>,
        path: &Path,
        initial_bytes: u64,
        mode: u32,
    ) -> Result<Self> {
        let fail = |error| Error::os("cannot create the heap file", error).at(path);
        let real = name::canonical_new(path).map_err(fail)?;
        let (draft, fd) = way(&real, mode).map_err(fail)?;
        let made = LinuxFile::new(fd, true);
        made.reserve(0..initial_bytes).map_err(fail)?;
        Self::new(real, made, true, Some(draft))
    }

    /// Opens an existing heap file. One opened for reading only takes part in locks and bulletin
    /// as far as its permissions reach.
    pub fn open(path: &Path, writable: bool) -> Result<Self> {
        let fail = |error| Error::os("cannot open the heap file", error).at(path);
        // Looked at before it is opened: opening a device can have effects.
        let metadata = fs::metadata(path).map_err(fail)?;
        if !metadata.is_file() {
            return Err(not_a_file(path, metadata.mode()));
        }
        let flags = if writable { libc::O_RDWR } else { libc::O_RDONLY };
        let fd = open(path, flags | libc::O_NONBLOCK, 0).map_err(fail)?;
        let real = path_of(&fd).map_or_else(|| fs::canonicalize(path), Ok).map_err(fail)?;
        Self::new(real, LinuxFile::new(fd, writable), writable, None)
    }

    fn new(path: PathBuf, file: LinuxFile, writable: bool, draft: Option<Draft>) -> Result<Self> {
        let stat = file.stat().map_err(|error| Error::os("cannot stat", error).at(&path))?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(not_a_file(&path, stat.st_mode));
        }
        let board = new_board(&path, &file, &stat, writable)
            .map_err(|error| Error::os("cannot set up the locks of the heap", error).at(&path))?;
        let file = Arc::new(file);
        let data: Arc<dyn File> = file.clone();
        Ok(Self { path, file, data, board, writable, stat, draft })
    }

    /// Device and inode number: the same for every path that leads to this file.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }

    /// Whether the file was opened for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether the file lies on a network filesystem, where mappings of several machines would
    /// not see each other's stores.
    pub fn is_network(&self) -> io::Result<bool> {
        let mut stat = MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: the descriptor is open and the pointer has room for a statfs.
        retry(|| check(unsafe { libc::fstatfs(self.file.raw(), stat.as_mut_ptr()) }))?;
        // SAFETY: fstatfs succeeded, so it filled the struct.
        let kind = unsafe { stat.assume_init() }.f_type;
        Ok(NETWORKS.contains(&(kind as u32)))
    }

    /// Whether a way of finding dirty pages works here; the error says why not.
    pub fn probe(&self, capture: Capture) -> io::Result<()> {
        match capture {
            Capture::Auto => Ok(()),
            capture => capture::probe(capture, &self.file),
        }
    }

    /// Removes the logs and the heap file. The caller keeps everybody else out: who could make a
    /// new heap of this name before its logs are gone would lose them.
    pub fn remove(&self) -> io::Result<()> {
        self.remove_log(0)?;
        self.remove_log(1)?;
        fs::remove_file(&self.path)
    }

    fn is_nameless(&self) -> bool {
        self.draft.as_ref().is_some_and(|draft| !draft.is_named())
    }

    fn log_path(&self, which: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!("-log{which}"));
        name.into()
    }

    /// Whoever may use the heap must be able to use its log, whatever the umask of its maker.
    fn like_the_heap(&self, log: &LinuxFile) -> io::Result<()> {
        let (fd, mode) = (log.raw(), self.stat.st_mode & 0o777);
        // SAFETY: fchmod takes integers only.
        check(unsafe { libc::fchmod(fd, mode) })?;
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } == 0 {
            // Where root may not do that (in some containers) the log stays root's.
            // SAFETY: fchown takes integers only.
            unsafe { libc::fchown(fd, self.stat.st_uid, self.stat.st_gid) };
        }
        Ok(())
    }
}

/// Memory of this machine.
#[must_use]
pub fn physical_bytes() -> u64 {
    // SAFETY: sysconf takes a number and gives one.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    u64::try_from(pages).unwrap_or(0) * sys::os_page_bytes()
}

/// Magic numbers: NFS, SMB, CIFS, SMB2, AFS (two), CODA, NCP, 9P, Ceph, Lustre, GPFS, BeeGFS.
const NETWORKS: [u32; 13] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x5346_414f,
    0x6b41_4653,
    0x7375_7245,
    0x564c,
    0x0102_1997,
    0x00c3_6400,
    0x0bd0_0bd0,
    0x4750_4653,
    0x1983_0326,
];

fn not_a_file(path: &Path, mode: libc::mode_t) -> Error {
    let found = match mode & libc::S_IFMT {
        libc::S_IFDIR => "a folder",
        libc::S_IFIFO => "a pipe",
        libc::S_IFSOCK => "a socket",
        _ => "a device",
    };
    let text = format!("{found} was found: a heap must be a regular file");
    Error::new(ErrorKind::NotAFile, text).at(path).advice("give the path of a file")
}

fn open(path: &Path, flags: libc::c_int, mode: u32) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    // SAFETY: path ends with NUL; the mode is read only where a file is created.
    let fd = retry(|| check(unsafe { libc::open(path.as_ptr(), flags, mode) }))?;
    // SAFETY: the descriptor is new, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The path of an open file without symbolic links, as the kernel knows it: one call, where finding
/// it out takes one for each folder.
fn path_of(fd: &OwnedFd) -> Option<PathBuf> {
    let known = fs::read_link(name::own(fd.as_raw_fd())).ok()?;
    // Without a path from our root, or removed meanwhile, it has another form.
    let there = known.is_absolute() && !known.as_os_str().as_bytes().ends_with(b" (deleted)");
    there.then_some(known)
}

fn new_board(
    path: &Path,
    file: &LinuxFile,
    stat: &libc::stat,
    writable: bool,
) -> io::Result<LinuxBoard> {
    let own = name::own(file.raw());
    // The path may lead to another file by now; the descriptor cannot.
    let reopen = |flags| match open(&own, flags | libc::O_NONBLOCK, 0) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            let fd = open(path, flags | libc::O_NONBLOCK, 0)?;
            let again = LinuxFile::new(fd.try_clone()?, false).stat()?;
            if (again.st_dev, again.st_ino) != (stat.st_dev, stat.st_ino) {
                return Err(io::Error::other("the heap file was replaced while it was opened"));
            }
            Ok(fd)
        }
        result => result,
    };
    let len = stat.st_size as u64;
    if writable {
        return LinuxBoard::new(|| reopen(libc::O_RDWR), Some(file.raw()), true, len);
    }
    LinuxBoard::new(|| reopen(libc::O_RDWR), None, true, len)
        .or_else(|_| LinuxBoard::new(|| reopen(libc::O_RDONLY), Some(file.raw()), false, len))
}

impl Host for LinuxHost {
    fn data(&self) -> &Arc<dyn File> {
        &self.data
    }

    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        if self.is_nameless() {
            // Logs of that name would be those of another heap.
            let refused = io::Error::other("a heap without a name has no log");
            return if create { Err(refused) } else { Ok(None) };
        }
        let path = self.log_path(which);
        let mode = if self.writable { libc::O_RDWR } else { libc::O_RDONLY };
        // Not through a symbolic link: somebody else may have put it there.
        let flags = mode | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let log = match open(&path, flags, 0) {
            Ok(fd) => LinuxFile::new(fd, self.writable),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) if !create || !self.writable => return Ok(None),
            Err(_) => {
                let fd = open(&path, flags | libc::O_CREAT, 0o600)?;
                let log = LinuxFile::new(fd, true);
                self.like_the_heap(&log)?;
                log
            }
        };
        let stat = log.stat()?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            let text = format!("{} is not a regular file", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        // P17: empty, it was made just now, or by somebody who died before its name was safe.
        if create && self.writable && stat.st_size == 0 {
            self.sync_folder()?;
        }
        Ok(Some(Arc::new(log)))
    }

    fn remove_log(&self, which: usize) -> io::Result<()> {
        if self.is_nameless() {
            return Ok(());
        }
        match fs::remove_file(self.log_path(which)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn set_log_aside(&self, which: usize) -> io::Result<()> {
        let from = self.log_path(which);
        for turn in 1_u32.. {
            let mut to = from.clone().into_os_string();
            to.push(if turn == 1 { ".lost".into() } else { format!(".lost{turn}") });
            match name::rename(&from, to.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done,
            }
        }
        unreachable!("there are not so many files")
    }

    fn is_current(&self) -> io::Result<bool> {
        if self.is_nameless() {
            return Ok(true);
        }
        match fs::metadata(&self.path) {
            Ok(found) => Ok((found.dev(), found.ino()) == self.identity()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let fd = open(folder, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        // SAFETY: fsync takes a descriptor only.
        retry(|| check(unsafe { libc::fsync(fd.as_raw_fd()) })).map(drop)
    }

    fn publish(&self) -> io::Result<()> {
        match &self.draft {
            Some(draft) if !draft.is_named() => draft.publish(self.file.raw())?,
            _ => return Ok(()),
        }
        self.sync_folder()
    }

    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>> {
        Ok(Box::new(LinuxView::new(Arc::clone(&self.file), placement)?))
    }

    fn board(&self) -> &dyn Board {
        &self.board
    }

    fn path(&self) -> &PathBuf {
        &self.path
    }
}

#[cfg(test)]
mod tests;
