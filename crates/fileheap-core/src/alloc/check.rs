//! Check: finds every way in which header, page map and bitmaps contradict the format.

use std::collections::BTreeMap;

use super::view::View;
use super::words;
use crate::format::{
    CHUNK_MAP_PAGES, CHUNK_PAGES, Entry, GRANULE_BYTES, HEADER_OFFSET, Header, PAGE_BYTES, RunKind,
    ZONE_PAGES,
};

/// One defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub offset: u64,
    /// What should be there.
    pub expected: &'static str,
    /// What is there.
    pub found: u64,
}

/// Looks at all structures of the allocator; believes nothing it reads.
///
/// # Safety
/// `file_bytes` bytes from the page-aligned `base` on are mapped and readable.
pub unsafe fn check(base: *const u8, file_bytes: u64, report: &mut dyn FnMut(Finding)) {
    // SAFETY: passed on to our caller.
    let view = unsafe { View::new(base, file_bytes) };
    let mut check = Check { view, report, own: BTreeMap::new(), uses: BTreeMap::new() };
    if check.header() {
        check.runs();
        check.own_pages();
        check.bitmap_stack();
    }
}

struct Check<'a> {
    view: View,
    report: &'a mut dyn FnMut(Finding),
    /// The heap's own runs: first page to pages.
    own: BTreeMap<u64, u64>,
    /// What the heap's own pages are used for: first page to pages.
    uses: BTreeMap<u64, u64>,
}

impl Check<'_> {
    fn find(&mut self, offset: u64, expected: &'static str, found: u64) {
        (self.report)(Finding { offset, expected, found });
    }

    fn word(&self, offset: u64) -> u64 {
        self.view.word(offset).unwrap_or(0)
    }

    /// Whether it makes sense to go on.
    fn header(&mut self) -> bool {
        let magic = self.word(HEADER_OFFSET);
        if magic != u64::from_le_bytes(Header::MAGIC) {
            self.find(HEADER_OFFSET, "the header's magic bytes", magic);
            return false;
        }
        let count = self.word(words::PAGE_COUNT);
        if count > self.view.file_pages() || count <= HEADER_OFFSET / PAGE_BYTES {
            self.find(words::PAGE_COUNT, "a page count within the file", count);
        }
        let (directory, capacity) = (self.word(words::DIRECTORY), self.word(words::CAPACITY));
        let pages = capacity.div_ceil(PAGE_BYTES / 8);
        if directory % PAGE_BYTES != 0 || !self.view.holds(directory / PAGE_BYTES, pages) {
            self.find(words::DIRECTORY, "a directory within the heap", directory);
            return false;
        }
        if self.view.page_count().div_ceil(CHUNK_PAGES) > capacity {
            self.find(words::CAPACITY, "room for all map chunks", capacity);
        }
        self.claim(0, HEADER_OFFSET / PAGE_BYTES, 0);
        self.claim(HEADER_OFFSET / PAGE_BYTES, 1, HEADER_OFFSET);
        self.claim(directory / PAGE_BYTES, pages, words::DIRECTORY);
        for index in 0..self.view.page_count().div_ceil(CHUNK_PAGES) {
            let slot = directory.saturating_add(index * 8);
            match self.view.chunk(index) {
                Some(chunk) => self.claim(chunk / PAGE_BYTES, CHUNK_MAP_PAGES, slot),
                None => self.find(slot, "a map chunk within the heap", self.word(slot)),
            }
        }
        true
    }

    /// Notes what pages are used for; no page is used twice.
    fn claim(&mut self, page: u64, pages: u64, by: u64) {
        let before = self.uses.range(..page.saturating_add(pages)).next_back();
        if before.is_some_and(|(start, length)| start + length > page) {
            self.find(by, "pages that nothing else uses", page);
            return;
        }
        self.uses.insert(page, pages);
    }

    fn runs(&mut self) {
        let view = self.view;
        let mut runs = Vec::new();
        let end = view.each_run(&mut |page, entry, kind| runs.push((page, entry, kind)));
        for &(page, entry, kind) in &runs {
            self.run(page, entry, kind);
        }
        if end != view.page_count() {
            let entry = view.entry(end).map_or(0, |entry| entry.0);
            self.find(end * PAGE_BYTES, "a run that begins here and fits", entry);
        }
    }

    fn run(&mut self, page: u64, entry: Entry, kind: RunKind) {
        for inner in page + 1..page + entry.pages() {
            let found = self.view.entry(inner).map_or(0, |entry| entry.0);
            if found != 0 {
                self.find(inner * PAGE_BYTES, "an inner page of a run", found);
            }
        }
        if kind == RunKind::System {
            self.own.insert(page, entry.pages());
        }
        if kind != RunKind::Zone {
            return;
        }
        let bitmap = entry.bitmap_page();
        if !self.view.holds(bitmap, 1) {
            self.find(page * PAGE_BYTES, "a bitmap page within the heap", bitmap);
            return;
        }
        self.claim(bitmap, 1, page * PAGE_BYTES);
        if let Some(granule) = self.view.zone_flaw(bitmap) {
            let offset = page / ZONE_PAGES * ZONE_PAGES * PAGE_BYTES;
            let offset = offset + granule as u64 * GRANULE_BYTES;
            self.find(offset, "the start of a range", bitmap);
        }
    }

    /// All that the heap uses for itself lies in its own runs.
    fn own_pages(&mut self) {
        let uses: Vec<_> = self.uses.iter().map(|(page, pages)| (*page, *pages)).collect();
        for (page, pages) in uses {
            if !self.is_own(page, pages) {
                self.find(page * PAGE_BYTES, "pages in a run of the heap's own", pages);
            }
        }
    }

    fn is_own(&self, page: u64, pages: u64) -> bool {
        let run = self.own.range(..=page).next_back();
        run.is_some_and(|(start, length)| page + pages <= start + length)
    }

    fn bitmap_stack(&mut self) {
        let (run, used) = (self.word(words::BITMAP_RUN), self.word(words::BITMAP_USED));
        let length = self.own.get(&run).copied().unwrap_or(0);
        if run != 0 && used > length {
            self.find(words::BITMAP_RUN, "a run of bitmap pages", run);
        }
        let mut by = words::BITMAP_FREE;
        let mut page = self.word(by);
        // Each step claims one more page, so that a loop ends with a finding.
        while page != 0 {
            let ok = self.view.holds(page, 1) && self.is_own(page, 1);
            let known = self.uses.len();
            if ok {
                self.claim(page, 1, by);
            } else {
                self.find(by, "a returned bitmap page", page);
            }
            if self.uses.len() == known {
                return;
            }
            by = page * PAGE_BYTES;
            page = self.word(by);
        }
    }
}
