//! The ordered set: a map without values.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::RangeBounds;

use allocator_api2::alloc::{Allocator, Global};

use super::entry::Entry;
use super::map::BTreeMap;
use super::set_iter::{Iter, Range};

/// An ordered set, as `std::collections::BTreeSet`.
///
/// ```
/// use fileheap::collections::btree::BTreeSet;
///
/// let a = BTreeSet::from([3, 1, 2]);
/// let b = BTreeSet::from([2, 3, 4]);
/// assert!(a.intersection(&b).eq(&[2, 3]));
/// ```
#[repr(transparent)]
pub struct BTreeSet<T, A: Allocator = Global> {
    pub(super) map: BTreeMap<T, (), A>,
}

impl<T> BTreeSet<T> {
    /// An empty set in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<T, A: Allocator> BTreeSet<T, A> {
    /// An empty set; it allocates when the first value comes.
    pub fn new_in(alloc: A) -> Self {
        BTreeSet { map: BTreeMap::new_in(alloc) }
    }

    /// A set of these values; of equal ones the last.
    pub fn from_iter_in(values: impl IntoIterator<Item = T>, alloc: A) -> Self
    where
        T: Ord,
    {
        let entries = values.into_iter().map(|value| (value, ()));
        BTreeSet { map: BTreeMap::from_iter_in(entries, alloc) }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Where the set's memory comes from.
    pub fn allocator(&self) -> &A {
        self.map.allocator()
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// What the words of a set and its nodes are: those of a map without values.
    pub fn layout() -> String {
        format!("BTreeSet over {}", BTreeMap::<T, (), A>::layout())
    }

    /// The least value.
    pub fn first(&self) -> Option<&T> {
        self.map.first_key_value().map(|entry| entry.0)
    }

    /// The greatest value.
    pub fn last(&self) -> Option<&T> {
        self.map.last_key_value().map(|entry| entry.0)
    }

    /// Removes the least value.
    pub fn pop_first(&mut self) -> Option<T> {
        self.map.pop_first().map(|entry| entry.0)
    }

    /// Removes the greatest value.
    pub fn pop_last(&mut self) -> Option<T> {
        self.map.pop_last().map(|entry| entry.0)
    }

    /// Whether the value is there.
    pub fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.contains_key(value)
    }

    /// The value that is equal to this one.
    pub fn get<Q: Ord + ?Sized>(&self, value: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        self.map.get_key_value(value).map(|entry| entry.0)
    }

    /// Inserts unless an equal value is there; says whether it did.
    pub fn insert(&mut self, value: T) -> bool
    where
        T: Ord,
    {
        self.map.insert(value, ()).is_none()
    }

    /// Inserts, in place of an equal value if there is one, which it gives.
    pub fn replace(&mut self, value: T) -> Option<T>
    where
        T: Ord,
    {
        let found = self.take(&value);
        match self.map.entry(value) {
            Entry::Vacant(entry) => drop(entry.insert_entry(())),
            // An order that is unsound finds what it has just not found; the value is there.
            Entry::Occupied(_) => {}
        }
        found
    }

    /// Removes the value; says whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.remove(value).is_some()
    }

    /// Removes the value that is equal to this one and gives it.
    pub fn take<Q: Ord + ?Sized>(&mut self, value: &Q) -> Option<T>
    where
        T: Borrow<Q>,
    {
        self.map.remove_entry(value).map(|entry| entry.0)
    }

    /// Keeps the values for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.map.retain(|value, ()| keep(value));
    }

    /// Moves all values of `other` here.
    pub fn append(&mut self, other: &mut Self)
    where
        T: Ord,
    {
        self.map.append(&mut other.map);
    }

    /// Moves the values from this one on into a set of their own.
    pub fn split_off<Q: Ord + ?Sized>(&mut self, value: &Q) -> Self
    where
        T: Borrow<Q> + Ord,
        A: Clone,
    {
        BTreeSet { map: self.map.split_off(value) }
    }

    /// Takes out, one after another, the values in a range for which `chooses` says so.
    pub fn extract_if<R, F>(&mut self, range: R, mut chooses: F) -> impl Iterator<Item = T>
    where
        T: Ord,
        R: RangeBounds<T>,
        F: FnMut(&T) -> bool,
    {
        self.map.extract_if(range, move |value, ()| chooses(value)).map(|entry| entry.0)
    }

    /// Values in order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.map.keys())
    }

    /// The values in a range, in order.
    pub fn range<Q: Ord + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Range<'_, T>
    where
        T: Borrow<Q>,
    {
        Range(self.map.range(range))
    }
}

impl<T: Clone, A: Allocator + Clone> Clone for BTreeSet<T, A> {
    fn clone(&self) -> Self {
        BTreeSet { map: self.map.clone() }
    }
}

impl<T> Default for BTreeSet<T> {
    fn default() -> Self {
        BTreeSet { map: BTreeMap::default() }
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for BTreeSet<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<T: PartialEq, A: Allocator, B: Allocator> PartialEq<BTreeSet<T, B>> for BTreeSet<T, A> {
    fn eq(&self, other: &BTreeSet<T, B>) -> bool {
        self.map == other.map
    }
}

impl<T: Eq, A: Allocator> Eq for BTreeSet<T, A> {}

impl<T: PartialOrd, A: Allocator> PartialOrd for BTreeSet<T, A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.map.partial_cmp(&other.map)
    }
}

impl<T: Ord, A: Allocator> Ord for BTreeSet<T, A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.map.cmp(&other.map)
    }
}

impl<T: Hash, A: Allocator> Hash for BTreeSet<T, A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.map.hash(state);
    }
}

impl<T: Ord, A: Allocator> Extend<T> for BTreeSet<T, A> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.map.extend(values.into_iter().map(|value| (value, ())));
    }
}

impl<'a, T: Ord + Copy, A: Allocator> Extend<&'a T> for BTreeSet<T, A> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, values: I) {
        self.extend(values.into_iter().copied());
    }
}

impl<T: Ord> FromIterator<T> for BTreeSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from_iter_in(values, Global)
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for BTreeSet<T> {
    fn from(values: [T; N]) -> Self {
        Self::from_iter(values)
    }
}
