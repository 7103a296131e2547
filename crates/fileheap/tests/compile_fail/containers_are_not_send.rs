//! Nor does what owns file memory, not even by reference: a clone would allocate elsewhere.
//! expect: E0277
//! expect: cannot be shared between threads safely

use fileheap::{Heap, Vec};

fn share(heap: &Heap<Vec<'static, u64>>) {
    heap.update(|_, alloc| {
        let own = alloc.vec_from(0..3_u64);
        std::thread::scope(|scope| {
            scope.spawn(|| println!("{}", own.len()));
        });
    })
    .unwrap();
}

fn main() {}
