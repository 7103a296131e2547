//! The hash set: a hash map without values.

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::iter::FusedIterator;
use core::ops::{BitAnd, BitOr, BitXor, Sub};

use allocator_api2::alloc::{Allocator, Global};
use hashbrown::TryReserveError;

use super::map::{self, HashMap};
use super::seed::Seed;

/// Values in no certain order.
pub type Iter<'a, T> = hashbrown::hash_map::Keys<'a, T, ()>;
/// Values by value.
pub type IntoIter<T, A> = map::IntoKeys<T, (), A>;

/// Values by value, which the set loses.
pub struct Drain<'a, T, A: Allocator>(map::Drain<'a, T, (), A>);

impl<T, A: Allocator> Iterator for Drain<'_, T, A> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.next().map(|entry| entry.0)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
impl<T, A: Allocator> ExactSizeIterator for Drain<'_, T, A> {}
impl<T, A: Allocator> FusedIterator for Drain<'_, T, A> {}

/// A hash set, as `std::collections::HashSet`. Its hashes are the same in every process.
///
/// ```
/// use fileheap::collections::hash::HashSet;
///
/// let mut seen = HashSet::new();
/// assert!(seen.insert("heap") && !seen.insert("heap"));
/// ```
#[repr(transparent)]
pub struct HashSet<T, A: Allocator = Global> {
    map: HashMap<T, (), A>,
}

impl<T> HashSet<T> {
    /// An empty set in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<T, A: Allocator> HashSet<T, A> {
    /// An empty set; it allocates when the first value comes.
    pub fn new_in(alloc: A) -> Self {
        HashSet { map: HashMap::new_in(alloc) }
    }

    /// An empty set that hashes with a certain seed.
    pub fn with_seed_in(seed: Seed, alloc: A) -> Self {
        HashSet { map: HashMap::with_seed_in(seed, alloc) }
    }

    /// An empty set with place for so many values.
    pub fn with_capacity_in(capacity: usize, alloc: A) -> Self {
        HashSet { map: HashMap::with_capacity_in(capacity, alloc) }
    }

    /// A set of these values; of equal ones the first.
    pub fn from_iter_in(values: impl IntoIterator<Item = T>, alloc: A) -> Self
    where
        T: Eq + Hash,
    {
        let mut set = Self::new_in(alloc);
        set.extend(values);
        set
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many values there is place for without growing.
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Where the set's memory comes from.
    pub fn allocator(&self) -> &A {
        self.map.allocator()
    }

    /// What values are hashed with.
    pub fn hasher(&self) -> &Seed {
        self.map.hasher()
    }

    /// Drops all values; the table stays.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Values in no certain order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.map.keys()
    }

    /// Takes all values out; the table stays.
    pub fn drain(&mut self) -> Drain<'_, T, A> {
        Drain(self.map.drain())
    }

    /// Keeps the values for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.map.retain(|value, ()| keep(value));
    }

    /// Takes out, one after another, the values for which `chooses` says so. What the iterator has
    /// not come to when it is dropped stays.
    pub fn extract_if<F>(&mut self, mut chooses: F) -> impl FusedIterator<Item = T>
    where
        F: FnMut(&T) -> bool,
    {
        self.map.extract_if(move |value, ()| chooses(value)).map(|entry| entry.0)
    }

    /// What the words of a set are: those of a map without values.
    pub fn layout() -> String {
        format!("HashSet over {}", HashMap::<T, (), A>::layout())
    }
}

impl<T: Eq + Hash, A: Allocator> HashSet<T, A> {
    /// Makes place for so many values more.
    pub fn reserve(&mut self, additional: usize) {
        self.map.reserve(additional);
    }

