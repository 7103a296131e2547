//! Who is measured: one list per trait of the seam, peers first, ours last.

use std::path::Path;

use peers::fill::{MappedFill, MemoryFill, WriteFill};
use peers::fjall::Fjall;
use peers::floor::{Log, MappedFile};
use peers::lmdb::Lmdb;
use peers::ram::{Glibc, Jemalloc, Mimalloc};
use peers::redb::Redb;
use peers::seam::{Alloc, Fill, Level, Open, Result, Spec, WordStore};
use peers::sqlite::Sqlite;

use crate::job::Job;
use crate::workloads::{alloc, space};

/// An allocator: its workloads, compiled for it.
pub struct AllocRow {
    pub name: &'static str,
    pub time: fn(&Job) -> Result<Vec<f64>>,
    pub space: fn(&Job) -> Result<Vec<f64>>,
}

impl AllocRow {
    pub fn of<A: Alloc>(name: &'static str) -> Self {
        Self { name, time: alloc::measure::<A>, space: space::measure::<A> }
    }
}

/// A word store. Floors keep nothing, so nothing is read back from them.
pub struct StoreRow {
    pub name: &'static str,
    pub is_floor: bool,
    /// Whether making it at 8 GiB takes reasonable time.
    pub is_large: bool,
    pub create: fn(&Path, &Spec) -> Result<()>,
    pub open: fn(&Path, &Spec, Level) -> Result<Box<dyn WordStore>>,
}

impl StoreRow {
    pub fn of<S: WordStore + 'static>(name: &'static str) -> Self {
        Self {
            name,
            is_floor: false,
            is_large: false,
            create: <S as WordStore>::create,
            open: |dir, spec, level| {
                Ok(Box::new(<S as WordStore>::open(dir, spec, level)?) as Box<dyn WordStore>)
            },
        }
    }

    /// Also run at 8 GiB.
    pub fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    fn floor(self) -> Self {
        Self { is_floor: true, is_large: true, ..self }
    }
}

/// A fill target: made in a directory.
pub struct Row<T: ?Sized> {
    pub name: &'static str,
    pub create: fn(&Path) -> Result<Box<T>>,
}

impl Row<dyn Fill> {
    pub fn of<F: Fill + 'static>(name: &'static str) -> Self {
        Self { name, create: |dir| Ok(Box::new(F::create(dir)?) as Box<dyn Fill>) }
    }
}

/// A store of many objects.
pub struct OpenRow {
    pub name: &'static str,
    pub create: fn(&Path, u64) -> Result<()>,
    pub open: fn(&Path, u64) -> Result<Box<dyn Open>>,
}

impl OpenRow {
    pub fn of<O: Open + 'static>(name: &'static str) -> Self {
        Self {
            name,
            create: <O as Open>::create,
            open: |dir, count| Ok(Box::new(<O as Open>::open(dir, count)?) as Box<dyn Open>),
        }
    }
}

pub const GLIBC: &str = "glibc";
pub const FLOOR_FRAME: &str = "floor: 64 B in a log";
pub const FLOOR_PAGE: &str = "floor: 4 KiB in a log";
pub const FLOOR_REDO: &str = "floor: 16 B per word in a log";
pub const FLOOR_PAGES: &str = "floor: 4 KiB per word in a log";
pub const FALLOCATED: &str = "mmap after fallocate";
pub const FLOOR_OPEN: &str = "floor: open + mmap";
pub const HEED: &str = "heed (LMDB)";

pub fn allocs() -> Vec<AllocRow> {
    let rows = [
        AllocRow::of::<Glibc>(GLIBC),
        AllocRow::of::<Mimalloc>("mimalloc"),
        AllocRow::of::<Jemalloc>("jemalloc"),
        #[cfg(feature = "cpp")]
        AllocRow::of::<peers::boost::Boost>("Boost mapped file"),
    ];
    let rows = rows.into_iter();
    #[cfg(feature = "ours")]
    let rows = rows.chain(crate::ours::allocs());
    rows.collect()
}

/// Stores that keep what they are given.
pub fn stores() -> Vec<StoreRow> {
    let rows = [
        StoreRow::of::<Lmdb>(HEED).large(),
        StoreRow::of::<Redb>("redb"),
        StoreRow::of::<Fjall>("fjall"),
        StoreRow::of::<Sqlite>("SQLite WAL"),
    ];
    let rows = rows.into_iter();
    #[cfg(feature = "ours")]
    let rows = rows.chain(crate::ours::stores());
    rows.collect()
}

/// The floors of a commit of one word.
pub fn frame_floors() -> Vec<StoreRow> {
    vec![
        StoreRow::of::<Log<16, 64>>(FLOOR_FRAME).floor(),
        StoreRow::of::<Log<4096, 4096>>(FLOOR_PAGE).floor(),
    ]
}

/// The floors of a commit of many words.
pub fn scatter_floors() -> Vec<StoreRow> {
    vec![
        StoreRow::of::<Log<16, 64>>(FLOOR_REDO).floor(),
        StoreRow::of::<Log<4096, 4096>>(FLOOR_PAGES).floor(),
    ]
}

pub fn fills() -> Vec<Row<dyn Fill>> {
    let rows = [
        Row::<dyn Fill>::of::<MappedFill<true>>(FALLOCATED),
        Row::<dyn Fill>::of::<MappedFill<false>>("mmap, sparse file"),
        Row::<dyn Fill>::of::<WriteFill>("write(2), growing file"),
        Row::<dyn Fill>::of::<MemoryFill>("memory, no file"),
    ];
    let rows = rows.into_iter();
    #[cfg(feature = "ours")]
    let rows = rows.chain(crate::ours::fills());
    rows.collect()
}

pub fn opens() -> Vec<OpenRow> {
    let rows = [
        OpenRow::of::<MappedFile>(FLOOR_OPEN),
        OpenRow::of::<Lmdb>(HEED),
        OpenRow::of::<Redb>("redb"),
        OpenRow::of::<Fjall>("fjall"),
        OpenRow::of::<Sqlite>("SQLite WAL"),
    ];
    let rows = rows.into_iter();
    #[cfg(feature = "ours")]
    let rows = rows.chain(crate::ours::opens());
    rows.collect()
}

/// The row named in the job.
pub fn pick<R>(rows: Vec<R>, job: &Job, name: fn(&R) -> &'static str) -> Result<R> {
    let found = rows.into_iter().find(|row| name(row) == job.row);
    found.ok_or_else(|| format!("no row named {:?}", job.row).into())
}
