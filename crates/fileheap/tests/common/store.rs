//! A root with some of each, for the tests that follow TMFAlloc's.

use fileheap::{BTreeMap, BTreeSet, Box, Heap, Persist, Vec};

use super::Scratch;

#[derive(Persist, Debug)]
pub struct Store<'h> {
    pub numbers: Vec<'h, u64>,
    pub map: BTreeMap<'h, u64, Vec<'h, u8>>,
    pub set: BTreeSet<'h, (u8, u32)>,
    pub boxed: Option<Box<'h, [u8; 100]>>,
}

pub fn empty(alloc: fileheap::Alloc<'_>) -> Store<'_> {
    Store { numbers: alloc.vec(), map: alloc.btree_map(), set: alloc.btree_set(), boxed: None }
}

pub fn create(scratch: &Scratch) -> Heap<Store<'static>> {
    Heap::<Store>::create(scratch.file("a.heap"), empty).unwrap()
}

pub fn open(scratch: &Scratch) -> Heap<Store<'static>> {
    Heap::<Store>::open(scratch.file("a.heap")).unwrap()
}
