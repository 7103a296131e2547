//! A box of a trait: it would hold the address of code.
//! expect: `dyn Send` cannot live in a heap file

use fileheap::{Box, Persist};

#[derive(Persist)]
struct Bad<'h> {
    one: Box<'h, dyn Send>,
}

fn main() {}
