//! The queue: traits of the standard library.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Index, IndexMut};

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec;

use super::ring::VecDeque;

impl<T: Clone, A: Allocator + Clone> Clone for VecDeque<T, A> {
    fn clone(&self) -> Self {
        let mut copy = VecDeque::with_capacity_in(self.len(), self.allocator().clone());
        copy.extend(self.iter().cloned());
        copy
    }
}

impl<T> Default for VecDeque<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for VecDeque<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T: PartialEq, A: Allocator, B: Allocator> PartialEq<VecDeque<T, B>> for VecDeque<T, A> {
    fn eq(&self, other: &VecDeque<T, B>) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

/// Comparisons with elements in a row.
macro_rules! equal {
    ($([$($generics:tt)*] $other:ty;)*) => {$(
        impl<T: PartialEq, A: Allocator, $($generics)*> PartialEq<$other> for VecDeque<T, A> {
            fn eq(&self, other: &$other) -> bool {
                self.len() == other.len() && self.iter().eq(other.iter())
            }
        }
    )*};
}
equal! {
    [] [T];
    [] &[T];
    [] &mut [T];
    [const N: usize] [T; N];
    [const N: usize] &[T; N];
    [B: Allocator] Vec<T, B>;
}

impl<T: Eq, A: Allocator> Eq for VecDeque<T, A> {}

impl<T: PartialOrd, A: Allocator> PartialOrd for VecDeque<T, A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.iter().partial_cmp(other)
    }
}

impl<T: Ord, A: Allocator> Ord for VecDeque<T, A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other)
    }
}

impl<T: Hash, A: Allocator> Hash for VecDeque<T, A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|element| element.hash(state));
    }
}

impl<T, A: Allocator> Index<usize> for VecDeque<T, A> {
    type Output = T;
    fn index(&self, index: usize) -> &T {
        self.get(index).expect("index out of bounds")
    }
}

impl<T, A: Allocator> IndexMut<usize> for VecDeque<T, A> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.get_mut(index).expect("index out of bounds")
    }
}

impl<T, A: Allocator> Extend<T> for VecDeque<T, A> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        let elements = elements.into_iter();
        self.reserve(elements.size_hint().0);
        elements.for_each(|element| self.push_back(element));
    }
}

impl<'a, T: Copy, A: Allocator> Extend<&'a T> for VecDeque<T, A> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

impl<T, A: Allocator + Clone> From<Vec<T, A>> for VecDeque<T, A> {
    fn from(vec: Vec<T, A>) -> Self {
        let alloc = vec.allocator().clone();
        Self::from_iter_in(vec, alloc)
    }
}

impl<T, A: Allocator + Clone> From<VecDeque<T, A>> for Vec<T, A> {
    fn from(queue: VecDeque<T, A>) -> Self {
        let mut vec = Vec::with_capacity_in(queue.len(), queue.allocator().clone());
        vec.extend(queue);
        vec
    }
}

impl<T> FromIterator<T> for VecDeque<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self::from_iter_in(elements, Global)
    }
}

impl<T, const N: usize> From<[T; N]> for VecDeque<T> {
    fn from(elements: [T; N]) -> Self {
        Self::from_iter(elements)
    }
}
