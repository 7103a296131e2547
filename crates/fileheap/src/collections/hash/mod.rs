//! A hash map and a hash set: hashbrown's table, with a hasher whose answers last.
//!
//! A hashbrown table that never had an entry points to an empty table inside the program, and a
//! program is at other addresses when it runs again. So a table without entries is never looked
//! into here: readers see an empty map, and before an entry comes, a table without memory is made
//! anew (`HashMap::awake`).

mod map;
mod map_traits;
mod seed;
mod set;
#[cfg(test)]
mod tests;

/// The hash map's companions.
pub mod map_types {
    pub use super::map::{Drain, Entry, IntoIter, IntoKeys, IntoValues};
    pub use hashbrown::hash_map::{Iter, IterMut, Keys, Values, ValuesMut};
}
/// The hash set's companions.
pub mod set_types {
    pub use super::set::{Drain, IntoIter, Iter};
}
pub use map::HashMap;
pub use seed::Seed;
pub use set::HashSet;
