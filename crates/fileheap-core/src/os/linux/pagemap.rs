//! What the kernel knows of this process's pages: the PAGEMAP_SCAN ioctl and the pagemap file.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;

use super::sys::{check, os_page_bytes, retry};

pub(super) const WRITTEN: u64 = 1 << 1;
pub(super) const FILE: u64 = 1 << 2;
pub(super) const PRESENT: u64 = 1 << 3;
pub(super) const SWAPPED: u64 = 1 << 4;

/// Protect the pages that match, in the same step that reports them.
const WP_MATCHING: u64 = 1 << 0;
/// Fail where a page is not registered for asynchronous write protection.
const CHECK_WPASYNC: u64 = 1 << 1;

/// Regions per call; a longer answer takes more calls.
const REGIONS: usize = 1024;
/// Pages per read of the pagemap file.
const ENTRIES: usize = 8192;

/// Bits of a pagemap entry.
const ENTRY_FILE: u64 = 1 << 61;
const ENTRY_SWAPPED: u64 = 1 << 62;
const ENTRY_PRESENT: u64 = 1 << 63;

/// `struct pm_scan_arg` of linux/fs.h.
#[derive(Default)]
#[repr(C)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of linux/fs.h.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

const _: () = assert!(size_of::<ScanArg>() == 96 && size_of::<Region>() == 24);

/// The number of an ioctl that reads and writes its argument.
pub(super) const fn iowr<T>(kind: u8, number: u8) -> u32 {
    3 << 30 | (size_of::<T>() as u32) << 16 | (kind as u32) << 8 | number as u32
}

const PAGEMAP_SCAN: u32 = iowr::<ScanArg>(b'f', 16);
const _: () = assert!(PAGEMAP_SCAN == 0xc060_6610);

/// Which pages a scan asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// Private pages.
    Private,
    /// Private pages stored to since they were protected; protects them again.
    PrivateWritten,
    /// Pages that lack protection, private or not. The kernel answers this one fastest.
    Bare,
    /// The same, and protects them.
    Written,
    /// As `PrivateWritten`, and all pages that were never protected get protected.
    Arm,
}

/// This process's page map.
#[derive(Debug)]
pub(super) struct Pagemap {
    file: fs::File,
    regions: Vec<Region>,
    entries: Vec<u64>,
}

impl Pagemap {
    pub(super) fn open() -> io::Result<Self> {
        let file = fs::File::open("/proc/self/pagemap")?;
        Ok(Self { file, regions: Vec::new(), entries: Vec::new() })
    }

    /// Reports address ranges of matching pages, ascending.
    pub(super) fn scan(
        &mut self,
        addresses: Range<u64>,
        query: Query,
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        // Absent pages count as written, and protected clean pages can look swapped out.
        let private = ScanArg {
            category_inverted: FILE,
            category_mask: FILE,
            category_anyof_mask: PRESENT | SWAPPED,
            return_mask: PRESENT,
            ..ScanArg::default()
        };
        let mut arg = match query {
            Query::Private => private,
            Query::PrivateWritten => ScanArg {
                flags: CHECK_WPASYNC,
                category_mask: FILE | WRITTEN,
                return_mask: WRITTEN,
                ..private
            },
            Query::Bare | Query::Written | Query::Arm => ScanArg {
                flags: CHECK_WPASYNC,
                category_mask: WRITTEN,
                return_mask: WRITTEN,
                ..ScanArg::default()
            },
        };
        if query != Query::Bare && query != Query::Private {
            arg.flags |= WP_MATCHING;
        }
        if query == Query::Arm {
            arg.return_mask = FILE | PRESENT | SWAPPED;
        }
        self.regions.resize(REGIONS, Region::default());
        arg.size = size_of::<ScanArg>() as u64;
        (arg.start, arg.end) = (addresses.start, addresses.end);
        (arg.vec, arg.vec_len) = (self.regions.as_mut_ptr() as u64, REGIONS as u64);
        while arg.start < arg.end {
            let fd = self.file.as_raw_fd();
            // SAFETY: arg is a valid pm_scan_arg whose vec has room for vec_len regions.
            let count =
                retry(|| check(unsafe { libc::ioctl(fd, PAGEMAP_SCAN as _, &raw mut arg) }))?;
            let regions = &self.regions[..count as usize];
            for region in regions {
                let is_private =
                    region.categories & FILE == 0 && region.categories & (PRESENT | SWAPPED) != 0;
                if query != Query::Arm || is_private {
                    found(region.start..region.end);
                }
            }
            // Not `walk_end`: the kernel leaves it behind when it hands out regions in parts.
            match regions.last() {
                Some(last) if regions.len() == REGIONS => arg.start = last.end,
                _ => break,
            }
        }
        Ok(())
    }

    /// The same answer as `Query::Private`, from the pagemap file that every kernel has.
    pub(super) fn read_private(
        &mut self,
        addresses: Range<u64>,
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        let page = os_page_bytes();
        self.entries.resize(ENTRIES, 0);
        let mut at = addresses.start;
        while at < addresses.end {
            let count = ((addresses.end - at) / page).min(ENTRIES as u64) as usize;
            let got = self.read_entries(at / page, count)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let is_private = |entry: u64| {
                entry & ENTRY_FILE == 0 && entry & (ENTRY_PRESENT | ENTRY_SWAPPED) != 0
            };
            let mut start = None;
            for (index, &entry) in self.entries[..got].iter().enumerate() {
                let address = at + index as u64 * page;
                match (is_private(entry), start) {
                    (true, None) => start = Some(address),
                    (false, Some(first)) => {
                        found(first..address);
                        start = None;
                    }
                    _ => {}
                }
            }
            at += got as u64 * page;
            if let Some(first) = start {
                found(first..at);
            }
        }
        Ok(())
    }

    fn read_entries(&mut self, index: u64, count: usize) -> io::Result<usize> {
        let out = &mut self.entries[..count];
        let (fd, bytes) = (self.file.as_raw_fd(), count * 8);
        let got = retry(|| {
            // SAFETY: out has room for count entries of eight bytes.
            check(unsafe { libc::pread(fd, out.as_mut_ptr().cast(), bytes, (index * 8) as _) })
        })?;
        Ok(got as usize / 8)
    }
}
