//! A heap file mapped in plain memory: dirty pages are found by comparison with a shadow copy.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::block::Block;
use super::disk::{RamDisk, RamFile};
use crate::format::{PAGE_BYTES, PREAMBLE_BYTES};
use crate::os::{File, Placement, SearchCost, View};

/// No more memory is taken for one view, whatever was asked for.
const RESERVE_MAX: u64 = if cfg!(miri) { 4 << 20 } else { 1 << 30 };
const PAGE: usize = PAGE_BYTES as usize;
/// After so many searches they are said to have become slow.
const QUICK_SEARCHES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Shows the file, unless it differs from its shadow.
    Clean,
    /// Was stored to before the last harvest.
    Private,
    /// Its stores go to the file when they are settled.
    Shared,
}

#[derive(Debug)]
struct State {
    /// The memory as last harvested, read or settled.
    shadow: Block,
    /// How much is mapped.
    mapped: usize,
    pages: Vec<Page>,
    /// The most that ever was mapped.
    used: usize,
    /// Searches since the last `renew`.
    searches: u32,
}

/// The memory of a view, known to the disk, which shows it changes of the file.
#[derive(Debug)]
pub(super) struct Core {
    base: *mut u8,
    bytes: u64,
    /// What was allocated, around `base`.
    block: Block,
    state: Mutex<State>,
}

