//! The standard library's own collections in a heap, through its unstable allocator trait:
//! `RUSTC_BOOTSTRAP=1 cargo test -p fileheap --features nightly --test nightly`.
#![cfg(feature = "nightly")]
#![feature(allocator_api, btreemap_alloc)]

mod common;

use common::*;
use fileheap::Heap;

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
