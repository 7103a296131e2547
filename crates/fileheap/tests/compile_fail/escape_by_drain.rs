//! An iterator that takes values out ends with the closure, too.
//! expect: lifetime may not live long enough

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<Vec<'static, u64>>) {
    let _ = heap.update(|root, _| root.drain(..));
}

fn main() {}
