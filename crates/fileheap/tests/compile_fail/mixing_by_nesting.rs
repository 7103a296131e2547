//! Nor do two heaps mix where one is written to inside of the other's closure.
//! expect: borrowed data escapes outside of closure

use fileheap::{Heap, Vec};

type Lists = Vec<'static, Vec<'static, u8>>;

fn swap(one: &Heap<Lists>, two: &Heap<Lists>) {
    one.update(|a, _| two.update(|b, _| std::mem::swap(a, b)).unwrap()).unwrap();
}

fn push(one: &Heap<Lists>, two: &Heap<Lists>) {
    one.update(|a, _| two.update(|b, _| b.push(a.pop().unwrap())).unwrap()).unwrap();
}

fn main() {}