// SAFETY: the memory behind `base` is handed out raw; who uses it from where is up to the users.
unsafe impl Send for Core {}
// SAFETY: as above; what is ours is behind the mutex.
unsafe impl Sync for Core {}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in memory in a mapped range now.
    fn read(&self, range: &Range<usize>) -> [u8; PAGE] {
        let mut bytes = [0; PAGE];
        let len = range.len().min(PAGE);
        // SAFETY: callers pass ranges within the allocation, of a page at most.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(self.base.add(range.start), len) };
        bytes
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        // SAFETY: callers pass ranges within the allocation.
        unsafe { self.base.add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// The file holds other bytes now: pages that show the file change, private ones do not.
    pub(super) fn file_changed(&self, changed: &Range<u64>, file: &[u8]) {
        let mut state = self.state();
        let end = (changed.end as usize).min(state.mapped).min(file.len());
        let mut at = changed.start as usize;
        while at < end {
            let index = at / PAGE;
            let part = at..end.min((index + 1) * PAGE);
            at = part.end;
            let page = index * PAGE..(index + 1) * PAGE;
            let kind = state.pages[index];
            let memory = self.read(&page);
            let shadow = &mut state.shadow.bytes_mut()[page.clone()];
            let same = memory == *shadow;
            if kind == Page::Private || kind == Page::Clean && !same {
                continue;
            }
            if same {
                self.write(part.start, &file[part.clone()]);
            } else {
                self.write_settled(&part, &memory, shadow, file);
            }
            let within = part.start - page.start..part.end - page.start;
            shadow[within].copy_from_slice(&file[part]);
        }
    }

    /// What was stored to a shared page but not settled yet stays.
    fn write_settled(&self, part: &Range<usize>, memory: &[u8], shadow: &[u8], file: &[u8]) {
        for offset in part.clone() {
            if memory[offset % PAGE] == shadow[offset % PAGE] {
                self.write(offset, &file[offset..=offset]);
            }
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.shadow.retire(state.used);
        let before = self.base as usize - self.block.at() as usize;
        self.block.retire(before + state.used);
    }
}

/// A mapping of a heap in memory.
pub struct RamView {
    core: Arc<Core>,
    disk: RamDisk,
    file: RamFile,
    writable: bool,
}

impl RamView {
    pub(super) fn new(disk: RamDisk, process: u32, placement: &Placement) -> io::Result<Self> {
        if placement.exact && placement.base != 0 {
            let text = "plain memory cannot be had at an address of choice";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        let bytes = placement.reserve_bytes.clamp(PREAMBLE_BYTES, RESERVE_MAX);
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        // Aligned by hand: zeroed memory is cheap only without a wish for alignment.
        let whole = (bytes + PREAMBLE_BYTES) as usize;
        let block = Block::zeroed(whole)?;
        // SAFETY: at most PREAMBLE_BYTES further, so many more than `bytes` were allocated.
        let base = unsafe { block.at().add(block.at().align_offset(PREAMBLE_BYTES as usize)) };
        let shadow = Block::zeroed(bytes as usize)?;
        let pages = Vec::new();
        let state = Mutex::new(State { shadow, mapped: 0, pages, used: 0, searches: 0 });
        let core = Arc::new(Core { base, bytes, block, state });
        disk.attach(&core);
        let file = RamFile::new(disk.clone(), process, super::DATA);
        Ok(Self { core, disk, file, writable: placement.writable })
    }

    /// Reads the file into whole pages, which then show it.
    fn reread(&self, range: &Range<u64>, kind: impl Fn(Page) -> Page) -> io::Result<()> {
        let disk = self.disk.lock();
        let file = &disk.content(super::DATA)?.bytes;
        let mut state = self.core.state();
        let range = check(range, state.mapped)?;
        for index in range.start / PAGE..range.end / PAGE {
            let page = index * PAGE..(index + 1) * PAGE;
            let shadow = &mut state.shadow.bytes_mut()[page.clone()];
            let there = file.get(page.start..page.end.min(file.len())).unwrap_or(&[]);
            shadow[..there.len()].copy_from_slice(there);
            shadow[there.len()..].fill(0);
            self.core.write(page.start, shadow);
            state.pages[index] = kind(state.pages[index]);
        }
        Ok(())
    }
}

fn check(range: &Range<u64>, mapped: usize) -> io::Result<Range<usize>> {
    let whole = range.start % PAGE_BYTES == 0 && range.end % PAGE_BYTES == 0;
    if !whole || range.start > range.end || range.end > mapped as u64 {
        let text = format!("range {range:?} is not whole pages of the {mapped} bytes mapped");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(range.start as usize..range.end as usize)
}

impl View for RamView {
    fn base(&self) -> *mut u8 {
        self.core.base
    }

    fn reserved_bytes(&self) -> u64 {
        self.core.bytes
    }

    fn extend(&self, bytes: u64) -> io::Result<()> {
        let end = bytes.next_multiple_of(PAGE_BYTES);
        if end > self.reserved_bytes() {
            let text = format!("{bytes} bytes exceed the reserved memory");
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, text));
        }
        if self.file.len()? < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut state = self.core.state();
        let start = state.mapped as u64;
        if end <= start {
            return Ok(());
        }
        state.mapped = end as usize;
        state.pages.resize(end as usize / PAGE, Page::Clean);
        state.used = state.used.max(end as usize);
        drop(state);
        self.reread(&(start..end), |page| page)
    }

    fn retract(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.core.state();
        let end = bytes.next_multiple_of(PAGE_BYTES) as usize;
        state.mapped = state.mapped.min(end);
        state.pages.truncate(end / PAGE);
        Ok(())
    }

    fn share(&self, range: Range<u64>) -> io::Result<()> {
        self.reread(&range, |_| Page::Shared)
    }

    fn unshare(&self, range: Range<u64>) -> io::Result<()> {
        self.settle(range.clone())?;
        self.reread(&range, |_| Page::Clean)
    }

    fn settle(&self, range: Range<u64>) -> io::Result<()> {
        let mut unsettled = Vec::new();
        {
            let state = self.core.state();
            let range = check(&range, state.mapped)?;
            for index in range.start / PAGE..range.end / PAGE {
                if state.pages[index] != Page::Shared {
                    continue;
                }
                let page = index * PAGE..(index + 1) * PAGE;
                let memory = self.core.read(&page);
                if memory != state.shadow.bytes()[page.clone()] {
                    unsettled.push((page.start as u64, memory));
                }
            }
        }
        // The write comes back to us through `file_changed`, which brings the shadow up to date.
        unsettled
            .into_iter()
            .try_for_each(|(offset, page)| self.file.write_at(offset, &[IoSlice::new(&page)]))
    }

    fn harvest(&self, dirty: &mut Vec<Range<u64>>) -> io::Result<()> {
        if !self.writable {
            return Ok(());
        }
        let mut state = self.core.state();
        state.searches += 1;
        let first = dirty.len();
        for index in PREAMBLE_BYTES as usize / PAGE..state.pages.len() {
            let page = index * PAGE..(index + 1) * PAGE;
            // SAFETY: the page is mapped; nobody stores to it while a harvest is made.
            let memory =
                unsafe { std::slice::from_raw_parts(self.core.base.add(page.start), PAGE) };
            if state.pages[index] == Page::Shared || *memory == state.shadow.bytes()[page.clone()] {
                continue;
            }
            state.shadow.bytes_mut()[page.clone()].copy_from_slice(memory);
            state.pages[index] = Page::Private;
            let page = page.start as u64..page.end as u64;
            match dirty[first..].last_mut() {
                Some(last) if last.end == page.start => last.end = page.end,
                _ => dirty.push(page),
            }
        }
        Ok(())
    }

    fn note_stores(&self, range: Range<u64>) {
        let mut state = self.core.state();
        let last = range.end.div_ceil(PAGE_BYTES).min(state.pages.len() as u64) as usize;
        for page in &mut state.pages[(range.start / PAGE_BYTES) as usize..last] {
            if *page == Page::Clean {
                *page = Page::Private;
            }
        }
    }

    fn doubt(&self, ranges: &[Range<u64>]) {
        let mut state = self.core.state();
        for range in ranges {
            for index in (range.start / PAGE_BYTES) as usize..(range.end / PAGE_BYTES) as usize {
                if state.pages[index] == Page::Private {
                    state.shadow.bytes_mut()[index * PAGE] ^= !0;
                }
            }
        }
    }

    fn set_writable(&self, _writable: bool) -> io::Result<()> {
        Ok(())
    }

    fn discard(&self, range: Range<u64>) -> io::Result<()> {
        self.reread(&range, |page| if page == Page::Shared { page } else { Page::Clean })
    }

    fn renew(&self, bytes: u64) -> io::Result<()> {
        self.core.state().searches = 0;
        self.discard(PREAMBLE_BYTES..bytes)
    }

    /// By count, so that what a seed brings about it brings about again.
    fn search_cost(&self) -> Option<SearchCost> {
        let count = self.core.state().searches;
        let last = Duration::from_secs((count / QUICK_SEARCHES).into());
        Some(SearchCost { count, spent: last * count / 2, last })
    }

    fn prefault(&self, _range: Range<u64>) {}

    fn capture_name(&self) -> &'static str {
        "comparison"
    }
}

impl Drop for RamView {
    fn drop(&mut self) {
        let mapped = self.core.state().mapped as u64;
        // Stores to shared memory outlive their process, unless it was killed in the simulation.
        let _ = self.settle(0..mapped);
    }
}
