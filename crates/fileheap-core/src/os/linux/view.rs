//! The heap file mapped at one address: private pages, shared windows, growth in place.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::capture::{Blind, Tracker, choose};
use super::discard;
use super::file::LinuxFile;
use super::fork;
use super::reserve::reserve;
use super::sys::{HUGE_BYTES, Mapping, check, map, os_page_bytes, overlap, round_down, round_up};
use crate::format::PREAMBLE_BYTES;
use crate::os::{Capture, File, Placement, SearchCost, View};

/// Below this offset clean memory is not asked to be in huge pages: small heaps get armed.
pub(super) const HUGE_FROM_BYTES: u64 = 256 << 20;

/// A mapping of a heap file.
pub struct LinuxView {
    memory: Mapping,
    file: Arc<LinuxFile>,
    writable: bool,
    /// Mapping goes by this unit; a multiple of the real OS page in tests.
    os_page: u64,
    process: u32,
    state: Mutex<State>,
}

struct State {
    /// Bytes mapped from offset 0, in whole OS pages.
    mapped: u64,
    /// Bytes the caller asked to have mapped.
    wanted: u64,
    /// Start and end of shared ranges: in whole OS pages, apart from each other.
    shared: BTreeMap<u64, u64>,
    tracker: Box<dyn Tracker>,
    /// The tracker is chosen at the first harvest: its self-tests take longer than opening.
    undecided: bool,
    /// Read-only views: whether the engine lifted the protection.
    lifted: bool,
}

impl LinuxView {
    pub(super) fn new(file: Arc<LinuxFile>, placement: &Placement) -> io::Result<Self> {
        Self::with_page(file, placement, os_page_bytes())
    }

