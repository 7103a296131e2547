//! The grid: the heap cut into tiles of equal length, each with what most of it is.

use fileheap_core::alloc::Region;
use fileheap_core::format::{PAGE_BYTES, RunKind};

use super::Survey;

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// The heap's own pages.
    Own,
    /// Cells in zones; 0 to 4: how full they are.
    Cells(u8),
    Run,
    Direct,
    Free,
    /// Free, and its disk space was given back.
    Punched,
}

impl Shade {
    /// Every shade with its name, for legends; of cells, full ones.
    pub const LEGEND: [(Self, &'static str); 6] = [
        (Self::Run, "runs: allocations of whole pages"),
        (Self::Direct, "direct extents"),
        (Self::Cells(4), "zones of cells, darker when fuller"),
        (Self::Own, "the heap's own"),
        (Self::Free, "free"),
        (Self::Punched, "free, given back to the disk"),
    ];

    /// What a region is as a whole.
    pub fn of(region: &Region) -> Self {
        match region.kind {
            RunKind::Run if region.direct => Self::Direct,
            RunKind::Run => Self::Run,
            RunKind::Zone => {
                Self::Cells((region.live_bytes * 4).div_ceil(region.bytes.max(1)).min(4) as u8)
            }
            RunKind::Free if region.punched => Self::Punched,
            RunKind::Free => Self::Free,
            RunKind::System | RunKind::Inner => Self::Own,
        }
    }

    /// Bytes of the heap that are so.
    pub fn bytes(self, survey: &Survey) -> u64 {
        let alike = |region: &&Region| match (self, Self::of(region)) {
            (Self::Cells(_), Self::Cells(_)) => true,
            (one, other) => one == other,
        };
        survey.regions.iter().filter(alike).map(|region| region.bytes).sum()
    }

    fn index(self) -> usize {
        match self {
            Self::Own => 0,
            Self::Run => 1,
            Self::Direct => 2,
            Self::Free => 3,
            Self::Punched => 4,
            Self::Cells(fill) => 5 + usize::from(fill),
        }
    }

    const ALL: [Self; 10] = [
        Self::Own,
        Self::Run,
        Self::Direct,
        Self::Free,
        Self::Punched,
        Self::Cells(0),
        Self::Cells(1),
        Self::Cells(2),
        Self::Cells(3),
        Self::Cells(4),
    ];
}

/// Tiles in the order of offsets.
pub struct Grid {
    pub columns: usize,
    pub tile_bytes: u64,
    pub tiles: Vec<Shade>,
}

impl Grid {
    /// At most `rows` rows of `columns` tiles; a tile is whole pages.
    pub fn of(survey: &Survey, columns: usize, rows: usize) -> Self {
        let wanted = (columns * rows).max(1) as u64;
        let tile_bytes = survey.heap_bytes().div_ceil(wanted).next_multiple_of(PAGE_BYTES);
        let tile_bytes = tile_bytes.max(PAGE_BYTES);
        let count = survey.heap_bytes().div_ceil(tile_bytes) as usize;
        let mut weights = vec![[0_u64; Shade::ALL.len()]; count];
        for region in &survey.regions {
            let shade = Shade::of(region).index();
            let mut at = region.offset;
            let end = region.offset + region.bytes;
            while at < end {
                let tile = at / tile_bytes;
                let stop = ((tile + 1) * tile_bytes).min(end);
                if let Some(weights) = weights.get_mut(tile as usize) {
                    weights[shade] += stop - at;
                }
                at = stop;
            }
        }
        let most = |weights: &[u64; Shade::ALL.len()]| {
            let best = (0..weights.len()).max_by_key(|&index| weights[index]);
            Shade::ALL[best.unwrap_or(0)]
        };
        Self { columns, tile_bytes, tiles: weights.iter().map(most).collect() }
    }

    /// Tiles of each row.
    pub fn rows(&self) -> impl Iterator<Item = &[Shade]> {
        self.tiles.chunks(self.columns)
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> u64 {
        self.tile_bytes * self.columns as u64
    }
}
