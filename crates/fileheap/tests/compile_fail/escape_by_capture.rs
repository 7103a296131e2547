//! Nor through a variable outside of the closure.
//! expect: borrowed data escapes outside of closure

use fileheap::{Alloc, Heap};

fn escape(heap: &Heap<u64>) {
    let mut kept: Option<Alloc<'_>> = None;
    heap.update(|_, alloc| kept = Some(alloc)).unwrap();
}

fn main() {}
