//! What would allocate or free through a borrow is not sent either.
//! expect: E0277
//! expect: cannot be sent between threads safely

use fileheap::{BTreeMap, Heap};

fn send(heap: &Heap<BTreeMap<'static, u64, u64>>) {
    heap.update(|root, _| {
        let entry = root.entry(1);
        std::thread::scope(|scope| {
            scope.spawn(move || drop(entry.insert_entry(2)));
        });
    })
    .unwrap();
}

fn main() {}
