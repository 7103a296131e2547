//! Two Rels may be one: only one of them is changed at a time.
//! expect: cannot borrow `*guard` as mutable more than once at a time

use fileheap::{Rel, Write};

fn both(guard: &mut Write<u64>, one: Rel<u64>, two: Rel<u64>) {
    let one = one.get_mut(guard).unwrap();
    let two = two.get_mut(guard).unwrap();
    *one += *two;
}

fn main() {}
