//! Entries of the ordered map, looked up once and then used.

use core::fmt;
use core::mem;

use allocator_api2::alloc::Allocator;

use super::map::BTreeMap;
use super::place::{Gap, Place};

/// The place of a key, with or without an entry.
pub enum Entry<'a, K, V, A: Allocator> {
    /// There is none.
    Vacant(VacantEntry<'a, K, V, A>),
    /// There is one.
    Occupied(OccupiedEntry<'a, K, V, A>),
}

/// A key that has no entry yet, and where it would be.
pub struct VacantEntry<'a, K, V, A: Allocator> {
    pub(super) map: &'a mut BTreeMap<K, V, A>,
    pub(super) key: K,
    /// None in a map without root.
    pub(super) gap: Option<Gap<K, V>>,
}

/// An entry that is there.
pub struct OccupiedEntry<'a, K, V, A: Allocator> {
    pub(super) map: &'a mut BTreeMap<K, V, A>,
    pub(super) place: Place<K, V>,
}

impl<'a, K, V, A: Allocator> Entry<'a, K, V, A> {
    /// The entry's value, `default` if there was none.
    pub fn or_insert(self, default: V) -> &'a mut V {
        self.or_insert_with(|| default)
    }

    /// The entry's value, `default()` if there was none.
    pub fn or_insert_with(self, default: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| default())
    }

    /// The entry's value, `default(key)` if there was none.
    pub fn or_insert_with_key(self, default: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let value = default(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// The entry's value, the default one if there was none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The entry's key.
    pub fn key(&self) -> &K {
        match self {
            Entry::Occupied(entry) => entry.key(),
            Entry::Vacant(entry) => entry.key(),
        }
    }

    /// Changes the value if there is one.
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Entry::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// Sets the value and gives the entry.
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, A> {
        match self {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
                entry
            }
            Entry::Vacant(entry) => entry.insert_entry(value),
        }
    }
}

impl<'a, K, V, A: Allocator> VacantEntry<'a, K, V, A> {
    /// The key that would be inserted.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Gives the key back.
    pub fn into_key(self) -> K {
        self.key
    }

    /// Inserts the key with this value.
    pub fn insert(self, value: V) -> &'a mut V {
        self.insert_entry(value).into_mut()
    }

    /// Inserts the key with this value and gives the entry.
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, A> {
        let VacantEntry { map, key, gap } = self;
        let place = match gap {
            // SAFETY: the gap was found in this map, which has been borrowed since.
            Some(gap) => unsafe { map.insert_at(gap, key, value) },
            None => map.insert_first(key, value),
        };
        OccupiedEntry { map, place }
    }
}

impl<'a, K, V, A: Allocator> OccupiedEntry<'a, K, V, A> {
    /// The stored key.
    pub fn key(&self) -> &K {
        // SAFETY: the entry was found in this map, which has been borrowed since.
        unsafe { &*self.place.key() }
    }

    /// The value.
    pub fn get(&self) -> &V {
        // SAFETY: as in `key`.
        unsafe { &*self.place.value() }
    }

    /// The value, to be changed.
    pub fn get_mut(&mut self) -> &mut V {
        // SAFETY: as in `key`, and the map is borrowed mutably.
        unsafe { &mut *self.place.value() }
    }

    /// The value, for as long as the map is borrowed.
    pub fn into_mut(self) -> &'a mut V {
        // SAFETY: as in `get_mut`; the entry is used up.
        unsafe { &mut *self.place.value() }
    }

    /// Sets the value and gives the one before.
    pub fn insert(&mut self, value: V) -> V {
        mem::replace(self.get_mut(), value)
    }

    /// Removes the entry and gives its value.
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the entry and gives both.
    pub fn remove_entry(self) -> (K, V) {
        // SAFETY: the entry was found in this map, which has been borrowed since.
        unsafe { self.map.remove_at(self.place).0 }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, A: Allocator> fmt::Debug for Entry<'_, K, V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Vacant(entry) => f.debug_tuple("Entry").field(entry).finish(),
            Entry::Occupied(entry) => f.debug_tuple("Entry").field(entry).finish(),
        }
    }
}

impl<K: fmt::Debug, V, A: Allocator> fmt::Debug for VacantEntry<'_, K, V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VacantEntry").field(self.key()).finish()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, A: Allocator> fmt::Debug for OccupiedEntry<'_, K, V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccupiedEntry").field("key", self.key()).field("value", self.get()).finish()
    }
}
