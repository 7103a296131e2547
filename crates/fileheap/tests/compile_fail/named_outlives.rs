//! A named root that is looked at ends with the guard.
//! expect: cannot move out of `read` because it is borrowed

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<u64>) {
    let read = heap.read().unwrap();
    let named = read.named::<Vec<'static, u64>>("name").unwrap();
    drop(read);
    println!("{named:?}");
}

fn main() {}
