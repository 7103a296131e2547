//! The index of what the log holds, and the plan that names each byte's newest value once.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Range;

use crate::format::{LogHeader, PAGE_BYTES, Record, RecordKind};

/// One record of a committed frame and where its contents lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The transaction.
    pub txn: u64,
    /// First byte in the heap file.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
    place: u64,
}

const PAGE: usize = PAGE_BYTES as usize;
const HOME: u64 = u64::MAX;
const TAKEN: u64 = u64::MAX - 1;
const PLACE_BITS: u32 = 62;

impl Span {
    pub(super) fn new(txn: u64, record: Record, generation: u64, position: u64) -> Self {
        let place = match record.kind() {
            RecordKind::Bytes => (generation & 1) << PLACE_BITS | position,
            RecordKind::Home => HOME,
            RecordKind::Taken => TAKEN,
        };
        Self { txn, offset: record.offset, bytes: record.bytes(), place }
    }

    /// Whether the log has its contents; else they are those of the heap file.
    fn is_logged(&self) -> bool {
        self.place < TAKEN
    }

    /// The range in the heap file.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }

    /// Where its contents end in the log of a generation, if they lie there.
    pub fn end_in(&self, generation: u64) -> Option<u64> {
        let here = self.is_logged() && self.log() as u64 == generation & 1;
        here.then(|| self.position() + self.bytes)
    }

    fn log(&self) -> usize {
        (self.place >> PLACE_BITS) as usize
    }

    fn position(&self) -> u64 {
        self.place & ((1 << PLACE_BITS) - 1)
    }
}

/// A part of the heap file and where its newest contents lie in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First byte in the heap file.
    pub offset: u64,
    /// Length.
    pub bytes: u64,
    /// Log file 0 or 1.
    pub log: usize,
    /// Where in it.
    pub position: u64,
}

impl Piece {
    /// Whether all of it lies in a range of the heap file.
    #[must_use]
    pub fn lies_in(&self, range: Range<u64>) -> bool {
        let end = self.offset.checked_add(self.bytes);
        self.offset >= range.start && end.is_some_and(|end| end <= range.end)
    }
}

/// All spans that may not be home yet, in the order of commits.
#[derive(Debug, Default)]
pub struct Index {
    spans: VecDeque<Span>,
    /// Pages that a span with contents lies in; may name some that are home by now.
    pages: HashSet<u64>,
}

impl Index {
    /// Adds the spans of a committed transaction.
    pub fn add(&mut self, spans: &[Span]) {
        self.spans.extend(spans);
        for span in spans.iter().filter(|span| span.is_logged() && span.bytes > 0) {
            let last = (span.offset + span.bytes - 1) / PAGE_BYTES;
            self.pages.extend(span.offset / PAGE_BYTES..=last);
        }
    }

    /// Forgets everything up to a transaction.
    pub fn forget(&mut self, txn: u64) {
        while self.spans.front().is_some_and(|span| span.txn <= txn) {
            self.spans.pop_front();
        }
        if self.spans.is_empty() {
            self.pages.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.pages.clear();
    }

    /// Whether the log may hold newer contents of a page than the heap file.
    #[must_use]
    pub fn names_page(&self, page: u64) -> bool {
        self.pages.contains(&page)
    }

    /// Pages of these ranges of which the log may hold newer contents than the heap file.
    pub fn pages_in<'r>(
        &'r self,
        ranges: &'r [Range<u64>],
    ) -> impl Iterator<Item = Range<u64>> + 'r {
        let wanted = if self.pages.is_empty() { &[] } else { ranges };
        let pages = wanted.iter().flat_map(|range| (range.start..range.end).step_by(PAGE));
        let named = pages.filter(|at| self.names_page(at / PAGE_BYTES));
        named.map(|at| at..at + PAGE_BYTES)
    }

    /// All of it, in the order of commits.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter()
    }

    /// Number of pages that may wait for their way home.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        self.pages.len() as u64
    }

    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether nothing waits for its way home.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The newest contents, within `limit`, of every byte that transactions `after < t <= upto`
    /// name; ascending. Bytes that are home already are left out.
    #[must_use]
    pub fn plan(&self, after: u64, upto: u64, limit: Option<&[Range<u64>]>) -> Vec<Piece> {
        let chosen = self.spans.iter().rev().filter(|span| span.txn > after && span.txn <= upto);
        plan(chosen, limit)
    }

    /// Whether the logs hold contents of a range from these transactions that are not home.
    #[must_use]
    pub fn names(&self, after: u64, upto: u64, range: &Range<u64>) -> bool {
        !self.plan(after, upto, Some(std::slice::from_ref(range))).is_empty()
    }

    /// What a checkpoint carries home of the transactions `after < t <= upto`: their newest
    /// contents, but for bytes that any later transaction wrote into the heap file itself.
    #[must_use]
    pub fn plan_home(&self, after: u64, upto: u64) -> Vec<Piece> {
        let wanted = |span: &&Span| span.txn > after && (span.txn <= upto || span.place == HOME);
        plan(self.spans.iter().rev().filter(wanted), None)
    }

    /// Ranges of which these transactions say that the heap file has their bytes, newest last.
    pub fn file_ranges(&self, after: u64, upto: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let chosen = self.spans.iter().filter(move |span| span.txn > after && span.txn <= upto);
        chosen.filter(|span| !span.is_logged()).map(Span::range)
    }
}

