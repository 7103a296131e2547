//! An enum that carries data without a fixed layout.
//! expect: add `#[repr(u8)]`

#[derive(fileheap::Persist)]
enum Bad {
    One(u8),
    Two,
}

fn main() {}
