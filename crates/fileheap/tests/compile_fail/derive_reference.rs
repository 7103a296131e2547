//! A reference is refused, and why.
//! expect: a reference is an address in this process

#[derive(fileheap::Persist)]
struct Bad<'h> {
    name: &'h str,
}

fn main() {}
