//! The engine's own rows: an adapter of `fileheap_core` for every trait of the seam.

use peers::seam::{Fill, OrderedMap};

use crate::roster::{AllocRow, OpenRow, Row, StoreRow};

/// `AllocRow::of::<A>("fileheap")` with `A: Alloc`.
pub fn allocs() -> Vec<AllocRow> {
    Vec::new()
}

/// `StoreRow::of::<S>(..).large()` with `S: WordStore`: one row per way to write, tracked words
/// and captured pages.
pub fn stores() -> Vec<StoreRow> {
    Vec::new()
}

/// `Row::<dyn OrderedMap>::of::<M>("fileheap")` with `M: OrderedMap`.
pub fn maps() -> Vec<Row<dyn OrderedMap>> {
    Vec::new()
}

/// `Row::<dyn Fill>::of::<F>("fileheap")` with `F: Fill`.
pub fn fills() -> Vec<Row<dyn Fill>> {
    Vec::new()
}

/// `OpenRow::of::<O>("fileheap")` with `O: Open`: 1M allocated objects, not one array.
pub fn opens() -> Vec<OpenRow> {
    Vec::new()
}
