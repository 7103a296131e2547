//! Dirty pages by userfaultfd: the kernel lifts a page's protection at a store and notes it.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::capture::Tracker;
use super::pagemap::{Pagemap, Query, iowr};
use super::sys::{HUGE_BYTES, check, overlap, thread_time};
use super::view::HUGE_FROM_BYTES;
use crate::os::SearchCost;

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
    /// Once looking at private pages only has cost more than arming would have.
    WhenItPays,
}

/// Looking at every small page of resident memory takes some 6 us a MiB, at huge pages 0.05 us,
/// at protected pages 0.3 us: slower than this, arming makes it faster.
const SLOW_US_PER_MIB: u64 = 1;
/// Up to so many candidates one call for each is cheap.
const CLOSE_LOOKS: usize = 128;
/// About what arming costs, once.
const ARMING_US_PER_MIB: u64 = 20;
/// Where mapping anew helps, it is tried before: searches must have cost so many times as much.
const ARMING_PATIENCE: u64 = 3;
/// A search passes over so much memory that has no page table in about this time.
const EMPTY_WINDOW: Duration = Duration::from_nanos(10);

/// Protects pages and asks which lost their protection.
#[derive(Debug)]
pub(super) struct UffdTracker {
    fd: OwnedFd,
    pagemap: Pagemap,
    base: u64,
    arming: Arming,
    harvest_count: u64,
    mapped: u64,
    /// Time spent on slow harvests before arming.
    slow_us: u64,
    /// Of harvests since all was mapped anew, as far as pages mapped since are to blame.
    cost: SearchCost,
    /// Pages below this offset (all or none) are protected, but for those in `bare`.
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
        let (harvest_count, mapped, slow_us, armed, bare) = (0, 0, 0, 0, 0..0);
        let cost = SearchCost::default();
        Ok(Self { fd, pagemap, base, arming, harvest_count, mapped, slow_us, cost, armed, bare })
    }

    fn mapped_mib(&self) -> u64 {
        (self.mapped >> 20).max(1)
    }

    /// In a small heap all page tables are soon in use, mapped anew or not.
    fn is_large(&self) -> bool {
        self.mapped > HUGE_FROM_BYTES
    }

    fn arm_if_due(&mut self) {
        self.harvest_count += 1;
        let due = match self.arming {
            Arming::Always => self.harvest_count == 1,
            Arming::Never => false,
            Arming::WhenItPays => {
                let patience = if self.is_large() { ARMING_PATIENCE } else { 1 };
                self.armed == 0 && self.slow_us > ARMING_US_PER_MIB * patience * self.mapped_mib()
            }
        };
        if due {
            self.armed = u64::MAX;
            self.bare = 0..u64::MAX;
        }
    }

    /// Where a huge page breaks up, its clean pages lose protection with the one stored to. So
    /// the quick look finds candidates only; a closer one tells which are private.
    fn scan_armed(
        &mut self,
        addresses: Range<u64>,
        report: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        let mut candidates: Vec<Range<u64>> = Vec::new();
        self.pagemap.scan(
            addresses.clone(),
            Query::Bare,
            &mut |range| match candidates.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => candidates.push(range),
            },
        )?;
        if candidates.len() <= CLOSE_LOOKS {
            return candidates
                .into_iter()
                .try_for_each(|range| self.pagemap.scan(range, Query::Arm, report));
        }
        // Too many for a call each: only those that may come from huge pages get a closer look.
        let mut at = addresses.start;
        for range in candidates.into_iter().filter(holds_huge_page) {
            self.pagemap.scan(at..range.start, Query::Written, report)?;
            at = range.end;
            self.pagemap.scan(range, Query::Arm, report)?;
        }
        self.pagemap.scan(at..addresses.end, Query::Written, report)
    }

    fn note_cost(&mut self, took: Duration) {
        let windows = (self.mapped / HUGE_BYTES) as u32;
        self.cost.add(took.saturating_sub(EMPTY_WINDOW * windows));
        let us = took.as_micros() as u64;
        if self.armed == 0 && us > SLOW_US_PER_MIB * self.mapped_mib() {
            self.slow_us += us;
        }
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

    fn renewed(&mut self) {
        (self.slow_us, self.cost) = (0, SearchCost::default());
        match self.arming {
            // The protection is gone, and so is what made it pay.
            Arming::WhenItPays => (self.armed, self.bare) = (0, 0..0),
            Arming::Always | Arming::Never => self.bare = 0..self.armed,
        }
    }

    fn cost(&self) -> Option<SearchCost> {
        (self.is_large() && self.armed == 0 && self.arming != Arming::Always).then_some(self.cost)
    }

    fn harvest(
        &mut self,
        private: &[Range<u64>],
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        self.arm_if_due();
        let begun = thread_time();
        let base = self.base;
        let mut report = |at: Range<u64>| found(at.start - base..at.end - base);
        for range in private {
            let bare = self.bare.clone();
            for part in [0..bare.start, bare.clone(), bare.end..u64::MAX] {
                let part = overlap(range, &part);
                if part.is_empty() {
                    continue;
                }
                let addresses = base + part.start..base + part.end;
                if self.armed == 0 {
                    self.pagemap.scan(addresses, Query::PrivateWritten, &mut report)?;
                } else if overlap(&part, &bare).is_empty() {
                    self.scan_armed(addresses, &mut report)?;
                } else {
                    self.pagemap.scan(addresses, Query::Arm, &mut report)?;
                }
            }
        }
        self.bare = self.armed..self.armed;
        self.note_cost(thread_time().saturating_sub(begun));
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self.arming {
            Arming::Always => "armed",
            Arming::Never => "unarmed",
            Arming::WhenItPays if self.armed > 0 => "auto: armed",
            Arming::WhenItPays => "auto: unarmed",
        }
    }
}

fn holds_huge_page(range: &Range<u64>) -> bool {
    range.start.next_multiple_of(HUGE_BYTES) + HUGE_BYTES <= range.end
}
