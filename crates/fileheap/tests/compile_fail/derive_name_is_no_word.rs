//! A name must not look like a type's with parameters, or a number's.
//! expect: a name in a shape is a word

#[derive(fileheap::Persist)]
#[persist(name = "5")]
struct Bad;

fn main() {}
