//! What a migration is given stays in it.
//! expect: borrowed data escapes outside of closure

use std::cell::RefCell;
use std::rc::Rc;

use fileheap::{Heap, Vec};

fn escape(kept: Rc<RefCell<Option<Vec<'static, u64>>>>) {
    let _ = Heap::<u64>::options().migrate::<Vec<'static, u64>, u64>(move |old, _| {
        *kept.borrow_mut() = Some(old);
        0
    });
}

fn main() {}