    /// Makes place for so many values more, if the allocator says that it can.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), TryReserveError> {
        self.map.try_reserve(additional)
    }

    /// Gives back place, but for so many values.
    pub fn shrink_to(&mut self, capacity: usize) {
        self.map.shrink_to(capacity);
    }

    /// Gives back what place there is too much.
    pub fn shrink_to_fit(&mut self) {
        self.map.shrink_to_fit();
    }

    /// Whether the value is there.
    pub fn contains<Q: Eq + Hash + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.contains_key(value)
    }

    /// The value that is equal to this one.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, value: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        self.map.get_key_value(value).map(|entry| entry.0)
    }

    /// Inserts unless an equal value is there; says whether it did.
    pub fn insert(&mut self, value: T) -> bool {
        self.map.insert(value, ()).is_none()
    }

    /// Inserts, in place of an equal value if there is one, which it gives.
    pub fn replace(&mut self, value: T) -> Option<T> {
        // The place comes first, so that a failing allocation loses nothing.
        self.map.reserve(1);
        let found = self.take(&value);
        self.map.insert(value, ());
        found
    }

    /// Removes the value; says whether it was there.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.map.remove(value).is_some()
    }

    /// Removes the value that is equal to this one and gives it.
    pub fn take<Q: Eq + Hash + ?Sized>(&mut self, value: &Q) -> Option<T>
    where
        T: Borrow<Q>,
    {
        self.map.remove_entry(value).map(|entry| entry.0)
    }

    /// Values in either set.
    pub fn union<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().chain(other.difference(self))
    }

    /// Values in both sets.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|value| other.contains(*value))
    }

    /// Values in the first set but not in the second.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|value| !other.contains(*value))
    }

    /// Values in one set but not in both.
    pub fn symmetric_difference<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = &'a T> + Clone {
        self.difference(other).chain(other.difference(self))
    }

    /// Whether no value is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other).next().is_none()
    }

    /// Whether all values are in the other, too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.len() <= other.len() && self.difference(other).next().is_none()
    }

    /// Whether all values of the other are here, too.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.is_subset(self)
    }
}

/// Operators that make a new set of copies, in the first one's memory.
macro_rules! operators {
    ($($operator:ident $symbol:ident $method:ident),*) => {$(
        impl<T: Eq + Hash + Clone, A: Allocator + Clone> $operator<&HashSet<T, A>>
            for &HashSet<T, A>
        {
            type Output = HashSet<T, A>;
            fn $symbol(self, other: &HashSet<T, A>) -> HashSet<T, A> {
                HashSet::from_iter_in(self.$method(other).cloned(), self.allocator().clone())
            }
        }
    )*};
}
operators!(BitOr bitor union, BitAnd bitand intersection, Sub sub difference,
    BitXor bitxor symmetric_difference);

impl<T: Clone + Eq + Hash, A: Allocator + Clone> Clone for HashSet<T, A> {
    fn clone(&self) -> Self {
        HashSet { map: self.map.clone() }
    }
}

impl<T> Default for HashSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for HashSet<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<T: Eq + Hash, A: Allocator, B: Allocator> PartialEq<HashSet<T, B>> for HashSet<T, A> {
    fn eq(&self, other: &HashSet<T, B>) -> bool {
        self.map == other.map
    }
}

impl<T: Eq + Hash, A: Allocator> Eq for HashSet<T, A> {}

impl<T: Eq + Hash, A: Allocator> Extend<T> for HashSet<T, A> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.map.extend(values.into_iter().map(|value| (value, ())));
    }
}

impl<'a, T: Eq + Hash + Copy, A: Allocator> Extend<&'a T> for HashSet<T, A> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, values: I) {
        self.extend(values.into_iter().copied());
    }
}

impl<T: Eq + Hash> FromIterator<T> for HashSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from_iter_in(values, Global)
    }
}

impl<T: Eq + Hash, const N: usize> From<[T; N]> for HashSet<T> {
    fn from(values: [T; N]) -> Self {
        Self::from_iter(values)
    }
}

impl<T, A: Allocator> IntoIterator for HashSet<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;
    fn into_iter(self) -> IntoIter<T, A> {
        self.map.into_keys()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a HashSet<T, A> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
