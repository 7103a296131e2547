//! More than one lifetime, a lifetime that is not the owner's, bounds.
//! expect: one lifetime at most
//! expect: has the lifetime of its owner: give the type one
//! expect: has the lifetime of its owner: `'h`
//! expect: no bounds on its parameters
//! expect: expected `version`, `name` or `crate`

#[derive(fileheap::Persist)]
struct Two<'a, 'b> {
    one: fileheap::Vec<'a, u8>,
    two: fileheap::Vec<'b, u8>,
}

#[derive(fileheap::Persist)]
struct Static {
    one: fileheap::Vec<'static, u8>,
}

#[derive(fileheap::Persist)]
struct Foreign<'h> {
    one: fileheap::Vec<'h, fileheap::Vec<'static, u8>>,
}

#[derive(fileheap::Persist)]
struct Bound<T: Ord> {
    one: T,
}

#[derive(fileheap::Persist)]
#[persist(colour = "red")]
struct Word {
    one: u8,
}

fn main() {}
