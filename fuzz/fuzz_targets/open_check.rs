//! Damage anywhere in a heap and its logs, then everything one does with a heap.
#![no_main]

#[path = "../../crates/fileheap-core/tests/hostile/mod.rs"]
mod hostile;

use std::sync::LazyLock;

use fileheap_core::os::ram::Images;
use hostile::{Choices, ROOMY, TIGHT};

type Base = (Images, Vec<(usize, usize)>);

static BASES: LazyLock<[Base; 4]> = LazyLock::new(|| {
    [(TIGHT, false), (ROOMY, false), (TIGHT, true), (ROOMY, true)].map(|(limit, live)| {
        let images = hostile::sound(limit, live);
        let words = hostile::words(&images, 0);
        (images, words)
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let (base, words) = &BASES[choices.number(1) as usize % BASES.len()];
    let mut images = base.clone();
    hostile::mutate(&mut images, words, &mut choices);
    hostile::exercise(images);
});
