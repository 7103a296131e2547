//! Writing .npy: vectors, matrices and arrays as they lie, in Fortran's order.

use std::io::Write;

use fileheap_core::Result;
use indicatif::ProgressBar;

use super::{ALIGN, MAGIC};
use fileheap_r_layout::Kind;

use crate::forms::{put_bytes, unfit};
use crate::objects::{dim, elements, summary};
use crate::output::cannot_write;
use crate::rserial::Object;
use crate::vectors::{Cell, Elements};

pub fn write(object: &Object<'_>, out: &mut dyn Write, bar: &ProgressBar) -> Result<()> {
    let Some(elements) = elements(object) else {
        let advice = "export its parts, named as name$part, or take --format csv or json";
        return Err(unfit(&summary(object).0, "an array of numpy", advice));
    };
    let shape = dim(object).unwrap_or_else(|| vec![elements.len()]);
    match elements {
        Elements::Numbers(Kind::Logical, bytes) => {
            let words =
                || bytes.chunks_exact(4).map(|at| i32::from_le_bytes([at[0], at[1], at[2], at[3]]));
            if words().any(|word| word == i32::MIN) {
                // A third value: integers as R keeps them.
                return numbers("<i4", &shape, bytes, out, bar);
            }
            let bits: Vec<u8> = words().map(|word| u8::from(word != 0)).collect();
            numbers("|b1", &shape, &bits, out, bar)
        }
        Elements::Numbers(kind, bytes) => {
            let descr = match kind {
                Kind::Integer => "<i4",
                Kind::Double => "<f8",
                Kind::Complex => "<c16",
                _ => "|u1",
            };
            numbers(descr, &shape, bytes, out, bar)
        }
        texts => letters(texts, &shape, out, bar),
    }
}

fn numbers(
    descr: &str,
    shape: &[usize],
    bytes: &[u8],
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    bar.set_length(bytes.len() as u64);
    out.write_all(&header(descr, shape)).map_err(cannot_write)?;
    put_bytes(bytes, out, bar)
}

/// Texts all as long as the longest, in UTF-32, as numpy keeps them.
fn letters(
    texts: &Elements<'_>,
    shape: &[usize],
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    let mut longest = 1;
    for index in 0..texts.len() {
        match texts.cell(index)? {
            Cell::Text(text) => longest = longest.max(text.chars().count()),
            _ => {
                let advice = "numpy's texts know no missing values: take --format csv or json";
                return Err(unfit("a missing text", "an array of numpy", advice));
            }
        }
    }
    bar.set_length((texts.len() * longest * 4) as u64);
    out.write_all(&header(&format!("<U{longest}"), shape)).map_err(cannot_write)?;
    for index in 0..texts.len() {
        let cell = texts.cell(index)?;
        let Cell::Text(text) = &cell else { continue };
        let letters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest);
        let bytes: Vec<u8> = letters.flat_map(u32::to_le_bytes).collect();
        put_bytes(&bytes, out, bar)?;
    }
    Ok(())
}

/// Header of format 1: extents of an array never fill 64 KiB.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let extents: String = match shape {
        [only] => format!("({only},)"),
        all => format!("({})", all.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let fortran = if shape.len() > 1 { "True" } else { "False" };
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {extents}, }}");
    let fixed = MAGIC.len() + 4;
    let total = (fixed + text.len() + 1).next_multiple_of(ALIGN);
    text.extend(std::iter::repeat_n(' ', total - fixed - text.len() - 1));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}
