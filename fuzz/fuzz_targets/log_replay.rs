//! Logs that the bytes describe, with checksums that hold, replayed over a sound heap.
#![no_main]

#[path = "../../crates/fileheap-core/tests/hostile/mod.rs"]
mod hostile;

use std::sync::LazyLock;

use fileheap_core::os::ram::Images;
use hostile::{Choices, ROOMY, TIGHT};

static BASES: LazyLock<[Images; 2]> =
    LazyLock::new(|| [TIGHT, ROOMY].map(|limit| hostile::sound(limit, true)));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let mut images = BASES[choices.number(1) as usize % BASES.len()].clone();
    hostile::forge_log(&mut images, &mut choices);
    hostile::exercise(images);
});
