//! Iterators of the ordered set, and what two sets have together.

use core::cmp::Ordering;
use core::iter::{FusedIterator, Peekable};
use core::ops::{BitAnd, BitOr, BitXor, Sub};

use allocator_api2::alloc::{Allocator, Global};

use super::into_iter::IntoKeys;
use super::iter::{Keys, Range as Entries};
use super::set::BTreeSet;

/// Values in order.
#[derive(Clone, Debug)]
pub struct Iter<'a, T>(pub(super) Keys<'a, T, ()>);

/// A range's values in order.
#[derive(Clone, Debug)]
pub struct Range<'a, T>(pub(super) Entries<'a, T, ()>);

/// Values in order, by value.
#[derive(Debug)]
pub struct IntoIter<T, A: Allocator = Global>(IntoKeys<T, (), A>);

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;
    fn next(&mut self) -> Option<&'a T> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}
impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}

impl<'a, T> Iterator for Range<'a, T> {
    type Item = &'a T;
    fn next(&mut self) -> Option<&'a T> {
        self.0.next().map(|entry| entry.0)
    }
}
impl<T> DoubleEndedIterator for Range<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|entry| entry.0)
    }
}
impl<T> FusedIterator for Range<'_, T> {}

impl<T, A: Allocator> Iterator for IntoIter<T, A> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
impl<T, A: Allocator> DoubleEndedIterator for IntoIter<T, A> {
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}
impl<T, A: Allocator> ExactSizeIterator for IntoIter<T, A> {}
impl<T, A: Allocator> FusedIterator for IntoIter<T, A> {}

impl<'a, T, A: Allocator> IntoIterator for &'a BTreeSet<T, A> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T, A: Allocator> IntoIterator for BTreeSet<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;
    fn into_iter(self) -> IntoIter<T, A> {
        IntoIter(self.map.into_keys())
    }
}

/// Two sets walked side by side. Each step says what the least value left is in: the first set,
/// the second, or both.
#[derive(Clone, Debug)]
struct Merge<'a, T> {
    first: Peekable<Iter<'a, T>>,
    second: Peekable<Iter<'a, T>>,
}

impl<'a, T: Ord> Merge<'a, T> {
    fn step(&mut self) -> Option<(Option<&'a T>, Option<&'a T>)> {
        let order = match (self.first.peek(), self.second.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(first), Some(second)) => first.cmp(second),
        };
        let first = if order.is_le() { self.first.next() } else { None };
        let second = if order.is_ge() { self.second.next() } else { None };
        Some((first, second))
    }
}

/// One way to choose from two sets: an iterator, a method and an operator.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $method:ident, $operator:ident, $symbol:ident,
     |$first:ident, $second:ident| $choose:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'a, T>(Merge<'a, T>);

        impl<'a, T: Ord> Iterator for $name<'a, T> {
            type Item = &'a T;
            fn next(&mut self) -> Option<&'a T> {
                loop {
                    let ($first, $second) = self.0.step()?;
                    let chosen: Option<&'a T> = $choose;
                    if chosen.is_some() {
                        return chosen;
                    }
                }
            }
        }
        impl<T: Ord> FusedIterator for $name<'_, T> {}

        impl<T: Ord, A: Allocator> BTreeSet<T, A> {
            $(#[$doc])*
            pub fn $method<'a>(&'a self, other: &'a Self) -> $name<'a, T> {
                let (first, second) = (self.iter().peekable(), other.iter().peekable());
                $name(Merge { first, second })
            }
        }
        impl<T: Ord + Clone, A: Allocator + Clone> $operator<&BTreeSet<T, A>> for &BTreeSet<T, A> {
            type Output = BTreeSet<T, A>;
            fn $symbol(self, other: &BTreeSet<T, A>) -> BTreeSet<T, A> {
                let chosen = self.$method(other).cloned();
                BTreeSet::from_iter_in(chosen, self.allocator().clone())
            }
        }
    };
}
choice!(
    /// Values in either set, in order.
    Union, union, BitOr, bitor, |first, second| first.or(second));
choice!(
    /// Values in both sets, in order.
    Intersection, intersection, BitAnd, bitand, |first, second| first.filter(|_| second.is_some()));
choice!(
    /// Values in the first set but not in the second, in order.
    Difference, difference, Sub, sub, |first, second| first.filter(|_| second.is_none()));
choice!(
    /// Values in one set but not in both, in order.
    SymmetricDifference, symmetric_difference, BitXor, bitxor, |first, second| first.xor(second));

impl<T: Ord, A: Allocator> BTreeSet<T, A> {
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
