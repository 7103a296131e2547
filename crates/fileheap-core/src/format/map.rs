//! The page map: one entry of eight bytes for every page; only the first page of a run speaks.

/// The stores to this run's pages go straight to the file.
pub const RUN_DIRECT: u64 = 1 << 4;
/// The disk space of this free run, or of free pages of this zone, was given back.
const RUN_PUNCHED: u64 = 1 << 5;
const LENGTH_SHIFT: u32 = 8;
const LENGTH_MASK: u64 = (1 << 40) - 1;

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

/// F3: one entry. Bits 0-3 kind, 4-7 flags, 8-47 pages of the run (of a zone: its bitmap page).
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

    /// A free run; `punched` when its disk space must be reserved again before use.
    #[must_use]
    pub fn free(pages: u64, punched: bool) -> Self {
        Self::run(RunKind::Free, pages, if punched { RUN_PUNCHED } else { 0 })
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
