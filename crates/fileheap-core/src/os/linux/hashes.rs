//! Dirty pages without the kernel's help: private pages whose hash is not the remembered one.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::ops::Range;

use super::capture::Tracker;
use super::pagemap::{Pagemap, Query};
use super::sys::os_page_bytes;

/// A private page as the last harvest saw it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    offset: u64,
    hash: u64,
    /// The page was dropped since: if it is private again, it was stored to.
    dropped: bool,
}

/// Remembers a hash for every private page.
#[derive(Debug)]
pub(super) struct HashTracker {
    pagemap: Pagemap,
    base: u64,
    with_scan: bool,
    keys: [u64; 8],
    /// Ascending by offset.
    seen: Vec<Seen>,
}

impl HashTracker {
    /// `with_scan` asks by PAGEMAP_SCAN, else the pagemap file is read.
    pub(super) fn new(base: u64, with_scan: bool) -> io::Result<Self> {
        let pagemap = Pagemap::open()?;
        // Random keys: nobody can make up two pages of the same hash.
        let keys = std::array::from_fn(|_| RandomState::new().build_hasher().finish());
        Ok(Self { pagemap, base, with_scan, keys, seen: Vec::new() })
    }

    fn private_pages(&mut self, range: &Range<u64>, out: &mut Vec<u64>) -> io::Result<()> {
        let (base, page) = (self.base, os_page_bytes());
        let mut push = |at: Range<u64>| {
            out.extend((at.start - base..at.end - base).step_by(page as usize));
        };
        let addresses = base + range.start..base + range.end;
        if self.with_scan {
            self.pagemap.scan(addresses, Query::Private, &mut push)
        } else {
            self.pagemap.read_private(addresses, &mut push)
        }
    }
}

impl Tracker for HashTracker {
    fn hashes_pages(&self) -> bool {
        true
    }

    fn adopt(&mut self, _range: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn forget(&mut self, range: Range<u64>) {
        let first = self.seen.partition_point(|seen| seen.offset < range.start);
        for seen in &mut self.seen[first..] {
            if seen.offset >= range.end {
                break;
            }
            seen.dropped = true;
        }
    }

    fn doubt(&mut self, range: Range<u64>) {
        self.forget(range);
    }

    fn harvest(
        &mut self,
        private: &[Range<u64>],
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        let page = os_page_bytes();
        let mut offsets = Vec::new();
        for range in private {
            self.private_pages(range, &mut offsets)?;
        }
        let mut fresh = Vec::with_capacity(offsets.len());
        let mut old = self.seen.iter().peekable();
        for offset in offsets {
            while old.next_if(|seen| seen.offset < offset).is_some() {}
            let before = old.next_if(|seen| seen.offset == offset).filter(|seen| !seen.dropped);
            // SAFETY: the view has this page mapped readable; words may change under us.
            let hash = unsafe { hash_page((self.base + offset) as *const u64, page, &self.keys) };
            if before.is_none_or(|seen| seen.hash != hash) {
                found(offset..offset + page);
            }
            fresh.push(Seen { offset, hash, dropped: false });
        }
        self.seen = fresh;
        Ok(())
    }

    fn name(&self) -> &'static str {
        if self.with_scan { "scan" } else { "pagemap" }
    }
}

/// Both halves of the product of two words.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of a page that other threads may be storing to: it is of some state of each word, and
/// a store after its word was read is found by the next harvest.
///
/// # Safety
/// `page` is aligned to a word and readable for `bytes`, a multiple of 64.
unsafe fn hash_page(page: *const u64, bytes: u64, keys: &[u64; 8]) -> u64 {
    let mut lanes = [keys[0], keys[2], keys[4], keys[6]];
    for stripe in 0..bytes as usize / 64 {
        for (lane, state) in lanes.iter_mut().enumerate() {
            let index = stripe * 8 + lane * 2;
            // SAFETY: index is within the page; volatile, as the words may change meanwhile.
            let (a, b) =
                unsafe { (page.add(index).read_volatile(), page.add(index + 1).read_volatile()) };
            *state = fold(a ^ keys[lane * 2] ^ *state, b ^ keys[lane * 2 + 1]);
        }
    }
    let [a, b, c, d] = lanes;
    fold(fold(a ^ keys[1], b ^ keys[3]) ^ keys[5], fold(c ^ keys[7], d ^ keys[0]) ^ keys[2])
}
