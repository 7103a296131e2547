//! The ring: places, growth, and what happens at the ends.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::{self, offset_of};
use core::ptr::{self, NonNull};
use core::slice;

use allocator_api2::alloc::{Allocator, Global, handle_alloc_error};

use crate::collections::layout::Probe;

/// A queue with two ends, as `std::collections::VecDeque`.
///
/// ```
/// use fileheap::collections::deque::VecDeque;
///
/// let mut queue = VecDeque::from([2, 3]);
/// queue.push_front(1);
/// assert_eq!((queue.pop_back(), queue[0]), (Some(3), 1));
/// ```
#[repr(C)]
pub struct VecDeque<T, A: Allocator = Global> {
    places: NonNull<T>,
    capacity: usize,
    /// The place of the first element.
    head: usize,
    pub(super) len: usize,
    alloc: A,
    owns: PhantomData<T>,
}

// SAFETY: a queue owns its elements and allocator, and shares nothing.
unsafe impl<T: Send, A: Allocator + Send> Send for VecDeque<T, A> {}
// SAFETY: a shared queue gives shared references only.
unsafe impl<T: Sync, A: Allocator + Sync> Sync for VecDeque<T, A> {}

impl<T> VecDeque<T> {
    /// An empty queue in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<T, A: Allocator> VecDeque<T, A> {
    /// An empty queue; it allocates when the first element comes.
    pub fn new_in(alloc: A) -> Self {
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { 0 };
        let places = NonNull::dangling();
        VecDeque { places, capacity, head: 0, len: 0, alloc, owns: PhantomData }
    }

    /// An empty queue with place for so many elements.
    pub fn with_capacity_in(capacity: usize, alloc: A) -> Self {
        let mut queue = Self::new_in(alloc);
        queue.reserve_exact(capacity);
        queue
    }

    /// A queue of these elements.
    pub fn from_iter_in(elements: impl IntoIterator<Item = T>, alloc: A) -> Self {
        let mut queue = Self::new_in(alloc);
        queue.extend(elements);
        queue
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many elements there is place for without growing.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where the queue's memory comes from.
    pub fn allocator(&self) -> &A {
        &self.alloc
    }

    /// What the words of a queue are, as this compiler lays them out.
    pub fn layout() -> String {
        let mut probe = Probe::of::<Self>("VecDeque");
        probe.word("places", offset_of!(Self, places));
        probe.word("capacity", offset_of!(Self, capacity));
        probe.word("head", offset_of!(Self, head));
        probe.word("len", offset_of!(Self, len));
        probe.word("alloc", offset_of!(Self, alloc));
        probe.text()
    }

    /// Where element `index` is or would be; `index < capacity`.
    pub(super) fn place(&self, index: usize) -> *mut T {
        let room = self.capacity - self.head;
        let place = if index < room { self.head + index } else { index - room };
        // SAFETY: `place < capacity`, so it is within the buffer.
        unsafe { self.places.as_ptr().add(place) }
    }

    /// How many places follow that of `index` before the buffer ends.
    fn room_from(&self, index: usize) -> usize {
        let room = self.capacity - self.head;
        if index < room { room - index } else { self.capacity - (index - room) }
    }

    /// The elements from `start` up to `end`, in two pieces.
    pub(super) fn pieces(&self, start: usize, end: usize) -> (*mut [T], *mut [T]) {
        let count = end - start;
        if count == 0 {
            let none = ptr::slice_from_raw_parts_mut(NonNull::dangling().as_ptr(), 0);
            return (none, none);
        }
        let first = count.min(self.room_from(start));
        (
            ptr::slice_from_raw_parts_mut(self.place(start), first),
            ptr::slice_from_raw_parts_mut(self.places.as_ptr(), count - first),
        )
    }

    /// Moves `count` elements from `from` on to where those from `to` on are, bit by bit.
    pub(super) unsafe fn shift(&mut self, from: usize, to: usize, count: usize) {
        let mut done = 0;
        while done < count {
            let (source, target, step);
            if to < from {
                (source, target) = (from + done, to + done);
                step = self.room_from(source).min(self.room_from(target)).min(count - done);
            } else {
                // Backwards: the piece that ends where the rest ends.
                let rest = count - done;
                let behind = |end: usize| self.capacity - self.room_from(end - 1) + 1;
                step = behind(from + rest).min(behind(to + rest)).min(rest);
                (source, target) = (from + rest - step, to + rest - step);
            }
            // SAFETY: both pieces are within the buffer, says the caller, and do not go round.
            unsafe { ptr::copy(self.place(source), self.place(target), step) };
            done += step;
        }
    }

    /// Makes place for so many elements more.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.len.checked_add(additional).expect("capacity overflow");
        if needed > self.capacity {
            self.grow(needed.max(self.capacity * 2).max(4));
        }
    }

    /// Makes place for exactly so many elements more.
    pub fn reserve_exact(&mut self, additional: usize) {
        let needed = self.len.checked_add(additional).expect("capacity overflow");
        if needed > self.capacity {
            self.grow(needed);
        }
    }

