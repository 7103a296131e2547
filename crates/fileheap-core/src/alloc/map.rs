//! The page map in the file: entries of pages, and the chunks they lie in.

use super::Ground;
use super::runs::Runs;
use super::words::{self, corrupt};
use crate::Result;
use crate::format::{CHUNK_MAP_PAGES, CHUNK_PAGES, Entry, HEADER_OFFSET, PAGE_BYTES, RunKind};

impl Runs {
    pub(super) fn page_count(&self) -> Result<u64> {
        let count = self.words.load(words::PAGE_COUNT);
        if count <= HEADER_OFFSET / PAGE_BYTES || count > self.words.limit_pages() {
            return Err(corrupt("the heap's page count is out of range", words::PAGE_COUNT, count));
        }
        Ok(count)
    }

    /// Where the entry of a page below the page count lies.
    fn entry_offset(&mut self, page: u64) -> Result<u64> {
        let index = (page / CHUNK_PAGES) as usize;
        let chunk = match self.chunks.get(index) {
            Some(&chunk) if chunk != 0 => chunk,
            _ => self.find_chunk(index)?,
        };
        Ok(chunk + page % CHUNK_PAGES * 8)
    }

    #[cold]
    fn find_chunk(&mut self, index: usize) -> Result<u64> {
        let end = self.page_count()? * PAGE_BYTES;
        let directory = self.words.load(words::DIRECTORY);
        let capacity = self.words.load(words::CAPACITY);
        if directory % PAGE_BYTES != 0 || directory >= end || capacity > (end - directory) / 8 {
            return Err(corrupt("the directory is out of range", words::DIRECTORY, directory));
        }
        if index as u64 >= capacity {
            return Err(corrupt("the directory is too small", words::CAPACITY, capacity));
        }
        let slot = directory + index as u64 * 8;
        let chunk = self.words.load(slot);
        let least = HEADER_OFFSET + PAGE_BYTES;
        let bytes = CHUNK_MAP_PAGES * PAGE_BYTES;
        if chunk % PAGE_BYTES != 0 || chunk < least || end < bytes || chunk > end - bytes {
            return Err(corrupt("a map chunk is out of range", slot, chunk));
        }
        if self.chunks.len() <= index {
            self.chunks.resize(index + 1, 0);
        }
        self.chunks[index] = chunk;
        Ok(chunk)
    }

    /// The entry of a page; INNER beyond the page count.
    pub(super) fn entry(&mut self, page: u64) -> Result<Entry> {
        if page >= self.page_count()? {
            return Ok(Entry::INNER);
        }
        let offset = self.entry_offset(page)?;
        Ok(Entry(self.words.load(offset)))
    }

    /// The head at a page and its length, checked.
    pub(super) fn head(&mut self, page: u64) -> Result<(Entry, RunKind)> {
        let entry = self.entry(page)?;
        self.checked(page, entry)
    }

    pub(super) fn checked(&self, page: u64, entry: Entry) -> Result<(Entry, RunKind)> {
        match entry.kind() {
            Some(kind) if kind != RunKind::Inner => {
                let pages = entry.pages();
                if pages == 0 || pages > self.page_count()? - page {
                    return Err(corrupt("a run is too long", page * PAGE_BYTES, entry.0));
                }
                Ok((entry, kind))
            }
            _ => {
                let offset = page.saturating_mul(PAGE_BYTES);
                Err(corrupt("no run begins where one should", offset, entry.0))
            }
        }
    }

    pub(super) fn set_head(&mut self, g: &impl Ground, page: u64, entry: Entry) -> Result<()> {
        let offset = self.entry_offset(page)?;
        self.words.store(g, offset, entry.0);
        let end = page + entry.pages();
        if page < self.cursor && self.cursor < end {
            self.cursor = end;
        }
        Ok(())
    }

    pub(super) fn clear_head(&mut self, g: &impl Ground, page: u64) -> Result<()> {
        let offset = self.entry_offset(page)?;
        self.words.store(g, offset, Entry::INNER.0);
        Ok(())
    }
}
