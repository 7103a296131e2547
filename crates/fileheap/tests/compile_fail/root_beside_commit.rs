//! The root is not at hand over a commit.
//! expect: E0499

use fileheap::Heap;

fn beside(heap: &Heap<u64>) {
    let mut guard = heap.write().unwrap();
    let root = guard.root();
    guard.commit_and_continue().unwrap();
    *root += 1;
}

fn main() {}
