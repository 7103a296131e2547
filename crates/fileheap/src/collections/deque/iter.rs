//! Iterators of the queue.

use core::fmt;
use core::iter::{Chain, FusedIterator};
use core::marker::PhantomData;
use core::ops::{Range, RangeBounds};
use core::ptr;
use core::slice;

use allocator_api2::alloc::{Allocator, Global};

use super::ring::VecDeque;

/// One iterator over another: forwards, backwards, and how much is left.
macro_rules! through {
    ($name:ident [$($generics:tt)*] [$($arguments:tt)*] $item:ty,
     |$inner:ident| $next:expr, $next_back:expr, $size:expr) => {
        impl<$($generics)*> Iterator for $name<$($arguments)*> {
            type Item = $item;
            fn next(&mut self) -> Option<Self::Item> {
                let $inner = self;
                $next
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                let $inner = self;
                let size = $size;
                (size, Some(size))
            }
        }
        impl<$($generics)*> DoubleEndedIterator for $name<$($arguments)*> {
            fn next_back(&mut self) -> Option<Self::Item> {
                let $inner = self;
                $next_back
            }
        }
        impl<$($generics)*> ExactSizeIterator for $name<$($arguments)*> {}
        impl<$($generics)*> FusedIterator for $name<$($arguments)*> {}
    };
}

/// Elements in order.
#[derive(Debug)]
pub struct Iter<'a, T>(Chain<slice::Iter<'a, T>, slice::Iter<'a, T>>);
through!(Iter ['a, T] ['a, T] &'a T,
    |it| it.0.next(), it.0.next_back(), it.0.size_hint().0);

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter(self.0.clone())
    }
}

/// Elements in order, to be changed.
#[derive(Debug)]
pub struct IterMut<'a, T>(Chain<slice::IterMut<'a, T>, slice::IterMut<'a, T>>);
through!(IterMut ['a, T] ['a, T] &'a mut T,
    |it| it.0.next(), it.0.next_back(), it.0.size_hint().0);

/// Elements in order, by value.
#[derive(Debug)]
pub struct IntoIter<T, A: Allocator = Global>(VecDeque<T, A>);
through!(IntoIter [T, A: Allocator] [T, A] T,
    |it| it.0.pop_front(), it.0.pop_back(), it.0.len());

/// A range's elements by value, which the queue loses.
pub struct Drain<'a, T, A: Allocator = Global> {
    queue: &'a mut VecDeque<T, A>,
    range: Range<usize>,
    /// What is still to be given.
    left: Range<usize>,
    /// The queue's length before.
    len: usize,
    gives: PhantomData<T>,
}
through!(Drain ['a, T, A: Allocator] ['a, T, A] T,
    // SAFETY: an initialized place that is left once.
    |it| it.left.next().map(|index| unsafe { it.queue.place(index).read() }),
    // SAFETY: as above.
    it.left.next_back().map(|index| unsafe { it.queue.place(index).read() }),
    it.left.len());

impl<'a, T, A: Allocator> Drain<'a, T, A> {
    pub(super) fn new(queue: &'a mut VecDeque<T, A>, range: Range<usize>, len: usize) -> Self {
        Drain { queue, left: range.clone(), range, len, gives: PhantomData }
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Drain<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.left).finish()
    }
}

impl<T, A: Allocator> Drop for Drain<'_, T, A> {
    fn drop(&mut self) {
        /// Closes the gap, even if dropping an element panics.
        struct Close<'b, 'a, T, A: Allocator>(&'b mut Drain<'a, T, A>);
        impl<T, A: Allocator> Drop for Close<'_, '_, T, A> {
            fn drop(&mut self) {
                let Drain { queue, range, len, .. } = &mut *self.0;
                // SAFETY: what lies behind the gap is initialized and moves over the gap.
                unsafe { queue.shift(range.end, range.start, *len - range.end) };
                queue.len = *len - (range.end - range.start);
            }
        }
        let close = Close(self);
        let left = close.0.left.clone();
        let (first, second) = close.0.queue.pieces(left.start, left.end);
        // SAFETY: the elements that are left are nobody's any more.
        unsafe {
            ptr::drop_in_place(first);
            ptr::drop_in_place(second);
        }
    }
}

impl<T, A: Allocator> VecDeque<T, A> {
    /// Elements in order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.range(..)
    }

    /// Elements in order, to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        self.range_mut(..)
    }

    /// The elements of a range of indices.
    pub fn range(&self, range: impl RangeBounds<usize>) -> Iter<'_, T> {
        let range = self.indices(range);
        let (first, second) = self.pieces(range.start, range.end);
        // SAFETY: these are elements, borrowed with the queue.
        unsafe { Iter((*first).iter().chain(&*second)) }
    }

    /// The elements of a range of indices, to be changed.
    pub fn range_mut(&mut self, range: impl RangeBounds<usize>) -> IterMut<'_, T> {
        let range = self.indices(range);
        let (first, second) = self.pieces(range.start, range.end);
        // SAFETY: these are elements, in two pieces that do not overlap.
        unsafe { IterMut((*first).iter_mut().chain(&mut *second)) }
    }
}

impl<T, A: Allocator> IntoIterator for VecDeque<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;
    fn into_iter(self) -> IntoIter<T, A> {
        IntoIter(self)
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a VecDeque<T, A> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a mut VecDeque<T, A> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;
    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}
