//! Addresses of functions, of anything, and of code behind a trait.
//! expect: store an enum that says which function is meant
//! expect: point with `fileheap::Rel`

#[derive(fileheap::Persist)]
struct Function {
    f: fn() -> u8,
}

#[derive(fileheap::Persist)]
struct Pointer {
    p: *const u8,
}

fn main() {}
