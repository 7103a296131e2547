//! What uses types that were refused adds nothing: each is told of once, with all its faults.
//! expect: one lifetime at most
//! expect: a reference is an address in this process
//! expect: a raw pointer is an address in this process
//! expect: a union cannot live in a heap file
//! expect: expected `version`, `name` or `crate`
//! expect: a name in a shape is a word
//! expect: store an enum that says which function is meant
//! expect: no bounds on its parameters
//! errors: 8

use fileheap::{BTreeMap, Heap, Persist, Vec};

#[derive(Persist)]
struct Root<'h> {
    two: Vec<'h, Two<'h, 'h>>,
    by_number: BTreeMap<'h, u64, Addresses<'h>>,
    either: Either,
    word: Word,
    bound: Vec<'h, Bound<'h, u64>>,
}

#[derive(Persist)]
struct Two<'a, 'b> {
    one: Vec<'a, u8>,
    two: Vec<'b, u8>,
}

#[derive(Persist)]
struct Addresses<'h> {
    name: &'h str,
    start: *const u8,
}

#[derive(Persist)]
union Either {
    one: u8,
    two: i8,
}

#[derive(Persist)]
#[persist(colour = "red")]
#[persist(name = "5")]
struct Word {
    call: fn(),
}

#[derive(Persist)]
struct Bound<'h, T: Ord> {
    one: Vec<'h, T>,
}

fn main() {
    let heap = Heap::<Root>::open("a.heap").unwrap();
    heap.update(|root, alloc| {
        root.by_number.insert(1, Addresses { name: "", start: std::ptr::null() });
        root.bound.push(Bound { one: alloc.vec() });
    })
    .unwrap();
    println!("{}", heap.read().unwrap().two.len());
}
