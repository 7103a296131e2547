//! The hash map: hashbrown's, except where it has no table of its own.

use core::borrow::Borrow;
use core::hash::Hash;
use core::iter::FusedIterator;
use core::mem::offset_of;
use core::ptr;

use allocator_api2::alloc::{Allocator, Global};
use hashbrown::hash_map::{Iter, IterMut, Keys, Values, ValuesMut};
use hashbrown::{HashMap as Table, TryReserveError};

use super::seed::Seed;
use crate::collections::layout::Probe;

/// The place of a key, with or without an entry: hashbrown's, whose `insert` is what std calls
/// `insert_entry`.
pub type Entry<'a, K, V, A> = hashbrown::hash_map::Entry<'a, K, V, Seed, A>;
/// Entries by value.
pub type IntoIter<K, V, A> = hashbrown::hash_map::IntoIter<K, V, A>;
/// Keys by value.
pub type IntoKeys<K, V, A> = hashbrown::hash_map::IntoKeys<K, V, A>;
/// Values by value.
pub type IntoValues<K, V, A> = hashbrown::hash_map::IntoValues<K, V, A>;

/// Entries by value, which the map loses.
pub struct Drain<'a, K, V, A: Allocator>(Option<hashbrown::hash_map::Drain<'a, K, V, A>>);

impl<K, V, A: Allocator> Iterator for Drain<'_, K, V, A> {
    type Item = (K, V);
    fn next(&mut self) -> Option<(K, V)> {
        self.0.as_mut()?.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.as_ref().map_or((0, Some(0)), Iterator::size_hint)
    }
}
impl<K, V, A: Allocator> ExactSizeIterator for Drain<'_, K, V, A> {}
impl<K, V, A: Allocator> FusedIterator for Drain<'_, K, V, A> {}

/// A hash map, as `std::collections::HashMap`. Its hashes are the same in every process.
///
/// ```
/// use fileheap::collections::hash::HashMap;
///
/// let mut map = HashMap::new();
/// *map.entry("heap").or_insert(0) += 1;
/// assert_eq!(map.get("heap"), Some(&1));
/// ```
#[repr(transparent)]
pub struct HashMap<K, V, A: Allocator = Global> {
    /// Never looked into while it has no entry, except by `awake`.
    table: Table<K, V, Seed, A>,
}

impl<K, V> HashMap<K, V> {
    /// An empty map in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<K, V, A: Allocator> HashMap<K, V, A> {
    /// An empty map; it allocates when the first entry comes.
    pub fn new_in(alloc: A) -> Self {
        Self::with_seed_in(Seed::random(), alloc)
    }

    /// An empty map that hashes with a certain seed.
    pub fn with_seed_in(seed: Seed, alloc: A) -> Self {
        HashMap { table: Table::with_hasher_in(seed, alloc) }
    }

    /// An empty map with place for so many entries.
    pub fn with_capacity_in(capacity: usize, alloc: A) -> Self {
        HashMap { table: Table::with_capacity_and_hasher_in(capacity, Seed::random(), alloc) }
    }

    /// A map of these entries; of those with equal keys the last one.
    pub fn from_iter_in(entries: impl IntoIterator<Item = (K, V)>, alloc: A) -> Self
    where
        K: Eq + Hash,
    {
        let mut map = Self::new_in(alloc);
        map.extend(entries);
        map
    }