fn plan<'s>(
    newest_first: impl Iterator<Item = &'s Span>,
    limit: Option<&[Range<u64>]>,
) -> Vec<Piece> {
    let mut covered = Cover::default();
    if let Some(limit) = limit {
        covered.all_but(limit);
    }
    let mut pieces = Vec::new();
    for span in newest_first {
        covered.claim(span.range(), |gap| {
            if span.is_logged() {
                pieces.push(Piece {
                    offset: gap.start,
                    bytes: gap.end - gap.start,
                    log: span.log(),
                    position: span.position() + (gap.start - span.offset),
                });
            }
        });
    }
    pieces.sort_unstable_by_key(|piece| piece.offset);
    pieces
}

/// How much of the log of a generation is on the disk for certain: what the bulletin calls durable
/// was synced, and that sync succeeded. Beyond it the page cache may have what the disk refused.
pub fn synced_bytes<'s>(
    spans: impl Iterator<Item = &'s Span>,
    generation: u64,
    durable: u64,
) -> u64 {
    let synced = spans.filter(|span| span.txn <= durable);
    synced.filter_map(|span| span.end_in(generation)).max().unwrap_or(LogHeader::FIRST_FRAME)
}

/// A set of bytes as disjoint ranges.
#[derive(Default)]
struct Cover {
    ends: BTreeMap<u64, u64>,
}

impl Cover {
    fn all_but(&mut self, ranges: &[Range<u64>]) {
        let mut from = 0;
        for range in ranges {
            if range.start > from {
                self.ends.insert(from, range.start);
            }
            from = from.max(range.end);
        }
        self.ends.insert(from, u64::MAX);
    }

    /// Adds a range; calls back for the parts of it that were not in the set.
    fn claim(&mut self, range: Range<u64>, mut gap: impl FnMut(Range<u64>)) {
        if range.is_empty() {
            return;
        }
        let before = self.ends.range(..=range.start).next_back().map(|(&start, &end)| (start, end));
        let (mut start, mut end) = (range.start, range.end);
        let mut from = range.start;
        if let Some((first, last)) = before.filter(|&(_, last)| last >= range.start) {
            if last >= range.end {
                return;
            }
            start = first;
            from = last;
        }
        while let Some((&first, &last)) = self.ends.range(from..=range.end).next() {
            if first > from {
                gap(from..first);
            }
            from = last;
            self.ends.remove(&first);
            if last > range.end {
                end = last;
                break;
            }
        }
        if from < range.end {
            gap(from..range.end);
        }
        self.ends.insert(start, end.max(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort::effort;

    fn bytes(txn: u64, range: Range<u64>, position: u64) -> Span {
        let record = Record::new(RecordKind::Bytes, range.start, range.end - range.start);
        Span::new(txn, record, 0, position)
    }

    fn bare(kind: RecordKind, txn: u64, range: Range<u64>) -> Span {
        Span::new(txn, Record::new(kind, range.start, range.end - range.start), 0, 0)
    }

    #[test]
    fn the_newest_value_of_each_byte_wins() {
        let mut index = Index::default();
        index.add(&[
            bytes(1, 0..100, 1000),
            bytes(2, 40..60, 2000),
            bare(RecordKind::Home, 3, 80..90),
        ]);
        let plan = index.plan(0, 9, None);
        let seen: Vec<_> = plan.iter().map(|p| (p.offset, p.bytes, p.position)).collect();
        assert_eq!(seen, [(0, 40, 1000), (40, 20, 2000), (60, 20, 1060), (90, 10, 1090)]);
        assert_eq!(index.plan(0, 1, None).len(), 1);
        assert_eq!(index.plan(2, 9, None).len(), 0);
        let carried = index.plan_home(0, 2);
        let seen: Vec<_> = carried.iter().map(|p| (p.offset, p.bytes)).collect();
        assert_eq!(seen, [(0, 40), (40, 20), (60, 20), (90, 10)], "80..90 is home, and newer");
        index.add(&[bare(RecordKind::Taken, 4, 0..40)]);
        assert_eq!(index.plan_home(0, 2).len(), 4, "who sees an older state wants 0..40");
        for newest in [index.plan_home(0, 4), index.plan(0, 4, None)] {
            assert_eq!(newest[0].offset, 40);
        }
        let from_file: Vec<_> = index.file_ranges(0, 4).collect();
        assert_eq!(from_file, [80..90, 0..40]);
        let part = index.plan(0, 9, Some(&[50..70, 85..95]));
        let seen: Vec<_> = part.iter().map(|p| (p.offset, p.bytes)).collect();
        assert_eq!(seen, [(50, 10), (60, 10), (90, 5)]);
    }

    #[test]
    fn plans_equal_a_byte_by_byte_replay() {
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..effort(200, 2) {
            let mut index = Index::default();
            let mut naive = [None; 256];
            for txn in 1..30 {
                let start = random(250);
                let end = (start + 1 + random(40)).min(256);
                let kind = match random(8) {
                    0 => RecordKind::Home,
                    1 => RecordKind::Taken,
                    _ => RecordKind::Bytes,
                };
                let is_logged = kind == RecordKind::Bytes;
                let span = if is_logged {
                    bytes(txn, start..end, txn * 1000)
                } else {
                    bare(kind, txn, start..end)
                };
                index.add(&[span]);
                for at in start..end {
                    naive[at as usize] = is_logged.then_some(txn * 1000 + at - start);
                }
            }
            let mut planned = [None; 256];
            for piece in index.plan(0, 99, None) {
                for at in 0..piece.bytes {
                    let slot = &mut planned[(piece.offset + at) as usize];
                    assert!(slot.is_none(), "byte named twice");
                    *slot = Some(piece.position + at);
                }
            }
            assert_eq!(planned, naive);
        }
    }
}
