//! An ordered map and an ordered set: a B-tree in memory of any allocator.
//!
//! A node has up to 15 entries, keys and values apart, and a pointer to its parent; internal nodes
//! have a pointer to each child behind that. What always holds between calls:
//!
//! 1. All leaves are at height 0, the root is at the map's `height`; a map that never had an entry
//!    has no root.
//! 2. A node other than the root has an entry at least, an internal root, too. So every node but
//!    the root has a neighbour, and an internal node of `n` entries has `n + 1` children.
//! 3. A child's `parent` and `index` say where it hangs.
//! 4. `len` entries of each node are initialized, and the map's `len` is their sum.
//! 5. Keys ascend in order, where their `Ord` is sound. No memory safety hangs on this.
//!
//! Nothing that can panic (allocators, `Ord`, `Clone`, closures) is called while one of them does
//! not hold. Removal only mends nodes that have become low, so nodes at the ends of a map may have
//! few entries after appending.

mod entry;
mod extract;
mod insert;
mod into_iter;
mod iter;
mod map;
mod node;
mod place;
mod remove;
mod set;
mod set_iter;
#[cfg(test)]
mod tests;
mod traits;
mod whole;

/// The ordered map's companions.
pub mod map_types {
    pub use super::entry::{Entry, OccupiedEntry, VacantEntry};
    pub use super::extract::ExtractIf;
    pub use super::into_iter::{IntoIter, IntoKeys, IntoValues};
    pub use super::iter::{Iter, IterMut, Keys, Range, RangeMut, Values, ValuesMut};
}
/// The ordered set's companions.
pub mod set_types {
    pub use super::set_iter::{
        Difference, Intersection, IntoIter, Iter, Range, SymmetricDifference, Union,
    };
}
pub use map::BTreeMap;
pub use set::BTreeSet;
