//! The hash map: traits of the standard library.

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::ops::Index;

use allocator_api2::alloc::{Allocator, Global};
use hashbrown::hash_map::{Iter, IterMut};

use super::map::{HashMap, IntoIter};

impl<K: Clone + Eq + Hash, V: Clone, A: Allocator + Clone> Clone for HashMap<K, V, A> {
    /// A map with copies of all entries and the same seed.
    fn clone(&self) -> Self {
        let mut copy = HashMap::with_seed_in(*self.hasher(), self.allocator().clone());
        copy.extend(self.iter().map(|(key, value)| (key.clone(), value.clone())));
        copy
    }
}

impl<K, V> Default for HashMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, A: Allocator> fmt::Debug for HashMap<K, V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Eq + Hash, V: PartialEq, A: Allocator, B: Allocator> PartialEq<HashMap<K, V, B>>
    for HashMap<K, V, A>
{
    fn eq(&self, other: &HashMap<K, V, B>) -> bool {
        self.len() == other.len()
            && self.iter().all(|(key, value)| other.get(key).is_some_and(|it| value == it))
    }
}

impl<K: Eq + Hash, V: Eq, A: Allocator> Eq for HashMap<K, V, A> {}

impl<K, Q, V, A> Index<&Q> for HashMap<K, V, A>
where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
    A: Allocator,
{
    type Output = V;
    /// Panics if there is no such key.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry found for key")
    }
}

impl<K: Eq + Hash, V, A: Allocator> Extend<(K, V)> for HashMap<K, V, A> {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        self.awake().extend(entries);
    }
}

impl<'a, K: Eq + Hash + Copy, V: Copy, A: Allocator> Extend<(&'a K, &'a V)> for HashMap<K, V, A> {
    fn extend<T: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: T) {
        self.awake().extend(entries);
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for HashMap<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        Self::from_iter_in(entries, Global)
    }
}

impl<K: Eq + Hash, V, const N: usize> From<[(K, V); N]> for HashMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

impl<K, V, A: Allocator> IntoIterator for HashMap<K, V, A> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, A>;
    fn into_iter(self) -> IntoIter<K, V, A> {
        self.into_entries()
    }
}

impl<'a, K, V, A: Allocator> IntoIterator for &'a HashMap<K, V, A> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;
    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V, A: Allocator> IntoIterator for &'a mut HashMap<K, V, A> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;
    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
