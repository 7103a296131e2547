//! A reference into a state ends with the guard.
//! expect: E0505
//! expect: cannot move out of `read` because it is borrowed

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<Vec<'static, u64>>) {
    let read = heap.read().unwrap();
    let first = &read[0];
    drop(read);
    println!("{first}");
}

fn main() {}