    #[cold]
    fn grow(&mut self, capacity: usize) {
        let layout = Layout::array::<T>(capacity).expect("capacity overflow");
        let old = Layout::array::<T>(self.capacity).expect("it is allocated");
        let grown = if self.capacity == 0 {
            self.alloc.allocate(layout)
        } else {
            // SAFETY: the buffer came from this allocator with this layout, which is smaller.
            unsafe { self.alloc.grow(self.places.cast(), old, layout) }
        };
        let Ok(grown) = grown else { handle_alloc_error(layout) };
        let (was, head) = (self.capacity, self.head);
        self.places = grown.cast();
        self.capacity = capacity;
        if head + self.len > was {
            // What lies at the old end goes to the new one.
            let tail = was - head;
            self.head = capacity - tail;
            // SAFETY: both are within the new buffer.
            unsafe {
                let places = self.places.as_ptr();
                ptr::copy(places.add(head), places.add(self.head), tail);
            }
        }
    }

    /// Gives back what place there is too much, down to `capacity`.
    pub fn shrink_to(&mut self, capacity: usize) {
        let capacity = capacity.max(self.len);
        if size_of::<T>() == 0 || capacity >= self.capacity {
            return;
        }
        let layout = Layout::array::<T>(capacity).expect("less than there was");
        let old = Layout::array::<T>(self.capacity).expect("it is allocated");
        let places = if capacity == 0 {
            NonNull::dangling()
        } else {
            let Ok(places) = self.alloc.allocate(layout) else { handle_alloc_error(layout) };
            places.cast::<T>()
        };
        let (first, second) = self.pieces(0, self.len);
        // SAFETY: the elements move to the new buffer, the old one came from this allocator.
        unsafe {
            ptr::copy_nonoverlapping(first.cast::<T>(), places.as_ptr(), first.len());
            let behind = places.as_ptr().add(first.len());
            ptr::copy_nonoverlapping(second.cast::<T>(), behind, second.len());
            self.alloc.deallocate(self.places.cast(), old);
        }
        (self.places, self.capacity, self.head) = (places, capacity, 0);
    }

    /// Gives back what place there is too much.
    pub fn shrink_to_fit(&mut self) {
        self.shrink_to(0);
    }

    /// The elements, in two pieces: as far as the buffer's end, and what went round.
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let (first, second) = self.pieces(0, self.len);
        // SAFETY: these are all elements, borrowed with the queue.
        unsafe { (&*first, &*second) }
    }

    /// The elements in two pieces, to be changed.
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let (first, second) = self.pieces(0, self.len);
        // SAFETY: these are all elements, in two pieces that do not overlap.
        unsafe { (&mut *first, &mut *second) }
    }

    /// Moves the elements so that they are one slice.
    pub fn make_contiguous(&mut self) -> &mut [T] {
        if size_of::<T>() == 0 {
            self.head = 0;
        } else if self.head + self.len > self.capacity {
            // The elements at the end of the buffer move next to those at its start, and all are
            // then brought into order.
            let tail = self.capacity - self.head;
            let wrapped = self.len - tail;
            let places = self.places.as_ptr();
            // SAFETY: all within the buffer; afterwards its first `len` places are initialized.
            let all = unsafe {
                ptr::copy(places.add(self.head), places.add(wrapped), tail);
                slice::from_raw_parts_mut(places, self.len)
            };
            all.rotate_left(wrapped);
            self.head = 0;
        }
        self.as_mut_slices().0
    }

    /// Appends an element.
    pub fn push_back(&mut self, element: T) {
        self.reserve(1);
        // SAFETY: there is place behind the last element.
        unsafe { self.place(self.len).write(element) };
        self.len += 1;
    }

    /// Puts an element before all others.
    pub fn push_front(&mut self, element: T) {
        self.reserve(1);
        self.head = if self.head == 0 { self.capacity - 1 } else { self.head - 1 };
        self.len += 1;
        // SAFETY: the place before the first element is free.
        unsafe { self.place(0).write(element) };
    }

    /// Removes the last element.
    pub fn pop_back(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: it was an element, and is none any more.
        Some(unsafe { self.place(self.len).read() })
    }

    /// Removes the first element.
    pub fn pop_front(&mut self) -> Option<T> {
        let rest = self.len.checked_sub(1)?;
        // SAFETY: it was an element, and is none any more.
        let element = unsafe { self.place(0).read() };
        self.head = if self.head + 1 == self.capacity { 0 } else { self.head + 1 };
        self.len = rest;
        Some(element)
    }

    /// Cuts behind so many elements.
    pub fn truncate(&mut self, len: usize) {
        let (first, second) = self.pieces(len.min(self.len), self.len);
        self.len = self.len.min(len);
        // SAFETY: these are no elements of the queue any more; if dropping one panics, the other
        // piece is dropped still.
        unsafe {
            let _second = DropLater(second);
            ptr::drop_in_place(first);
        }
    }
}

/// Drops a piece at the end of a scope, come what may.
struct DropLater<T>(*mut [T]);

impl<T> Drop for DropLater<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else drops these elements.
        unsafe { ptr::drop_in_place(self.0) }
    }
}

impl<T, A: Allocator> Drop for VecDeque<T, A> {
    fn drop(&mut self) {
        struct Free<'a, T, A: Allocator>(&'a mut VecDeque<T, A>);
        impl<T, A: Allocator> Drop for Free<'_, T, A> {
            fn drop(&mut self) {
                let capacity = mem::take(&mut self.0.capacity);
                if size_of::<T>() > 0 && capacity > 0 {
                    let layout = Layout::array::<T>(capacity).expect("it is allocated");
                    // SAFETY: the buffer came from this allocator with this layout.
                    unsafe { self.0.alloc.deallocate(self.0.places.cast(), layout) };
                }
            }
        }
        Free(self).0.truncate(0);
    }
}
