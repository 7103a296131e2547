//! Damage in the cells of the catalog: nodes of trees, names, records.
#![no_main]

#[path = "../../crates/fileheap-core/tests/hostile/mod.rs"]
mod hostile;

use std::sync::LazyLock;

use fileheap_core::os::ram::Images;
use hostile::{Choices, TIGHT};

/// The first page of the first zone: the map and the header lie before it.
const CELLS: u64 = 64;

static BASE: LazyLock<(Images, Vec<(usize, usize)>)> = LazyLock::new(|| {
    let images = hostile::sound(TIGHT, false);
    let words = hostile::words(&images, CELLS);
    (images, words)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (base, words) = &*BASE;
    let mut images = base.clone();
    hostile::mutate(&mut images, words, &mut Choices(bytes));
    hostile::exercise(images);
});
