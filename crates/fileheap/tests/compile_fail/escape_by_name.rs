//! A named root that was taken ends with the guard.
//! expect: cannot move out of `guard` because it is borrowed

use fileheap::{Box, Heap};

fn escape(heap: &Heap<u64>) {
    let mut guard = heap.write().unwrap();
    let taken = guard.split().1.take_named::<Box<u64>>("name").unwrap();
    guard.abort().unwrap();
    drop(taken);
}

fn main() {}
