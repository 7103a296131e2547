//! Borrowing iterators of the ordered map: over all of it and over ranges.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use allocator_api2::alloc::Allocator;

use super::map::BTreeMap;
use super::place::Gap;

/// The entries between two gaps. Where the order of keys is unsound the first gap may lie behind
/// the second; then one walks to the end and the other to the start, and they still never meet at
/// an entry, so no entry is given twice.
pub(super) struct Span<K, V>(Option<(Gap<K, V>, Gap<K, V>)>);

// SAFETY: two places, of use in unsafe code only; who has one says what it borrows or owns.
unsafe impl<K, V> Send for Span<K, V> {}
// SAFETY: as above.
unsafe impl<K, V> Sync for Span<K, V> {}

impl<K, V> Clone for Span<K, V> {
    fn clone(&self) -> Self {
        Span(self.0)
    }
}

impl<K, V> Span<K, V> {
    pub(super) fn new(gaps: Option<(Gap<K, V>, Gap<K, V>)>) -> Self {
        Span(gaps)
    }

    /// The next entry; the tree is alive and has not changed since the gaps were found.
    pub(super) unsafe fn next(&mut self) -> Option<(*mut K, *mut V)> {
        let (first, last) = self.0.as_mut()?;
        if first == last {
            return None;
        }
        // SAFETY: says the caller.
        unsafe {
            let place = first.right()?;
            *first = place.after();
            Some((place.key(), place.value()))
        }
    }

    /// The next entry from behind, under the same law.
    pub(super) unsafe fn next_back(&mut self) -> Option<(*mut K, *mut V)> {
        let (first, last) = self.0.as_mut()?;
        if first == last {
            return None;
        }
        // SAFETY: says the caller.
        unsafe {
            let place = last.left()?;
            *last = place.before();
            Some((place.key(), place.value()))
        }
    }
}

/// One iterator: its fields, what an item is made of, whether its length is known, and which one
/// shows what is left in it.
macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident: $item:ty, $mutable:tt, $len:tt, $twin:ident,
     |$key:ident, $value:ident| $make:expr) => {
        $(#[$doc])*
        pub struct $name<'a, K, V> {
            pub(super) span: Span<K, V>,
            pub(super) len: usize,
            pub(super) borrows: PhantomData<iterator!(@borrow $mutable)>,
        }
        impl<'a, K, V> Iterator for $name<'a, K, V> {
            type Item = $item;
            fn next(&mut self) -> Option<Self::Item> {
                // SAFETY: the map is borrowed for 'a; every entry is given once.
                let ($key, $value) = unsafe { self.span.next()? };
                self.len = self.len.wrapping_sub(1);
                // SAFETY: as above.
                Some(unsafe { $make })
            }
            iterator!(@size $len);
            fn last(mut self) -> Option<Self::Item> {
                self.next_back()
            }
        }
        impl<K, V> DoubleEndedIterator for $name<'_, K, V> {
            fn next_back(&mut self) -> Option<Self::Item> {
                // SAFETY: as in `next`.
                let ($key, $value) = unsafe { self.span.next_back()? };
                self.len = self.len.wrapping_sub(1);
                // SAFETY: as above.
                Some(unsafe { $make })
            }
        }
        impl<K, V> FusedIterator for $name<'_, K, V> {}
        impl<K, V> Default for $name<'_, K, V> {
            /// One over nothing.
            fn default() -> Self {
                $name { span: Span(None), len: 0, borrows: PhantomData }
            }
        }
        iterator!(@exact $len $name);
        iterator!(@clone $mutable $name $twin);
    };
    (@borrow shared) => { (&'a K, &'a V) };
    (@borrow mutable) => { (&'a K, &'a mut V) };
    (@size known) => {
        fn size_hint(&self) -> (usize, Option<usize>) {
            (self.len, Some(self.len))
        }
    };
    (@size unknown) => {};
    (@exact known $name:ident) => {
        impl<K, V> ExactSizeIterator for $name<'_, K, V> {}
    };
    (@exact unknown $name:ident) => {};
    (@clone shared $name:ident $twin:ident) => {
        impl<K, V> Clone for $name<'_, K, V> {
            fn clone(&self) -> Self {
                $name { span: self.span.clone(), len: self.len, borrows: PhantomData }
            }
        }
        impl<'a, K, V> fmt::Debug for $name<'a, K, V>
        where
            Self: Iterator<Item: fmt::Debug>,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    };
    (@clone mutable $name:ident $twin:ident) => {
        impl<'a, K, V> fmt::Debug for $name<'a, K, V>
        where
            $twin<'a, K, V>: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // What is left, looked at while this is borrowed and gives nothing.
                let span = self.span.clone();
                $twin { span, len: self.len, borrows: PhantomData }.fmt(f)
            }
        }
    };
}

iterator!(
    /// Entries in order.
    Iter: (&'a K, &'a V), shared, known, Iter, |key, value| (&*key, &*value));
iterator!(
    /// Entries in order, the values to be changed.
    IterMut: (&'a K, &'a mut V), mutable, known, Iter, |key, value| (&*key, &mut *value));
iterator!(
    /// Keys in order.
    Keys: &'a K, shared, known, Keys, |key, _value| &*key);
iterator!(
    /// Values in the order of their keys.
    Values: &'a V, shared, known, Values, |_key, value| &*value);
iterator!(
    /// Values in the order of their keys, to be changed.
    ValuesMut: &'a mut V, mutable, known, Values, |_key, value| &mut *value);
iterator!(
    /// A range's entries in order.
    Range: (&'a K, &'a V), shared, unknown, Range, |key, value| (&*key, &*value));
iterator!(
    /// A range's entries in order, the values to be changed.
    RangeMut: (&'a K, &'a mut V), mutable, unknown, Range, |key, value| (&*key, &mut *value));

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// Entries in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { span: Span(self.ends()), len: self.len, borrows: PhantomData }
    }

    /// Entries in order, the values to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut { span: Span(self.ends()), len: self.len, borrows: PhantomData }
    }

    /// Keys in order.
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys { span: Span(self.ends()), len: self.len, borrows: PhantomData }
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> Values<'_, K, V> {
        Values { span: Span(self.ends()), len: self.len, borrows: PhantomData }
    }

    /// Values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut { span: Span(self.ends()), len: self.len, borrows: PhantomData }
    }
}
