//! What was cloned from the root that is looked at ends with the guard, too.
//! expect: cannot move out of `guard` because it is borrowed

use fileheap::{Heap, Vec};

fn escape(heap: &Heap<Vec<'static, u64>>) {
    let guard = heap.write().unwrap();
    let copy = guard.peek().clone();
    guard.commit().unwrap();
    drop(copy);
}

fn main() {}
