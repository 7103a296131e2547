//! Nor through a shared cell.
//! expect: borrowed data escapes outside of closure

use std::cell::RefCell;
use std::rc::Rc;

use fileheap::{Box, Heap};

fn escape(heap: &Heap<Option<Box<'static, u64>>>) {
    let kept: Rc<RefCell<Option<Box<u64>>>> = Rc::default();
    let also = kept.clone();
    heap.update(move |root, _| *also.borrow_mut() = root.take()).unwrap();
}

fn main() {}
