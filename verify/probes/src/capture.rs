//! How stores are found afterwards: A5, A6, A17.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sys::{Map, Scratch, checked, page_bytes};
use crate::{Outcome, Verdict, judge, outcome};

const PAGEMAP_SCAN: u64 = 0xc060_6610;
const UFFDIO_API: u64 = 0xc018_aa3f;
const UFFDIO_REGISTER: u64 = 0xc020_aa00;
const USER_MODE_ONLY: i32 = 1;
const FEATURE_WP_ASYNC: u64 = 1 << 15;
const MODE_WP: u64 = 2;
const WP_MATCHING: u64 = 1;
const CHECK_WPASYNC: u64 = 2;
const IS_WRITTEN: u64 = 1 << 1;
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const BIT_FILE: u64 = 1 << 61;
const BIT_PRESENT: u64 = 1 << 63;

#[repr(C)]
#[derive(Default)]
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

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// A userfaultfd with asynchronous write protection, if there is one.
fn open_uffd() -> io::Result<OwnedFd> {
    let flags = libc::O_CLOEXEC | USER_MODE_ONLY;
    // SAFETY: the result is a new descriptor, owned by the OwnedFd.
    let fd = unsafe {
        let fd = checked(libc::syscall(libc::SYS_userfaultfd, flags))?;
        OwnedFd::from_raw_fd(fd as i32)
    };
    let mut api = [0xaa, FEATURE_WP_ASYNC, 0];
    // SAFETY: UFFDIO_API reads and writes three u64.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_API, api.as_mut_ptr()) }.into())?;
    Ok(fd)
}

fn register(fd: &OwnedFd, map: &Map) -> io::Result<()> {
    let mut arg = [map.address() as u64, map.bytes() as u64, MODE_WP, 0];
    // SAFETY: UFFDIO_REGISTER reads and writes four u64.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_REGISTER, arg.as_mut_ptr()) }.into())
        .map(drop)
}

/// The private pages stored to since the last harvest; protects them again.
fn harvest(pagemap: &File, map: &Map) -> io::Result<Vec<usize>> {
    let mut regions = [Region::default(); 64];
    let mut arg = ScanArg {
        size: size_of::<ScanArg>() as u64,
        flags: WP_MATCHING | CHECK_WPASYNC,
        start: map.address() as u64,
        end: (map.address() + map.bytes()) as u64,
        vec: regions.as_mut_ptr() as u64,
        vec_len: regions.len() as u64,
        category_inverted: IS_FILE,
        category_mask: IS_WRITTEN | IS_FILE,
        category_anyof_mask: IS_PRESENT | IS_SWAPPED,
        return_mask: IS_WRITTEN,
        ..ScanArg::default()
    };
    // SAFETY: the ioctl fills at most vec_len regions; both structs outlive it.
    let count =
        checked(unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut arg) }.into())?;
    let page = |address: u64| (address as usize - map.address()) / page_bytes();
    Ok(regions[..count as usize].iter().flat_map(|r| page(r.start)..page(r.end)).collect())
}

fn start_capture(map: &Map) -> io::Result<(OwnedFd, File)> {
    let uffd = open_uffd()?;
    register(&uffd, map)?;
    let pagemap = File::open("/proc/self/pagemap")?;
    harvest(&pagemap, map)?;
    Ok((uffd, pagemap))
}

fn absent(error: &io::Error) -> io::Result<Outcome> {
    outcome(Verdict::Absent, format!("{error}; the engine uses bit 61 (A6)"))
}

pub fn fast_capture(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 8)?;
    let map = Map::file(&file, 8, libc::MAP_PRIVATE)?;
    let (_uffd, pagemap) = match start_capture(&map) {
        Ok(pair) => pair,
        Err(error) => return absent(&error),
    };
    map.load(2);
    map.store(1, 9);
    map.store(3, 9);
    let first = harvest(&pagemap, &map)?;
    let quiet = harvest(&pagemap, &map)?;
    map.store(3, 10);
    let zero = File::open("/dev/zero")?;
    // SAFETY: page 5 is mapped and writable.
    let got = unsafe { libc::read(zero.as_raw_fd(), map.page(5).cast(), 16) };
    let second = harvest(&pagemap, &map)?;
    judge(
        format!("stores {first:?}, nothing {quiet:?}, again and by read(2) {second:?}"),
        &[
            ("the first stores are named", first == [1, 3]),
            ("nothing stored, nothing named", quiet.is_empty()),
            ("a second store and read(2) are named", got == 16 && second == [3, 5]),
        ],
    )
}

pub fn pagemap_bit(dir: &Path) -> io::Result<Outcome> {
    use std::os::unix::fs::FileExt;
    let file = Scratch::new(dir, 3)?;
    let map = Map::file(&file, 3, libc::MAP_PRIVATE)?;
    map.load(0);
    map.store(1, 9);
    let pagemap = File::open("/proc/self/pagemap")?;
    let entry = |page: usize| -> io::Result<u64> {
        let mut bytes = [0; 8];
        let index = map.address() / page_bytes() + page;
        pagemap.read_exact_at(&mut bytes, index as u64 * 8)?;
        Ok(u64::from_ne_bytes(bytes))
    };
    let (clean, stored) = (entry(0)?, entry(1)?);
    judge(
        "file page: present and file; stored page: present, not file",
        &[
            ("a clean page is present", clean & BIT_PRESENT != 0),
            ("a clean page is a file page", clean & BIT_FILE != 0),
            ("a stored page is present", stored & BIT_PRESENT != 0),
            ("a stored page is no file page", stored & BIT_FILE == 0),
        ],
    )
}

pub fn racing_stores(dir: &Path) -> io::Result<Outcome> {
    const PAGES: usize = 32;
    let file = Scratch::new(dir, PAGES)?;
    let map = Map::file(&file, PAGES, libc::MAP_PRIVATE)?;
    let (_uffd, pagemap) = match start_capture(&map) {
        Ok(pair) => pair,
        Err(error) => return absent(&error),
    };
    let mut copy: Vec<u8> = (0..PAGES).map(|page| map.load(page)).collect();
    let stop = AtomicBool::new(false);
    let (mut harvests, mut named) = (0, 0);
    let address = map.address();
    std::thread::scope(|scope| -> io::Result<()> {
        scope.spawn(|| {
            let mut x = 88_172_645_463_325_252_u64;
            while !stop.load(Ordering::Relaxed) {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                let at = address + (x as usize % PAGES) * page_bytes();
                // SAFETY: inside the mapping, which outlives the scope; the reader is volatile.
                unsafe { (at as *mut u8).write_volatile((x >> 32) as u8) };
            }
        });
        let until = Instant::now() + Duration::from_millis(300);
        let result = (|| {
            while Instant::now() < until {
                let pages = harvest(&pagemap, &map)?;
                harvests += 1;
                named += pages.len();
                pages.into_iter().for_each(|page| copy[page] = map.load(page));
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        result
    })?;
    harvest(&pagemap, &map)?.into_iter().for_each(|page| copy[page] = map.load(page));
    let lost = (0..PAGES).filter(|&page| copy[page] != map.load(page)).count();
    judge(
        format!("{harvests} harvests named {named} pages beside a storing thread, none lost"),
        &[("every store was in its harvest or the next", lost == 0)],
    )
}
