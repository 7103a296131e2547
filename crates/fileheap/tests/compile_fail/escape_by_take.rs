//! What is moved out of the root cannot outlive the transaction: abort would take its memory.
//! expect: E0505
//! expect: cannot move out of `guard` because it is borrowed

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<Vec<'static, u64>>) {
    let mut guard = heap.write().unwrap();
    let (root, alloc) = guard.split();
    let stolen = std::mem::replace(root, alloc.vec());
    guard.abort().unwrap();
    println!("{stolen:?}");
}

fn main() {}
