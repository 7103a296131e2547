//! A read guard stays on its thread; a reference to it may go.
//! expect: E0277
//! expect: cannot be sent between threads safely

use fileheap::Heap;

fn send(heap: &Heap<u64>) {
    let guard = heap.read().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || println!("{}", *guard));
    });
}

fn main() {}
