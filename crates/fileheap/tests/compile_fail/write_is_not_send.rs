//! A write guard stays on its thread.
//! expect: E0277
//! expect: cannot be sent between threads safely

use fileheap::Heap;

fn send(heap: &Heap<u64>) {
    let guard = heap.write().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || guard.commit().unwrap());
    });
}

fn main() {}
