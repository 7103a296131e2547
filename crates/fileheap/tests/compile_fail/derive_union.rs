//! A union is refused.
//! expect: a union cannot live in a heap file

#[derive(fileheap::Persist)]
union Bad {
    one: u8,
    two: i8,
}

fn main() {}
