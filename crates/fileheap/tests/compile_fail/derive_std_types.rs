//! Types of the standard library that own memory of the process.
//! expect: String` cannot live in a heap file
//! expect: Vec<u8>` cannot live in a heap file
//! expect: Rc<u8>` cannot live in a heap file
//! expect: Mutex<u8>` cannot live in a heap file
//! expect: Cell<u8>` cannot live in a heap file
//! expect: Box<u8>` cannot live in a heap file
//! expect: use those of `fileheap`

#[derive(fileheap::Persist)]
struct Bad {
    a: String,
    b: Vec<u8>,
    c: std::rc::Rc<u8>,
    d: std::sync::Mutex<u8>,
    e: std::cell::Cell<u8>,
    f: Box<u8>,
}

fn main() {}
