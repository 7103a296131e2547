//! Owning iterators of the ordered map, which also drop it.

use core::fmt;
use core::iter::FusedIterator;
use core::mem::ManuallyDrop;

use allocator_api2::alloc::Allocator;

use super::iter::Span;
use super::map::BTreeMap;
use super::node::Node;

/// Entries in order, by value. Nodes are freed when it is dropped.
pub struct IntoIter<K, V, A: Allocator> {
    span: Span<K, V>,
    map: ManuallyDrop<BTreeMap<K, V, A>>,
}

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// Drops entries and frees nodes; the allocator is the caller's to drop.
    pub(super) fn drop_entries(&mut self) {
        let mut rest = Rest { span: Span::new(self.ends()), map: self };
        rest.drop_all();
    }
}

/// What is left of a map to be dropped. If dropping one entry panics, the others are dropped and
/// the nodes freed nevertheless.
struct Rest<'a, K, V, A: Allocator> {
    span: Span<K, V>,
    map: &'a mut BTreeMap<K, V, A>,
}

impl<K, V, A: Allocator> Rest<'_, K, V, A> {
    fn drop_all(&mut self) {
        if core::mem::needs_drop::<(K, V)>() {
            // SAFETY: the tree is alive, and each entry is dropped here and never seen again.
            while let Some((key, value)) = unsafe { self.span.next() } {
                // SAFETY: as above; the value is dropped even if dropping the key panics.
                unsafe { drop((key.read(), value.read())) };
            }
        }
    }
}

impl<K, V, A: Allocator> Drop for Rest<'_, K, V, A> {
    fn drop(&mut self) {
        self.drop_all();
        if let Some(root) = self.map.root.take() {
            // SAFETY: nothing is left in the nodes, and nobody else has them.
            unsafe { free_under(root, self.map.height, &*self.map.alloc) };
        }
    }
}

/// Frees a node and those below; leaves are not even read.
unsafe fn free_under<K, V, A: Allocator>(node: Node<K, V>, height: usize, alloc: &A) {
    // SAFETY: the nodes are alive, and each is freed once.
    unsafe {
        if height > 0 {
            for index in 0..=node.len() {
                free_under(node.child(index), height - 1, alloc);
            }
        }
        node.free(height, alloc);
    }
}

impl<K, V, A: Allocator> Drop for BTreeMap<K, V, A> {
    fn drop(&mut self) {
        self.drop_entries();
        // SAFETY: nothing uses it after this.
        unsafe { ManuallyDrop::drop(&mut self.alloc) };
    }
}

impl<K, V, A: Allocator> Drop for IntoIter<K, V, A> {
    fn drop(&mut self) {
        let span = self.span.clone();
        let mut rest = Rest { span, map: &mut self.map };
        rest.drop_all();
        drop(rest);
        // SAFETY: nothing uses it after this.
        unsafe { ManuallyDrop::drop(&mut self.map.alloc) };
    }
}

impl<K, V, A: Allocator> IntoIterator for BTreeMap<K, V, A> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, A>;
    fn into_iter(self) -> IntoIter<K, V, A> {
        IntoIter { span: Span::new(self.ends()), map: ManuallyDrop::new(self) }
    }
}

impl<K, V, A: Allocator> Iterator for IntoIter<K, V, A> {
    type Item = (K, V);
    fn next(&mut self) -> Option<(K, V)> {
        // SAFETY: the tree is alive until this is dropped; each entry is read out once.
        let (key, value) = unsafe { self.span.next()? };
        self.map.len -= 1;
        // SAFETY: as above.
        Some(unsafe { (key.read(), value.read()) })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.map.len, Some(self.map.len))
    }
}

impl<K, V, A: Allocator> DoubleEndedIterator for IntoIter<K, V, A> {
    fn next_back(&mut self) -> Option<(K, V)> {
        // SAFETY: as in `next`.
        let (key, value) = unsafe { self.span.next_back()? };
        self.map.len -= 1;
        // SAFETY: as above.
        Some(unsafe { (key.read(), value.read()) })
    }
}

impl<K, V, A: Allocator> ExactSizeIterator for IntoIter<K, V, A> {}
impl<K, V, A: Allocator> FusedIterator for IntoIter<K, V, A> {}

impl<K: fmt::Debug, V: fmt::Debug, A: Allocator> fmt::Debug for IntoIter<K, V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut span = self.span.clone();
        // SAFETY: the entries of the span are still here; they are looked at.
        while let Some((key, value)) = unsafe { span.next() } {
            // SAFETY: as above.
            let entry = unsafe { (&*key, &*value) };
            list.entry(&entry);
        }
        list.finish()
    }
}

/// Half of an entry, by value.
macro_rules! half {
    ($(#[$doc:meta])* $name:ident, $item:ident, $part:tt, $method:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<K, V, A: Allocator>(IntoIter<K, V, A>);

        impl<K, V, A: Allocator> BTreeMap<K, V, A> {
            $(#[$doc])*
            pub fn $method(self) -> $name<K, V, A> {
                $name(self.into_iter())
            }
        }
        impl<K, V, A: Allocator> Iterator for $name<K, V, A> {
            type Item = $item;
            fn next(&mut self) -> Option<$item> {
                self.0.next().map(|entry| entry.$part)
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }
        impl<K, V, A: Allocator> DoubleEndedIterator for $name<K, V, A> {
            fn next_back(&mut self) -> Option<$item> {
                self.0.next_back().map(|entry| entry.$part)
            }
        }
        impl<K, V, A: Allocator> ExactSizeIterator for $name<K, V, A> {}
        impl<K, V, A: Allocator> FusedIterator for $name<K, V, A> {}
    };
}
half!(
    /// Keys in order, by value.
    IntoKeys, K, 0, into_keys);
half!(
    /// Values in the order of their keys, by value.
    IntoValues, V, 1, into_values);
