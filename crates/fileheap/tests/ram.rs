//! The face on plain memory: no file, no system call. Plain memory cannot be had at an address of
//! choice, so only position-independent types can live there.

mod common;

use common::refused;
use fileheap::{ErrorKind, Heap, Persist, Rel, Vec};
use fileheap_core::os::ram::{RamDisk, RamHost};

#[derive(Persist)]
struct Node {
    number: u64,
    next: Option<Rel<Node>>,
}

fn host() -> Box<RamHost> {
    let bytes = fileheap_core::format::INITIAL_BYTES;
    Box::new(RamHost::create(&RamDisk::new(), bytes).unwrap())
}

#[test]
fn a_heap_in_memory_is_a_heap() {
    let options = Heap::<Option<Rel<Node>>>::options().limit_bytes(16 << 20);
    // SAFETY: the engine's own host.
    let heap = unsafe { options.create_on(host(), |_| None) }.unwrap();
    heap.try_update(|first, alloc| {
        for number in 0..100 {
            *first = Some(alloc.make::<Node>(Node { number, next: *first })?);
        }
        Ok::<_, fileheap::Error>(())
    })
    .unwrap();
    let mut guard = heap.write().unwrap();
    *guard.root() = None;
    guard.abort().unwrap();
    let read = heap.read().unwrap();
    let (mut at, mut sum) = (*read, 0);
    while let Some(node) = at {
        let node = node.get(&read).unwrap();
        (at, sum) = (node.next, sum + node.number);
    }
    assert_eq!(sum, 4950);
    assert!(heap.check().unwrap().is_clean());
}

#[test]
fn types_with_addresses_are_refused_there() {
    let options = Heap::<Vec<u8>>::options().limit_bytes(16 << 20);
    // SAFETY: the engine's own host.
    let heap = unsafe { options.create_on(host(), |alloc| alloc.vec()) };
    refused(heap, ErrorKind::AddressTaken, &["address"]);
}
