//! The standard library's own collections in a heap, through its unstable allocator trait:
//! `RUSTC_BOOTSTRAP=1 cargo test -p fileheap --features nightly --test nightly`.
#![cfg(feature = "nightly")]
#![feature(allocator_api, btreemap_alloc)]

mod common;

use common::*;
use fileheap::{ErrorKind, Heap};

#[test]
fn collections_of_the_standard_library_work_in_a_transaction() {
    let scratch = Scratch::new("nightly-1");
    let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 0).unwrap();
    heap.update(|root, alloc| {
        let mut map = std::collections::BTreeMap::new_in(alloc.here());
        let mut queue = std::collections::VecDeque::new_in(alloc.here());
        for number in 0..10_000_u64 {
            map.insert(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number);
            queue.push_front(std::boxed::Box::new_in(number, alloc.here()));
        }
        let mut vec = std::vec::Vec::new_in(alloc.here());
        vec.extend(map.into_values());
        vec.sort_unstable();
        assert!(vec.iter().copied().eq(0..10_000));
        *root = queue.iter().map(|boxed| **boxed).sum();
    })
    .unwrap();
    assert_eq!(*heap.read().unwrap(), 9_999 * 5_000);
    clean(&heap);
}

#[test]
fn without_space_they_get_other_memory_and_the_transaction_an_error() {
    let scratch = Scratch::new("nightly-2");
    let options = Heap::<u64>::options().limit_bytes(4 << 20);
    let heap = options.create(scratch.file("a.heap"), |_| 0).unwrap();
    let full = heap.update(|root, alloc| {
        let mut map = std::collections::BTreeMap::new_in(alloc.here());
        map.extend((0..300_000_u64).map(|number| (number, number)));
        assert!(map.iter().all(|(key, value)| key == value));
        // Containers there are this heap's.
        let mut rows = std::vec::Vec::new_in(alloc.here());
        rows.resize_with(10_000, || alloc.vec::<u8>());
        assert_eq!(rows.clone().len(), 10_000);
        *root = map.len() as u64;
    });
    refused(full, ErrorKind::LimitReached, &["a.heap"]);
    assert_eq!(*heap.read().unwrap(), 0);
    clean(&heap);
}