    pub(super) fn into_entries(self) -> IntoIter<K, V, A> {
        if self.is_empty() { IntoIter::default() } else { self.table.into_iter() }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries there is place for without growing.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Where the map's memory comes from.
    pub fn allocator(&self) -> &A {
        self.table.allocator()
    }

    /// What keys are hashed with.
    pub fn hasher(&self) -> &Seed {
        self.table.hasher()
    }

    /// Drops all entries; the table stays.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.table.clear();
        }
    }

    /// Entries in no certain order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        if self.is_empty() { Iter::default() } else { self.table.iter() }
    }

    /// Entries in no certain order, the values to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        if self.is_empty() { IterMut::default() } else { self.table.iter_mut() }
    }

    /// Keys in no certain order.
    pub fn keys(&self) -> Keys<'_, K, V> {
        if self.is_empty() { Keys::default() } else { self.table.keys() }
    }

    /// Values in no certain order.
    pub fn values(&self) -> Values<'_, K, V> {
        if self.is_empty() { Values::default() } else { self.table.values() }
    }

    /// Values in no certain order, to be changed.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        if self.is_empty() { ValuesMut::default() } else { self.table.values_mut() }
    }

    /// Keys by value.
    pub fn into_keys(self) -> IntoKeys<K, V, A> {
        if self.is_empty() { IntoKeys::default() } else { self.table.into_keys() }
    }

    /// Values by value.
    pub fn into_values(self) -> IntoValues<K, V, A> {
        if self.is_empty() { IntoValues::default() } else { self.table.into_values() }
    }

    /// Takes all entries out; the table stays.
    pub fn drain(&mut self) -> Drain<'_, K, V, A> {
        Drain((!self.is_empty()).then(|| self.table.drain()))
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&K, &mut V) -> bool) {
        if !self.is_empty() {
            self.table.retain(keep);
        }
    }

    /// Takes out, one after another, the entries for which `chooses` says so. What the iterator has
    /// not come to when it is dropped stays.
    pub fn extract_if<F>(&mut self, chooses: F) -> impl FusedIterator<Item = (K, V)>
    where
        F: FnMut(&K, &mut V) -> bool,
    {
        let table = (!self.is_empty()).then_some(&mut self.table);
        table.map(|table| table.extract_if(chooses)).into_iter().flatten()
    }

    /// What the words of a map are, found by looking at a real one, if its allocator has no size;
    /// what entries look like, and how this program hashes. The size of a table of 16 tells how
    /// many control bytes the processor looks at together.
    pub fn layout() -> String {
        let mut probe = Probe::of::<Self>("HashMap");
        let specimen =
            Table::<u64, u64, Seed>::with_capacity_and_hasher(14, Seed::fixed([0x5eed_0001, 2]));
        probe.find("seed", &specimen, 0x5eed_0001);
        probe.find("mask", &specimen, 15);
        probe.find("growth left", &specimen, 14);
        probe.find("len", &specimen, 0);
        probe.numbers("table of 16 in bytes", &[specimen.allocation_size()]);
        let (key, value) = (offset_of!((K, V), 0), offset_of!((K, V), 1));
        probe.numbers("entry: size key value", &[size_of::<(K, V)>(), key, value]);
        format!("{}; hashes {}", probe.text(), Seed::probe())
    }
}

impl<K: Eq + Hash, V, A: Allocator> HashMap<K, V, A> {
    /// The table to be changed. One that is bare is made anew, because it points into the program
    /// that made it, which may not be this one.
    pub(super) fn awake(&mut self) -> &mut Table<K, V, Seed, A> {
        if self.table.capacity() == 0 && self.table.allocation_size() == 0 {
            let seed = *self.table.hasher();
            // SAFETY: the allocator moves to the new table; the old one owns nothing else, and is
            // overwritten without being dropped. Nothing in between can panic.
            unsafe {
                let alloc = ptr::read(self.table.allocator());
                ptr::write(&mut self.table, Table::with_hasher_in(seed, alloc));
            }
        }
        &mut self.table
    }

    /// Makes place for so many entries more.
    pub fn reserve(&mut self, additional: usize) {
        self.awake().reserve(additional);
    }

    /// Makes place for so many entries more, if the allocator says that it can.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), TryReserveError> {
        self.awake().try_reserve(additional)
    }

    /// Gives back what place there is too much.
    pub fn shrink_to_fit(&mut self) {
        self.awake().shrink_to_fit();
    }

    /// Gives back place, but for so many entries.
    pub fn shrink_to(&mut self, capacity: usize) {
        self.awake().shrink_to(capacity);
    }

    /// The values of several keys at once, to be changed. Panics if two keys are the same.
    pub fn get_disjoint_mut<Q: Eq + Hash + ?Sized, const N: usize>(
        &mut self,
        keys: [&Q; N],
    ) -> [Option<&mut V>; N]
    where
        K: Borrow<Q>,
    {
        if self.is_empty() { [const { None }; N] } else { self.table.get_disjoint_mut(keys) }
    }

    /// The value of this key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|entry| entry.1)
    }

    /// The stored key and its value.
    pub fn get_key_value<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() { None } else { self.table.get_key_value(key) }
    }

    /// The value of this key, to be changed.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() { None } else { self.table.get_mut(key) }
    }

    /// Whether there is an entry with this key.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).is_some()
    }

    /// Inserts; gives the value that the key had before. The key that was there stays.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.awake().insert(key, value)
    }

    /// Removes the entry with this key and gives its value.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|entry| entry.1)
    }

    /// Removes the entry with this key and gives both.
    pub fn remove_entry<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() { None } else { self.table.remove_entry(key) }
    }

    /// The place of this key, with or without an entry.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, A> {
        self.awake().entry(key)
    }
}
