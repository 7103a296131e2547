//! The ordered map: single entries.

use core::borrow::Borrow;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};

use allocator_api2::alloc::{Allocator, Global};

use super::entry::{Entry, OccupiedEntry, VacantEntry};
use super::node::{self, Node};
use super::place::{Gap, Place, first_gap, last_gap, search};
use crate::collections::layout::Probe;

/// An ordered map, as `std::collections::BTreeMap`.
///
/// ```
/// use fileheap::collections::btree::BTreeMap;
///
/// let mut map = BTreeMap::new();
/// map.insert("b", 2);
/// map.insert("a", 1);
/// *map.entry("c").or_insert(0) += 3;
/// assert_eq!(map.range("b"..).map(|(_, n)| n).sum::<i32>(), 5);
/// ```
#[repr(C)]
pub struct BTreeMap<K, V, A: Allocator = Global> {
    pub(super) root: Option<Node<K, V>>,
    /// Of the root; leaves have height 0.
    pub(super) height: usize,
    pub(super) len: usize,
    pub(super) alloc: ManuallyDrop<A>,
    owns: PhantomData<(K, V)>,
}

// SAFETY: a map owns its keys, values and allocator, and shares nothing.
unsafe impl<K: Send, V: Send, A: Allocator + Send> Send for BTreeMap<K, V, A> {}
// SAFETY: a shared map gives shared references only.
unsafe impl<K: Sync, V: Sync, A: Allocator + Sync> Sync for BTreeMap<K, V, A> {}

impl<K, V> BTreeMap<K, V> {
    /// An empty map in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// An empty map; it allocates when the first entry comes.
    pub fn new_in(alloc: A) -> Self {
        let alloc = ManuallyDrop::new(alloc);
        BTreeMap { root: None, height: 0, len: 0, alloc, owns: PhantomData }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the map's memory comes from.
    pub fn allocator(&self) -> &A {
        &self.alloc
    }

    /// Drops all entries.
    pub fn clear(&mut self) {
        let (root, height) = (self.root.take(), mem::take(&mut self.height));
        let len = mem::take(&mut self.len);
        // SAFETY: the map has let go of the tree, which this one drops; the allocator stays ours.
        let alloc = ManuallyDrop::new(unsafe { core::ptr::read(&*self.alloc) });
        let mut all = ManuallyDrop::new(BTreeMap { root, height, len, alloc, owns: PhantomData });
        all.drop_entries();
    }

    /// What the words of a map and its nodes are, as this compiler lays them out.
    pub fn layout() -> String {
        let mut probe = Probe::of::<Self>("BTreeMap");
        probe.word("root", mem::offset_of!(Self, root));
        probe.word("height", mem::offset_of!(Self, height));
        probe.word("len", mem::offset_of!(Self, len));
        probe.word("alloc", mem::offset_of!(Self, alloc));
        probe.numbers("node: capacity keys values size children size", &node::describe::<K, V>());
        probe.text()
    }

    pub(super) fn ends(&self) -> Option<(Gap<K, V>, Gap<K, V>)> {
        let root = self.root?;
        // SAFETY: the root is alive and of this height.
        unsafe { Some((first_gap(root, self.height), last_gap(root, self.height))) }
    }

    fn first_place(&self) -> Option<Place<K, V>> {
        // SAFETY: the gap is in this map.
        self.ends().and_then(|(first, _)| unsafe { first.right() })
    }

    fn last_place(&self) -> Option<Place<K, V>> {
        // SAFETY: the gap is in this map.
        self.ends().and_then(|(_, last)| unsafe { last.left() })
    }

    fn shared(&self, place: Place<K, V>) -> (&K, &V) {
        // SAFETY: the entry is in this map, which is borrowed.
        unsafe { (&*place.key(), &*place.value()) }
    }

    fn removed(&mut self, place: Place<K, V>) -> (K, V) {
        // SAFETY: the entry is in this map.
        unsafe { self.remove_at(place).0 }
    }

    /// The entry with the least key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.first_place().map(|place| self.shared(place))
    }

    /// The entry with the greatest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.last_place().map(|place| self.shared(place))
    }

    /// The entry with the least key, to be changed or removed.
    pub fn first_entry(&mut self) -> Option<OccupiedEntry<'_, K, V, A>> {
        self.first_place().map(|place| OccupiedEntry { map: self, place })
    }

    /// The entry with the greatest key, to be changed or removed.
    pub fn last_entry(&mut self) -> Option<OccupiedEntry<'_, K, V, A>> {
        self.last_place().map(|place| OccupiedEntry { map: self, place })
    }

    /// Removes the entry with the least key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.first_place().map(|place| self.removed(place))
    }

    /// Removes the entry with the greatest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        self.last_place().map(|place| self.removed(place))
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Place<K, V>>
    where
        K: Borrow<Q>,
    {
        // SAFETY: the root is alive and of this height.
        unsafe { search(self.root?, self.height, key).ok() }
    }

    /// The value of this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).map(|place| self.shared(place).1)
    }

    /// The stored key and its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.find(key).map(|place| self.shared(place))
    }

    /// The value of this key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // SAFETY: the entry is in this map, which is borrowed mutably.
        self.find(key).map(|place| unsafe { &mut *place.value() })
    }

    /// Whether there is an entry with this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_some()
    }

    /// Inserts; gives the value that the key had before. The key that was there stays.
    pub fn insert(&mut self, key: K, value: V) -> Option<V>
    where
        K: Ord,
    {
        match self.entry(key) {
            Entry::Occupied(mut entry) => Some(entry.insert(value)),
            Entry::Vacant(entry) => {
                entry.insert(value);
                None
            }
        }
    }

    /// Removes the entry with this key and gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes the entry with this key and gives both.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.find(key).map(|place| self.removed(place))
    }

    /// The place of this key, with or without an entry.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, A>
    where
        K: Ord,
    {
        // SAFETY: the root is alive and of this height.
        let found = self.root.map(|root| unsafe { search(root, self.height, &key) });
        match found {
            Some(Ok(place)) => Entry::Occupied(OccupiedEntry { map: self, place }),
            Some(Err(gap)) => Entry::Vacant(VacantEntry { map: self, key, gap: Some(gap) }),
            None => Entry::Vacant(VacantEntry { map: self, key, gap: None }),
        }
    }
}
