//! What was allocated in one heap does not fit into another.
//! expect: borrowed data escapes outside of closure

use fileheap::{Heap, Vec};

fn mix(one: &Heap<Vec<'static, Vec<'static, u8>>>, two: &Heap<Vec<'static, Vec<'static, u8>>>) {
    let mut kept = None;
    one.update(|root, _| kept = root.pop()).unwrap();
    two.update(|root, _| root.push(kept.take().unwrap())).unwrap();
}

fn main() {}
