//! A parameter that cannot live in a file, and a marker of one.
//! expect: `std::string::String` cannot live in a heap file
//! expect: `*const u8` cannot live in a heap file

use std::marker::PhantomData;

use fileheap::{Heap, Persist};

#[derive(Persist)]
struct Good<T> {
    one: T,
}

#[derive(Persist)]
struct Marked {
    one: PhantomData<*const u8>,
}

fn main() {
    let _ = Heap::<Good<String>>::open("a.heap");
}
