//! Nor through a channel, undropped.
//! expect: borrowed data escapes outside of closure

use std::mem::ManuallyDrop;
use std::sync::mpsc::channel;

use fileheap::{Box, Heap};

fn escape(heap: &Heap<Option<Box<'static, u64>>>) {
    let (sender, _receiver) = channel();
    heap.update(|root, _| sender.send(ManuallyDrop::new(root.take())).unwrap()).unwrap();
}

fn main() {}