    pub(super) fn with_page(
        file: Arc<LinuxFile>,
        placement: &Placement,
        os_page: u64,
    ) -> io::Result<Self> {
        let bytes = round_up(placement.reserve_bytes.max(HUGE_BYTES), HUGE_BYTES);
        let memory = reserve(placement.base, placement.exact, bytes)?;
        let undecided = placement.writable && placement.capture == Capture::Auto;
        let tracker = if placement.writable && !undecided {
            choose(placement.capture, &file, memory.pointer() as u64)?
        } else {
            Box::new(Blind)
        };
        let shared = BTreeMap::new();
        let state = State { mapped: 0, wanted: 0, shared, tracker, undecided, lifted: false };
        let state = Mutex::new(state);
        let (writable, process) = (placement.writable, fork::process());
        Ok(Self { memory, file, writable, os_page, process, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, offset: u64) -> *mut u8 {
        self.memory.pointer().wrapping_add(offset as usize)
    }

    fn protection(&self, state: &State) -> libc::c_int {
        let write = if self.writable || state.lifted { libc::PROT_WRITE } else { 0 };
        libc::PROT_READ | write
    }

    /// Maps a range of the file over whatever the view has there.
    fn place(&self, range: &Range<u64>, protection: i32, sharing: i32) -> io::Result<()> {
        let flags = sharing | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let file = Some((self.file.raw(), range.start));
        // SAFETY: the range lies in our reservation (callers check); what it showed is replaced
        // because the caller of the view asked for it.
        unsafe { map(self.at(range.start), range.end - range.start, protection, flags, file) }
            .map(drop)
    }

    fn place_private(&self, state: &mut State, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.place(&range, self.protection(state), libc::MAP_PRIVATE)?;
        // Now, not after what may still fail: no harvest may take the range for shared.
        state.remove_shared(&range);
        // Clean memory in huge pages makes the search for private pages short.
        let far = range.start.max(HUGE_FROM_BYTES)..range.end;
        if far.start < far.end {
            self.advise(&far, libc::MADV_HUGEPAGE);
        }
        state.tracker.adopt(range)
    }

    /// Advice may fail: it is about speed only.
    fn advise(&self, range: &Range<u64>, advice: libc::c_int) {
        let bytes = (range.end - range.start) as usize;
        // SAFETY: only used with advice that does not change contents, on our own range.
        unsafe { libc::madvise(self.at(range.start).cast(), bytes, advice) };
    }

    /// The whole OS pages within a range that is mapped.
    fn inner(&self, state: &State, range: &Range<u64>) -> io::Result<Range<u64>> {
        if range.start < PREAMBLE_BYTES || range.end > state.mapped || range.start > range.end {
            let text = format!("range {range:?} is not within the {} bytes mapped", state.mapped);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let start = round_up(range.start, self.os_page);
        Ok(start..round_down(range.end, self.os_page).max(start))
    }

    /// Puts the file's bytes into memory: for parts of OS pages, which cannot be dropped.
    fn reread(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_at(range.start, &mut bytes)?;
        // SAFETY: the range is mapped (callers checked), and ours to overwrite by contract.
        unsafe { self.at(range.start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    fn writer_only(&self) -> io::Result<()> {
        if self.writable && self.process == fork::process() {
            return Ok(());
        }
        let text = if self.writable { "a forked child" } else { "a read-only view" };
        let text = format!("{text} cannot change how the heap is mapped");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

impl State {
    /// What is mapped privately and may hold dirty pages.
    fn private(&self) -> Vec<Range<u64>> {
        let mut private = Vec::with_capacity(self.shared.len() + 1);
        let mut at = PREAMBLE_BYTES;
        for (&start, &end) in &self.shared {
            if at < start {
                private.push(at..start);
            }
            at = end;
        }
        if at < self.mapped {
            private.push(at..self.mapped);
        }
        private
    }

    fn add_shared(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        while let Some((&low, &high)) = self.shared.range(..=end).next_back() {
            if high < start {
                break;
            }
            self.shared.remove(&low);
            (start, end) = (start.min(low), end.max(high));
        }
        self.shared.insert(start, end);
    }

    fn remove_shared(&mut self, range: &Range<u64>) {
        while let Some((&low, &high)) = self.shared.range(..range.end).next_back() {
            if high <= range.start {
                break;
            }
            self.shared.remove(&low);
            if low < range.start {
                self.shared.insert(low, range.start);
            }
            if high > range.end {
                self.shared.insert(range.end, high);
            }
        }
    }
}

impl View for LinuxView {
    fn base(&self) -> *mut u8 {
        self.memory.pointer()
    }

    fn reserved_bytes(&self) -> u64 {
        self.memory.bytes()
    }

    fn extend(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        let end = round_up(bytes, self.os_page);
        if end > self.memory.bytes() {
            let text = format!("{bytes} bytes exceed the reserved addresses");
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, text));
        }
        if self.file.len()? < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if state.mapped == 0 {
            let preamble = 0..PREAMBLE_BYTES;
            self.place(&preamble, libc::PROT_READ, libc::MAP_PRIVATE)?;
            state.mapped = PREAMBLE_BYTES;
        }
        if end > state.mapped {
            let fresh = state.mapped..end;
            self.place_private(&mut state, fresh)?;
            state.mapped = end;
        }
        state.wanted = state.wanted.max(bytes);
        Ok(())
    }

    fn retract(&self, bytes: u64) -> io::Result<()> {
        self.writer_only()?;
        let mut state = self.state();
        let keep = round_up(bytes, self.os_page).max(PREAMBLE_BYTES);
        if keep < state.mapped {
            let gone = keep..state.mapped;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            let (at, len) = (self.at(gone.start), gone.end - gone.start);
            // SAFETY: within our reservation; the caller gives up what lies there.
            unsafe { map(at, len, libc::PROT_NONE, flags | libc::MAP_NORESERVE, None) }?;
            state.remove_shared(&gone);
            state.tracker.forget(gone);
            state.mapped = keep;
        }
        state.wanted = state.wanted.min(bytes);
        Ok(())
    }

    fn share(&self, range: Range<u64>) -> io::Result<()> {
        self.writer_only()?;
        let mut state = self.state();
        let range = self.inner(&state, &range)?;
        if range.is_empty() {
            return Ok(());
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        self.place(&range, protection, libc::MAP_SHARED)?;
        state.tracker.forget(range.clone());
        state.add_shared(range);
        Ok(())
    }

    fn unshare(&self, range: Range<u64>) -> io::Result<()> {
        self.writer_only()?;
        let mut state = self.state();
        let range = self.inner(&state, &range)?;
        self.place_private(&mut state, range)
    }

    fn settle(&self, _range: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn harvest(&self, dirty: &mut Vec<Range<u64>>) -> io::Result<()> {
        if self.process != fork::process() {
            return self.writer_only();
        }
        let mut state = self.state();
        let private = state.private();
        if state.undecided {
            let mut tracker = choose(Capture::Auto, &self.file, self.memory.pointer() as u64)?;
            private.iter().try_for_each(|range| tracker.adopt(range.clone()))?;
            state.tracker = tracker;
            state.undecided = false;
        }
        let wanted = state.wanted;
        let first = dirty.len();
        state.tracker.harvest(&private, &mut |range| {
            let end = range.end.min(wanted);
            match dirty[first..].last_mut() {
                Some(last) if last.end == range.start => last.end = end,
                _ if range.start < end => dirty.push(range.start..end),
                _ => {}
            }
        })
    }

    fn doubt(&self, ranges: &[Range<u64>]) {
        let mut state = self.state();
        ranges.iter().for_each(|range| state.tracker.doubt(range.clone()));
    }

    fn set_writable(&self, writable: bool) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        let mut state = self.state();
        state.lifted = writable;
        if state.mapped > PREAMBLE_BYTES {
            let (start, bytes) = (self.at(PREAMBLE_BYTES), state.mapped - PREAMBLE_BYTES);
            let protection = self.protection(&state);
            // SAFETY: our own private mapping; only its protection changes.
            check(unsafe { libc::mprotect(start.cast(), bytes as usize, protection) })?;
        }
        Ok(())
    }

    fn discard(&self, range: Range<u64>) -> io::Result<()> {
        self.discard_many(std::slice::from_ref(&range))
    }

    fn discard_many(&self, ranges: &[Range<u64>]) -> io::Result<()> {
        let mut state = self.state();
        let mut whole: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let inner = self.inner(&state, range)?;
            if inner.is_empty() {
                self.reread(range.clone())?;
                continue;
            }
            self.reread(range.start..inner.start)?;
            self.reread(inner.end..range.end)?;
            match whole.last_mut() {
                Some(last) if last.end == inner.start => last.end = inner.end,
                _ => whole.push(inner),
            }
        }
        discard::drop_pages(self.memory.pointer(), &whole)?;
        whole.into_iter().for_each(|range| state.tracker.forget(range));
        Ok(())
    }

    fn isolate_child(&self) -> io::Result<()> {
        if self.process == fork::process() {
            return Ok(());
        }
        // Whoever held it while the process forked does not exist here: then the map may be torn.
        let Ok(mut state) = self.state.try_lock() else {
            return Err(io::Error::other(
                "another thread was changing the mapping during the fork",
            ));
        };
        let protection = self.protection(&state);
        while let Some((start, end)) = state.shared.pop_first() {
            self.place(&(start..end), protection, libc::MAP_PRIVATE)?;
        }
        Ok(())
    }

    /// Mapped anew: dropping pages would leave their page tables, and marks in them where they
    /// were protected, for every later search to go through.
    fn renew(&self, _bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        for range in state.private() {
            self.place_private(&mut state, range)?;
        }
        state.tracker.renewed();
        Ok(())
    }

    fn search_cost(&self) -> Option<SearchCost> {
        self.state().tracker.cost()
    }

    fn prefault(&self, range: Range<u64>) {
        let range = overlap(&range, &(0..self.memory.bytes()));
        let huge = round_up(range.start, HUGE_BYTES)..round_down(range.end, HUGE_BYTES);
        if huge.start < huge.end {
            self.advise(&huge, libc::MADV_HUGEPAGE);
        }
    }

    fn wants_few_private(&self) -> bool {
        self.state().tracker.hashes_pages()
    }

    fn capture_name(&self) -> &'static str {
        let state = self.state();
        if state.undecided { "to be chosen at the first search" } else { state.tracker.name() }
    }
}
