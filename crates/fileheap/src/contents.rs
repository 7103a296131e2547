//! The collections as programs name them, made by an `Alloc`, and their shapes.

use std::alloc::Layout;
use std::hash::Hash;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

use crate::here::Alloc;
use crate::shape::Book;
use crate::{BTreeMap, BTreeSet, Box, HashMap, HashSet, Persist, String, Vec, VecDeque};

impl<'x> Alloc<'x> {
    /// An empty vector.
    #[must_use]
    pub fn vec<T>(self) -> Vec<'x, T> {
        Vec::new_in(self.here())
    }

    /// An empty vector with room for some elements.
    #[must_use]
    pub fn vec_with_capacity<T>(self, capacity: usize) -> Vec<'x, T> {
        Vec::with_capacity_in(capacity, self.here())
    }

    /// A vector of what an iterator yields.
    #[must_use]
    pub fn vec_from<T>(self, items: impl IntoIterator<Item = T>) -> Vec<'x, T> {
        let mut vec = self.vec();
        vec.extend(items);
        vec
    }

    /// An empty ordered map.
    #[must_use]
    pub fn btree_map<K, V>(self) -> BTreeMap<'x, K, V> {
        BTreeMap::new_in(self.here())
    }

    /// An empty ordered set.
    #[must_use]
    pub fn btree_set<T>(self) -> BTreeSet<'x, T> {
        BTreeSet::new_in(self.here())
    }

    /// An ordered map of what an iterator yields; of entries with equal keys the last one.
    #[must_use]
    pub fn btree_map_from<K: Ord, V>(
        self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> BTreeMap<'x, K, V> {
        BTreeMap::from_iter_in(entries, self.here())
    }

    /// An ordered set of what an iterator yields.
    #[must_use]
    pub fn btree_set_from<T: Ord>(self, values: impl IntoIterator<Item = T>) -> BTreeSet<'x, T> {
        BTreeSet::from_iter_in(values, self.here())
    }

    /// An empty hash map with a seed of its own.
    #[must_use]
    pub fn hash_map<K, V>(self) -> HashMap<'x, K, V> {
        HashMap::new_in(self.here())
    }

    /// An empty hash set with a seed of its own.
    #[must_use]
    pub fn hash_set<T>(self) -> HashSet<'x, T> {
        HashSet::new_in(self.here())
    }

    /// A hash map of what an iterator yields; of entries with equal keys the last one.
    #[must_use]
    pub fn hash_map_from<K: Eq + Hash, V>(
        self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> HashMap<'x, K, V> {
        HashMap::from_iter_in(entries, self.here())
    }

    /// A hash set of what an iterator yields.
    #[must_use]
    pub fn hash_set_from<T: Eq + Hash>(
        self,
        values: impl IntoIterator<Item = T>,
    ) -> HashSet<'x, T> {
        HashSet::from_iter_in(values, self.here())
    }

    /// An empty queue.
    #[must_use]
    pub fn deque<T>(self) -> VecDeque<'x, T> {
        VecDeque::new_in(self.here())
    }

    /// A queue of what an iterator yields.
    #[must_use]
    pub fn deque_from<T>(self, elements: impl IntoIterator<Item = T>) -> VecDeque<'x, T> {
        VecDeque::from_iter_in(elements, self.here())
    }

    /// A string with this text.
    #[must_use]
    pub fn string(self, text: &str) -> String<'x> {
        String::from_str_in(text, self.here())
    }

    /// A value in a box.
    #[must_use]
    pub fn boxed<T>(self, value: T) -> Box<'x, T> {
        Box::new_in(value, self.here())
    }
}

/// An allocator without size for specimens outside of any heap.
#[derive(Clone, Copy)]
struct Outside;

// SAFETY: passes everything on to the global allocator.
unsafe impl Allocator for Outside {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Global.allocate(layout)
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as our caller promises.
        unsafe { Global.deallocate(memory, layout) }
    }
}

/// What a word of a specimen is, by its value.
fn words<const N: usize>(words: [usize; N], meanings: &[(usize, &str)]) -> std::string::String {
    let name = |word: &usize| {
        let found = meanings.iter().find(|(value, _)| value == word);
        found.map_or("other", |(_, meaning)| *meaning)
    };
    words.iter().map(name).collect::<std::vec::Vec<_>>().join(" ")
}

// SAFETY: memory of the heap, owned; the order of its three words is told.
unsafe impl<T: Persist> Persist for Vec<'_, T> {
    type At<'x> = Vec<'x, T::At<'x>>;
    const ANYWHERE: bool = false;

    fn name() -> std::string::String {
        format!("Vec<{}>", T::name())
    }

    fn define(book: &mut Book) {
        if book.knows::<Self>() {
            return;
        }
        book.define::<Self>(1, |block| {
            let mut specimen =
                allocator_api2::vec::Vec::<u64, Outside>::with_capacity_in(7, Outside);
            specimen.extend([1, 2, 3]);
            const { assert!(size_of::<allocator_api2::vec::Vec<u64, Outside>>() == 24) };
            // SAFETY: three words, as asserted: pointer, capacity and length, all initialized.
            let found = unsafe { std::ptr::from_ref(&specimen).cast::<[usize; 3]>().read() };
            let address = specimen.as_ptr() as usize;
            let meanings = [(3, "length"), (specimen.capacity(), "capacity"), (address, "pointer")];
            block.fact(&words(found, &meanings));
        });
        T::define(book);
    }
}

// SAFETY: memory of the heap, owned; one pointer.
unsafe impl<T: Persist> Persist for Box<'_, T> {
    type At<'x> = Box<'x, T::At<'x>>;
    const ANYWHERE: bool = false;

    fn name() -> std::string::String {
        format!("Box<{}>", T::name())
    }

    fn define(book: &mut Book) {
        if book.knows::<Self>() {
            return;
        }
        book.define::<Self>(1, |block| block.fact("an owning pointer"));
        T::define(book);
    }
}

/// Collections of this crate, which tell their layout themselves.
macro_rules! told {
    ($($name:ident $(<$($param:ident),+>)?;)*) => {$(
        // SAFETY: memory of the heap, owned; `layout` tells where everything lies.
        unsafe impl$(<$($param: Persist),+>)? Persist for $name<'_, $($($param),+)?> {
            type At<'x> = $name<'x, $($($param::At<'x>),+)?>;
            const ANYWHERE: bool = false;

            fn name() -> std::string::String {
                let params: &[std::string::String] = &[$($($param::name()),+)?];
                match params {
                    [] => stringify!($name).into(),
                    _ => format!("{}<{}>", stringify!($name), params.join(", ")),
                }
            }

            fn define(book: &mut Book) {
                if book.knows::<Self>() {
                    return;
                }
                book.define::<Self>(1, |block| block.fact(&Self::layout()));
                $($($param::define(book);)+)?
            }
        }
    )*};
}
told! {
    String;
    VecDeque<T>;
    BTreeMap<K, V>;
    BTreeSet<T>;
    HashMap<K, V>;
    HashSet<T>;
}
