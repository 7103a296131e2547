//! The right to allocate and the root are got together, or one after the other.
//! expect: cannot borrow `guard` as mutable more than once at a time

use fileheap::{Heap, Vec};

fn beside(heap: &Heap<Vec<'static, u64>>) {
    let mut guard = heap.write().unwrap();
    let (_, alloc) = guard.split();
    let root = guard.root();
    *root = alloc.vec();
}

fn main() {}
