//! The page map: one entry of eight bytes for every page; only the first page of a run speaks.

/// The stores to this run's pages go straight to the file.
pub const RUN_DIRECT: u64 = 1 << 4;
/// The disk space of this free run, or of free pages of this zone, was given back.
const RUN_PUNCHED: u64 = 1 << 5;
const LENGTH_SHIFT: u32 = 8;
const LENGTH_MASK: u64 = (1 << 40) - 1;
const STAMP_SHIFT: u32 = 48;
/// Stamps are 1 to this.
const STAMPS: u64 = u16::MAX as u64;

/// What a run of pages is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum RunKind {
    /// Not the first page of anything.
    Inner = 0,
    /// Free pages.
    Free = 1,
    /// One allocation of whole pages.
    Run = 2,
    /// Sixty-four aligned pages of cells; the entry names the page of its bitmaps.
    Zone = 3,
    /// The heap's own: preamble, header, directory, map chunks, bitmap pages.
    System = 4,
}

/// F3: one entry. Bits 0-3 kind, 4-7 flags, 8-47 pages of the run (of a zone: its bitmap page),
/// 48-63 the stamp of a free run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Entry(pub u64);

impl Entry {
    /// The entry of a page that heads nothing.
    pub const INNER: Self = Self(0);

    /// A run of `pages` pages.
    #[must_use]
    pub fn run(kind: RunKind, pages: u64, flags: u64) -> Self {
        debug_assert!(pages > 0 && pages <= LENGTH_MASK);
        Self(kind as u64 | flags | pages << LENGTH_SHIFT)
    }

    /// A run freed by transaction `freed_txn`; `punched` when its disk space must be reserved again
    /// before use.
    #[must_use]
    pub fn free(pages: u64, punched: bool, freed_txn: u64) -> Self {
        let stamp = freed_txn % STAMPS + 1;
        let punched = if punched { RUN_PUNCHED } else { 0 };
        Self::run(RunKind::Free, pages, punched | stamp << STAMP_SHIFT)
    }

    /// Of a free run in state `newest`: the transaction that freed it, or a later one.
    #[must_use]
    pub fn freed_txn(self, newest: u64) -> u64 {
        match self.0 >> STAMP_SHIFT {
            0 => newest,
            stamp => {
                let since = (newest % STAMPS + STAMPS + 1 - stamp) % STAMPS;
                // A stamp of the future, as in a copy that counts anew, tells nothing.
                newest.checked_sub(since).unwrap_or(newest)
            }
        }
    }

    /// A zone whose bitmaps lie in page `bitmap_page`.
    #[must_use]
    pub fn zone(bitmap_page: u64) -> Self {
        Self(RunKind::Zone as u64 | bitmap_page << LENGTH_SHIFT)
    }

    /// The same zone, with holes or without: disk space to be reserved before more is taken of it.
    #[must_use]
    pub fn holed(self, holes: bool) -> Self {
        Self(self.0 & !RUN_PUNCHED | if holes { RUN_PUNCHED } else { 0 })
    }

    /// Its kind; None for a value this format does not know.
    #[must_use]
    pub fn kind(self) -> Option<RunKind> {
        Some(match self.0 & 15 {
            0 if self.0 == 0 => RunKind::Inner,
            1 => RunKind::Free,
            2 => RunKind::Run,
            3 => RunKind::Zone,
            4 => RunKind::System,
            _ => return None,
        })
    }

    /// Pages of the run that it heads.
    #[must_use]
    pub fn pages(self) -> u64 {
        if self.0 & 15 == RunKind::Zone as u64 { super::ZONE_PAGES } else { self.field() }
    }

    /// Of a zone: the page of its bitmaps.
    #[must_use]
    pub fn bitmap_page(self) -> u64 {
        self.field()
    }

    /// Whether the run is a direct extent.
    #[must_use]
    pub fn is_direct(self) -> bool {
        self.0 & RUN_DIRECT != 0
    }

    /// Whether the disk space of the free run, or of parts of the zone, was given back.
    #[must_use]
    pub fn is_punched(self) -> bool {
        self.0 & RUN_PUNCHED != 0
    }

    fn field(self) -> u64 {
        self.0 >> LENGTH_SHIFT & LENGTH_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_its_transaction_or_a_later_one() {
        for freed in [0, 1, 5, STAMPS - 2, STAMPS - 1, STAMPS, STAMPS + 1, 3 * STAMPS + 77] {
            let entry = Entry::free(40, true, freed);
            assert!(entry.pages() == 40 && entry.is_punched());
            assert_eq!(entry.kind(), Some(RunKind::Free));
            assert_ne!(entry.0 >> STAMP_SHIFT, 0);
            for later in [0, 1, 9, STAMPS - 1, STAMPS, STAMPS + 1, 5 * STAMPS + 3] {
                let rounds = later / STAMPS;
                assert_eq!(entry.freed_txn(freed + later), freed + rounds * STAMPS);
            }
        }
        let untold = Entry(RunKind::Free as u64 | 40 << LENGTH_SHIFT);
        assert_eq!(untold.freed_txn(70_000), 70_000);
        assert_eq!(Entry::free(1, false, 70).freed_txn(69), 69);
    }
}
