//! The rows of the map workloads, per type of item.

use std::path::Path;

use peers::fjall::Fjall;
use peers::lmdb::Lmdb;
use peers::map::{Hashbrown, StdHash, StdTree};
use peers::redb::{Redb, Stored};
use peers::seam::{Item, KeptMap, Map, Result};
use peers::sqlite::{Column, Sqlite};

use crate::roster::HEED;

type Make<M> = fn(&Path) -> Result<Box<M>>;

/// A map; one that is kept can be opened.
pub struct MapRow<T> {
    pub name: &'static str,
    pub create: Make<dyn Map<T>>,
    pub open: Option<Make<dyn KeptMap<T>>>,
}

impl<T: Item> MapRow<T> {
    pub fn of<M: Map<T> + 'static>(name: &'static str) -> Self {
        Self { name, create: |dir| Ok(Box::new(M::create(dir)?)), open: None }
    }

    pub fn kept<M: KeptMap<T> + 'static>(name: &'static str) -> Self {
        Self { open: Some(|dir| Ok(Box::new(M::open(dir)?))), ..Self::of::<M>(name) }
    }
}

pub const STD_TREE: &str = "std BTreeMap, memory";
pub const STD_HASH: &str = "std HashMap (SipHash), memory";

/// A type of item with the rows that depend on features.
pub trait Mapped: Stored + Column {
    fn more_trees() -> Vec<MapRow<Self>>;
    fn more_hashes() -> Vec<MapRow<Self>>;
}

impl Mapped for u64 {
    fn more_trees() -> Vec<MapRow<Self>> {
        vec![
            #[cfg(feature = "tmfalloc")]
            MapRow::kept::<peer_tmfalloc::Numbers>("tmfalloc"),
            #[cfg(feature = "ours")]
            MapRow::kept::<crate::ours::Catalog>("fileheap engine"),
            #[cfg(feature = "ours")]
            MapRow::kept::<crate::face::NumberTree>("fileheap BTreeMap"),
        ]
    }

    fn more_hashes() -> Vec<MapRow<Self>> {
        vec![
            #[cfg(feature = "ours")]
            MapRow::of::<crate::face::NumberHash>("fileheap HashMap"),
        ]
    }
}

impl Mapped for String {
    fn more_trees() -> Vec<MapRow<Self>> {
        vec![
            #[cfg(feature = "tmfalloc")]
            MapRow::kept::<peer_tmfalloc::Texts>("tmfalloc"),
            #[cfg(feature = "ours")]
            MapRow::kept::<crate::face::TextTree>("fileheap BTreeMap"),
        ]
    }

    fn more_hashes() -> Vec<MapRow<Self>> {
        vec![
            #[cfg(feature = "ours")]
            MapRow::of::<crate::face::TextHash>("fileheap HashMap"),
        ]
    }
}

pub fn trees<T: Mapped>() -> Vec<MapRow<T>> {
    let mut rows = vec![
        MapRow::of::<StdTree<T>>(STD_TREE),
        MapRow::kept::<Lmdb>(HEED),
        MapRow::kept::<Redb>("redb"),
        MapRow::kept::<Fjall>("fjall"),
        MapRow::kept::<Sqlite>("SQLite WAL"),
    ];
    rows.extend(T::more_trees());
    rows
}

pub fn hashes<T: Mapped>() -> Vec<MapRow<T>> {
    let mut rows =
        vec![MapRow::of::<StdHash<T>>(STD_HASH), MapRow::of::<Hashbrown<T>>("hashbrown, memory")];
    rows.extend(T::more_hashes());
    rows
}
