//! The queue: changes between its ends, and of many elements at once.

use core::cmp::Ordering;
use core::mem;
use core::ops::{Bound, Range, RangeBounds};

use allocator_api2::alloc::Allocator;

use super::iter::Drain;
use super::ring::VecDeque;

impl<T, A: Allocator> VecDeque<T, A> {
    /// Element `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        // SAFETY: it is an element, borrowed with the queue.
        (index < self.len).then(|| unsafe { &*self.place(index) })
    }

    /// Element `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        // SAFETY: it is an element, borrowed with the queue.
        (index < self.len).then(|| unsafe { &mut *self.place(index) })
    }

    /// The first element.
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The first element, to be changed.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last element.
    pub fn back(&self) -> Option<&T> {
        self.get(self.len.wrapping_sub(1))
    }

    /// The last element, to be changed.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.wrapping_sub(1))
    }

    /// Drops all elements.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Removes the first element if `is_wanted` says so.
    pub fn pop_front_if(&mut self, is_wanted: impl FnOnce(&mut T) -> bool) -> Option<T> {
        if is_wanted(self.front_mut()?) { self.pop_front() } else { None }
    }

    /// Removes the last element if `is_wanted` says so.
    pub fn pop_back_if(&mut self, is_wanted: impl FnOnce(&mut T) -> bool) -> Option<T> {
        if is_wanted(self.back_mut()?) { self.pop_back() } else { None }
    }

    /// Exchanges two elements. Panics where there are none.
    pub fn swap(&mut self, a: usize, b: usize) {
        assert!(a < self.len && b < self.len, "no element to swap");
        // SAFETY: both are elements; they may be the same.
        unsafe { core::ptr::swap(self.place(a), self.place(b)) };
    }

    /// Inserts before element `index`. Panics beyond the end.
    pub fn insert(&mut self, index: usize, element: T) {
        assert!(index <= self.len, "cannot insert at {index} of {}", self.len);
        let len = self.len;
        if index < len / 2 {
            self.push_front(element);
            // SAFETY: the elements before `index` move down by one, over the new one, which is
            // then written where it belongs.
            unsafe {
                let element = self.place(0).read();
                self.shift(1, 0, index);
                self.place(index).write(element);
            }
        } else {
            self.push_back(element);
            // SAFETY: the elements from `index` on move up by one, over the new one.
            unsafe {
                let element = self.place(len).read();
                self.shift(index, index + 1, len - index);
                self.place(index).write(element);
            }
        }
    }

    /// Removes element `index`.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the element goes to one end, from which it is then taken.
        unsafe {
            let element = self.place(index).read();
            if index < self.len / 2 {
                self.shift(0, 1, index);
                self.place(0).write(element);
                self.pop_front()
            } else {
                self.shift(index + 1, index, self.len - index - 1);
                self.place(self.len - 1).write(element);
                self.pop_back()
            }
        }
    }

    /// Removes element `index` and puts the first one in its place.
    pub fn swap_remove_front(&mut self, index: usize) -> Option<T> {
        if index < self.len {
            self.swap(index, 0);
            return self.pop_front();
        }
        None
    }

    /// Removes element `index` and puts the last one in its place.
    pub fn swap_remove_back(&mut self, index: usize) -> Option<T> {
        if index < self.len {
            self.swap(index, self.len - 1);
            return self.pop_back();
        }
        None
    }

    /// Moves the first `count` elements to the end. Panics if there are fewer.
    pub fn rotate_left(&mut self, count: usize) {
        assert!(count <= self.len, "cannot rotate {} elements by {count}", self.len);
        self.make_contiguous().rotate_left(count);
    }

    /// Moves the last `count` elements to the front. Panics if there are fewer.
    pub fn rotate_right(&mut self, count: usize) {
        assert!(count <= self.len, "cannot rotate {} elements by {count}", self.len);
        self.make_contiguous().rotate_right(count);
    }

    /// Keeps the elements for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.retain_mut(|element| keep(element));
    }

    /// Keeps the elements for which `keep` says so, which may change them. If it panics, elements
    /// that were to go may still be there.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            if keep(&mut self[index]) {
                if kept < index {
                    self.swap(kept, index);
                }
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// Makes the length `len`, with new elements at the end if it grows.
    pub fn resize_with(&mut self, len: usize, mut element: impl FnMut() -> T) {
        self.reserve(len.saturating_sub(self.len));
        while self.len < len {
            self.push_back(element());
        }
        self.truncate(len);
    }

    /// Makes the length `len`, with copies of an element at the end if it grows.
    pub fn resize(&mut self, len: usize, element: T)
    where
        T: Clone,
    {
        self.resize_with(len, || element.clone());
    }

    /// Moves all elements of `other` to the end.
    pub fn append(&mut self, other: &mut Self) {
        self.reserve(other.len);
        while let Some(element) = other.pop_front() {
            self.push_back(element);
        }
    }

    /// Moves the elements from `at` on into a queue of their own. Panics beyond the end.
    pub fn split_off(&mut self, at: usize) -> Self
    where
        A: Clone,
    {
        assert!(at <= self.len, "cannot split {} elements at {at}", self.len);
        let mut moved = Self::with_capacity_in(self.len - at, self.allocator().clone());
        for index in at..self.len {
            // SAFETY: the element moves; it is no longer one of ours below.
            moved.push_back(unsafe { self.place(index).read() });
        }
        self.len = at;
        moved
    }

    /// A range of indices as two numbers. Panics if it is no range of this queue.
    pub(super) fn indices(&self, range: impl RangeBounds<usize>) -> Range<usize> {
        let start = match range.start_bound() {
            Bound::Unbounded => 0,
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start + 1,
        };
        let end = match range.end_bound() {
            Bound::Unbounded => self.len,
            Bound::Included(&end) => end + 1,
            Bound::Excluded(&end) => end,
        };
        assert!(start <= end && end <= self.len, "no range {start}..{end} in {}", self.len);
        start..end
    }

    /// Takes the elements of a range out. Those not taken from the iterator are dropped with it.
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_, T, A> {
        let range = self.indices(range);
        // Until the gap is closed, the elements from it on are not the queue's.
        let len = mem::replace(&mut self.len, range.start);
        Drain::new(self, range, len)
    }

    /// Where an equal element is, or would be, in a queue in order.
    pub fn binary_search(&self, element: &T) -> Result<usize, usize>
    where
        T: Ord,
    {
        self.binary_search_by(|candidate| candidate.cmp(element))
    }

    /// Where an element is that `compare` finds equal, or would be, in a queue in order.
    pub fn binary_search_by(&self, compare: impl FnMut(&T) -> Ordering) -> Result<usize, usize> {
        let mut compare = compare;
        let (first, second) = self.as_slices();
        match second.first().map(&mut compare) {
            Some(Ordering::Equal) => Ok(first.len()),
            Some(Ordering::Less) => second
                .binary_search_by(compare)
                .map(|index| index + first.len())
                .map_err(|index| index + first.len()),
            _ => first.binary_search_by(compare),
        }
    }

    /// Where an element is with this key, or would be, in a queue in the order of keys.
    pub fn binary_search_by_key<B: Ord>(
        &self,
        key: &B,
        mut key_of: impl FnMut(&T) -> B,
    ) -> Result<usize, usize> {
        self.binary_search_by(|candidate| key_of(candidate).cmp(key))
    }

    /// How many elements there are before the first that `is_before` denies.
    pub fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> usize {
        let side = |is_before| if is_before { Ordering::Less } else { Ordering::Greater };
        self.binary_search_by(|element| side(is_before(element))).unwrap_or_else(|index| index)
    }

    /// Whether an equal element is there.
    pub fn contains(&self, element: &T) -> bool
    where
        T: PartialEq,
    {
        self.iter().any(|candidate| candidate == element)
    }
}
