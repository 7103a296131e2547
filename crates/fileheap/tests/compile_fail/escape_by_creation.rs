//! The right to allocate ends with the closure that makes the root.
//! expect: borrowed data escapes outside of closure

use fileheap::{Alloc, Heap};

fn escape() {
    let mut kept: Option<Alloc<'_>> = None;
    let _ = Heap::<u64>::create("a.heap", |alloc| {
        kept = Some(alloc);
        1
    });
}

fn main() {}
