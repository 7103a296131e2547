//! Dirty pages by userfaultfd: the kernel lifts a page's protection at a store and notes it.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::capture::Tracker;
use super::pagemap::{Pagemap, Query, iowr};
use super::sys::{check, overlap};

const API: u64 = 0xaa;
const FEATURE_WP_UNPOPULATED: u64 = 1 << 13;
const FEATURE_WP_ASYNC: u64 = 1 << 15;
const REGISTER_MODE_WP: u64 = 1 << 1;
/// Enough for us, and allowed to everyone: with asynchronous protection the kernel's own stores
/// (a read into heap memory) need no permission of ours.
const USER_MODE_ONLY: libc::c_int = 1;

/// `struct uffdio_api`.
#[repr(C)]
struct ApiArg {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct RegisterArg {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

const UFFDIO_API: u32 = iowr::<ApiArg>(0xaa, 0x3f);
const UFFDIO_REGISTER: u32 = iowr::<RegisterArg>(0xaa, 0x00);
const _: () = assert!(UFFDIO_API == 0xc018_aa3f && UFFDIO_REGISTER == 0xc020_aa00);

/// When to protect every page rather than private ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arming {
    Always,
    Never,
    /// From the second harvest on, if little is mapped by then.
    WhenSmall,
}

/// Beyond this many bytes looking at private pages only is cheaper (where clean memory is
/// mapped by huge pages), and arming would break the huge pages up.
pub(super) const SMALL_BYTES: u64 = 256 << 20;

/// Protects pages and asks which lost their protection.
#[derive(Debug)]
pub(super) struct UffdTracker {
    fd: OwnedFd,
    pagemap: Pagemap,
    base: u64,
    arming: Arming,
    harvest_count: u64,
    mapped: u64,
    /// Pages below this offset are all protected, but for those in `bare`.
    armed: u64,
    /// Encloses the pages that were mapped or dropped since the last harvest: they lack
    /// protection although nobody stored to them.
    bare: Range<u64>,
}

impl UffdTracker {
    pub(super) fn new(base: u64, arming: Arming) -> io::Result<Self> {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | USER_MODE_ONLY;
        // SAFETY: userfaultfd takes an integer only.
        let fd = check(unsafe { libc::syscall(libc::SYS_userfaultfd, flags) })?;
        // SAFETY: the descriptor is new, nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) };
        let features = FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC;
        let mut arg = ApiArg { api: API, features, ioctls: 0 };
        // SAFETY: arg is a valid uffdio_api.
        check(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_API as _, &raw mut arg) })?;
        let pagemap = Pagemap::open()?;
        let (harvest_count, mapped, armed) = (0, 0, 0);
        Ok(Self { fd, pagemap, base, arming, harvest_count, mapped, armed, bare: 0..0 })
    }

    fn arm_if_due(&mut self) {
        self.harvest_count += 1;
        let armed = match self.arming {
            Arming::Always if self.harvest_count == 1 => u64::MAX,
            // One harvest costs less than arming: whoever commits once shall not pay for it.
            Arming::WhenSmall if self.harvest_count == 2 && self.mapped <= SMALL_BYTES => {
                SMALL_BYTES
            }
            _ => return,
        };
        self.armed = armed;
        self.bare = 0..armed;
    }

    fn bared(&mut self, range: &Range<u64>) {
        let range = overlap(range, &(0..self.armed));
        if self.bare.is_empty() {
            self.bare = range;
        } else if !range.is_empty() {
            self.bare = self.bare.start.min(range.start)..self.bare.end.max(range.end);
        }
    }
}

impl Tracker for UffdTracker {
    fn adopt(&mut self, range: Range<u64>) -> io::Result<()> {
        let (start, len) = (self.base + range.start, range.end - range.start);
        let mut arg = RegisterArg { start, len, mode: REGISTER_MODE_WP, ioctls: 0 };
        // SAFETY: arg is a valid uffdio_register; the range is mapped by the view.
        check(unsafe { libc::ioctl(self.fd.as_raw_fd(), UFFDIO_REGISTER as _, &raw mut arg) })?;
        self.mapped = self.mapped.max(range.end);
        self.bared(&range);
        Ok(())
    }

    fn forget(&mut self, range: Range<u64>) {
        self.bared(&range);
    }

    fn harvest(
        &mut self,
        private: &[Range<u64>],
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        self.arm_if_due();
        let base = self.base;
        let mut report = |at: Range<u64>| found(at.start - base..at.end - base);
        for range in private {
            let (armed, bare) = (self.armed, &self.bare);
            let pieces = [
                (0..bare.start.min(armed), Query::Written),
                (bare.start..bare.end, Query::Arm),
                (bare.end.min(armed)..armed, Query::Written),
                (armed..u64::MAX, Query::PrivateWritten),
            ];
            for (piece, query) in pieces {
                let part = overlap(range, &piece);
                if !part.is_empty() {
                    self.pagemap.scan(base + part.start..base + part.end, query, &mut report)?;
                }
            }
        }
        self.bare = self.armed..self.armed;
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self.arming {
            Arming::Always => "armed",
            Arming::Never => "unarmed",
            Arming::WhenSmall if self.armed > 0 => "auto: armed",
            Arming::WhenSmall => "auto: unarmed",
        }
    }
}
