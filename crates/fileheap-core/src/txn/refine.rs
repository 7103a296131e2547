//! Refines dirty pages to the bytes that really changed, so that logs stay short.

use std::collections::HashMap;
use std::ops::Range;

use super::book::Book;
use super::engine::Engine;
use crate::format::PAGE_BYTES;

const PAGE: usize = PAGE_BYTES as usize;
/// Bytes compared at once.
const LINE: usize = 64;
/// A page of which more has changed is logged whole.
const WHOLE_FROM: usize = PAGE / 2;
/// Pages whose committed contents are kept at hand.
const SHADOWS_MAX: usize = 1024;

/// Committed contents of pages that are written again and again: the heap file lacks them until
/// the next checkpoint.
#[derive(Debug, Default)]
pub struct Shadows {
    pages: HashMap<u64, Box<[u8; PAGE]>>,
    /// What they become when the transaction under way commits. Copied before it is logged: what
    /// another thread stores in between may be logged again, but is not taken for logged.
    next: Vec<(u64, Box<[u8; PAGE]>)>,
}

impl Shadows {
    /// The pages are not what they were: another process committed.
    pub fn clear(&mut self) {
        self.pages.clear();
        self.next.clear();
    }

    /// Notes what a page becomes, if there is room for it.
    fn note(&mut self, page: u64, now: &[u8; PAGE]) {
        if self.pages.contains_key(&page) || self.pages.len() + self.next.len() < SHADOWS_MAX {
            self.next.push((page, Box::new(*now)));
        }
    }

    /// These ranges were written home, or given back: the file has what counts.
    pub fn forget(&mut self, ranges: &[Range<u64>]) {
        let inside = |page: &u64| {
            let at = page * PAGE_BYTES;
            ranges.iter().any(|range| range.start < at + PAGE_BYTES && at < range.end)
        };
        if !ranges.is_empty() {
            self.pages.retain(|page, _| !inside(page));
        }
    }
}

impl Engine {
    /// Cuts ranges of whole pages down to what differs from the last committed contents.
    pub(super) fn refine(&self, book: &mut Book, dirty: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut refined = Vec::with_capacity(dirty.len());
        let mut home = [0; PAGE];
        book.shadows.next.clear();
        for range in dirty {
            for page in range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES) {
                let now = self.page(page);
                if book.shadows.pages.contains_key(&page) {
                    book.shadows.note(page, now);
                    let shadow = &book.shadows.pages[&page];
                    differences(page, shadow, now, &mut refined);
                } else if book.index.names_page(page) {
                    book.shadows.note(page, now);
                    push(&mut refined, page * PAGE_BYTES..(page + 1) * PAGE_BYTES);
                } else if self.host.data().read_at(page * PAGE_BYTES, &mut home).ok() == Some(PAGE)
                {
                    differences(page, &home, now, &mut refined);
                } else {
                    push(&mut refined, page * PAGE_BYTES..(page + 1) * PAGE_BYTES);
                }
            }
        }
        refined
    }

    /// What was refined is committed now.
    pub(super) fn keep_shadows(&self, book: &mut Book) {
        let next = std::mem::take(&mut book.shadows.next);
        book.shadows.pages.extend(next);
    }

    fn page(&self, page: u64) -> &[u8; PAGE] {
        // SAFETY: dirty pages are mapped and at rest during commit; any bytes are a [u8; PAGE].
        unsafe { &*self.view.base().add((page * PAGE_BYTES) as usize).cast() }
    }
}

fn differences(page: u64, old: &[u8; PAGE], new: &[u8; PAGE], out: &mut Vec<Range<u64>>) {
    let kept = out.len();
    let start = page * PAGE_BYTES;
    let mut changed = 0;
    for (line, (old, new)) in old.chunks_exact(LINE).zip(new.chunks_exact(LINE)).enumerate() {
        if old == new {
            continue;
        }
        let differs = |word: &usize| old[word * 8..word * 8 + 8] != new[word * 8..word * 8 + 8];
        let first = (0..LINE / 8).find(differs).unwrap_or(0);
        let last = (0..LINE / 8).rfind(differs).unwrap_or(0);
        let at = start + (line * LINE) as u64;
        changed += (last - first + 1) * 8;
        if changed > WHOLE_FROM {
            out.truncate(kept);
            return push(out, start..start + PAGE_BYTES);
        }
        push(out, at + first as u64 * 8..at + last as u64 * 8 + 8);
    }
}

/// Ranges closer together than a record is long become one.
fn push(out: &mut Vec<Range<u64>>, range: Range<u64>) {
    match out.last_mut() {
        Some(last) if range.start <= last.end + 16 && range.start >= last.start => {
            last.end = last.end.max(range.end);
        }
        _ => out.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(edit: impl Fn(&mut [u8; PAGE])) -> Vec<Range<u64>> {
        let old = [3; PAGE];
        let mut new = old;
        edit(&mut new);
        let mut out = Vec::new();
        differences(2, &old, &new, &mut out);
        out
    }

    #[test]
    fn names_all_that_changed_and_little_more() {
        assert!(changes(|_| ()).is_empty());
        assert_eq!(changes(|page| page[0] = 1), [8192..8200]);
        assert_eq!(changes(|page| page[4095] = 1), [12280..12288]);
        assert_eq!(changes(|page| page[60..70].fill(0)), [8248..8264]);
        assert_eq!(changes(|page| page.fill(0)), [8192..12288]);
        let two = changes(|page| {
            page[100] = 0;
            page[3000] = 0;
        });
        assert_eq!(two, [8288..8296, 11192..11200]);
    }
}
