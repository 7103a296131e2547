//! Nothing that owns file memory leaves the closure.
//! expect: lifetime may not live long enough

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<Vec<'static, u64>>) {
    let stolen = heap.update(|root, alloc| std::mem::replace(root, alloc.vec())).unwrap();
    println!("{stolen:?}");
}

fn main() {}
