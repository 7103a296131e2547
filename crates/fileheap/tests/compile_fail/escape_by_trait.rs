//! A trait hides no lifetime.
//! expect: lifetime may not live long enough

use fileheap::{Box, Heap};

trait Keep<'x> {
    fn keep(&mut self, value: Option<Box<'x, u64>>);
}

struct Keeper(Option<Box<'static, u64>>);

impl<'x> Keep<'x> for Keeper {
    fn keep(&mut self, value: Option<Box<'x, u64>>) {
        self.0 = value;
    }
}

fn escape(heap: &Heap<Option<Box<'static, u64>>>, keeper: &mut Keeper) {
    heap.update(|root, _| keeper.keep(root.take())).unwrap();
}

fn main() {}
