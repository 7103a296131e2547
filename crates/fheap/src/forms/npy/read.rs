//! Reading .npy: numbers of every width and order become vectors as R has them.

use std::borrow::Cow;

use fileheap_core::{Error, ErrorKind, Result};

use super::MAGIC;
use fileheap_r_layout::Kind;

use crate::vectors::Elements;

/// What numpy has at most.
const AXES_MAX: usize = 64;

/// An array in Fortran's order.
#[derive(Debug)]
pub struct Array {
    pub elements: Elements<'static>,
    pub dim: Vec<usize>,
}

/// What the header says.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

fn bad(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
        .advice("save plain numbers, truth values or texts with numpy.save")
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let (header, data) = split(bytes)?;
    let header = parse(header).ok_or_else(|| bad("the header of the .npy file makes no sense"))?;
    let size = width(&header.descr)?;
    let length = header.shape.iter().try_fold(1_usize, |all, &extent| all.checked_mul(extent));
    let wanted = length.and_then(|length| length.checked_mul(size));
    if wanted != Some(data.len()) {
        let shape = &header.shape;
        let found = data.len();
        return Err(bad(format!(
            "an array of shape {shape:?} and {} in {found} bytes",
            header.descr
        )));
    }
    // Without elements there is no order, and extents beside a zero may be of any size.
    let data = match header.fortran || header.shape.len() < 2 || data.is_empty() {
        true => Cow::Borrowed(data),
        false => Cow::Owned(turned(data, &header.shape, size)),
    };
    Ok(Array { elements: convert(&header.descr, size, &data)?, dim: header.shape })
}

fn split(bytes: &[u8]) -> Result<(&str, &[u8])> {
    let short = || bad("the file ends within the header of an array");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("the file is no .npy array"))?;
    let (&major, rest) = rest.split_first().ok_or_else(short)?;
    let rest = rest.get(1..).ok_or_else(short)?;
    let field = if major == 1 { 2 } else { 4 };
    if !(1..=3).contains(&major) {
        return Err(bad(format!("the .npy file has format {major}, 1 to 3 are known")));
    }
    let length = rest.get(..field).ok_or_else(short)?;
    let length = length.iter().rev().fold(0_usize, |all, &byte| all << 8 | usize::from(byte));
    let text = rest.get(field..).and_then(|rest| rest.get(..length)).ok_or_else(short)?;
    let text = std::str::from_utf8(text).map_err(|_| bad("a header that is no text"))?;
    Ok((text, &rest[field + length..]))
}

/// The three entries of the dictionary that numpy writes.
fn parse(text: &str) -> Option<Header> {
    let after = |key: &str| {
        let (_, rest) = text.split_once(&format!("'{key}'"))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let descr = after("descr")?.strip_prefix('\'')?.split('\'').next()?.to_owned();
    let fortran = after("fortran_order")?.starts_with("True");
    let (shape, _) = after("shape")?.strip_prefix('(')?.split_once(')')?;
    let extents = shape.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape = extents.map(|extent| extent.parse().ok()).collect::<Option<Vec<_>>>()?;
    (shape.len() <= AXES_MAX).then_some(Header { descr, fortran, shape })
}

fn width(descr: &str) -> Result<usize> {
    let unknown = || bad(format!("arrays of type {descr:?} are not known"));
    let mut parts = descr.chars();
    let (_, kind) = (parts.next(), parts.next().ok_or_else(unknown)?);
    let count: usize = parts.as_str().parse().map_err(|_| unknown())?;
    let known = match kind {
        'b' => count == 1,
        'i' | 'u' => [1, 2, 4, 8].contains(&count),
        'f' => [2, 4, 8].contains(&count),
        'c' => [8, 16].contains(&count),
        'U' | 'S' => count > 0,
        _ => false,
    };
    match (known, kind) {
        (true, 'U') => count.checked_mul(4).ok_or_else(unknown),
        (true, _) => Ok(count),
        _ => Err(unknown()),
    }
}

/// Elements in C's order put into Fortran's.
fn turned(data: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = vec![size; shape.len()];
    for axis in (0..shape.len() - 1).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let mut out = Vec::with_capacity(data.len());
    let mut at = vec![0; shape.len()];
    while out.len() < data.len() {
        let from: usize = at.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        out.extend_from_slice(&data[from..from + size]);
        for (index, &extent) in at.iter_mut().zip(shape) {
            *index += 1;
            if *index < extent {
                break;
            }
            *index = 0;
        }
    }
    out
}

fn convert(descr: &str, size: usize, data: &[u8]) -> Result<Elements<'static>> {
    let big = descr.starts_with('>');
    let kind = descr.chars().nth(1).unwrap_or_default();
    let part = if kind == 'c' { size / 2 } else { size };
    // Each number as eight bytes, the least first, filled up with its sign where it has one.
    let words = |signed: bool| {
        data.chunks_exact(part).map(move |bytes| {
            let ordered = |at: usize| if big { bytes[part - 1 - at] } else { bytes[at] };
            let fill = if signed && ordered(part - 1) >> 7 == 1 { 0xff } else { 0 };
            let byte = |at| if at < part { ordered(at) } else { fill };
            u64::from_le_bytes(std::array::from_fn(byte))
        })
    };
    let doubles = |all: Vec<f64>| {
        let bytes = all.into_iter().flat_map(f64::to_le_bytes).collect();
        Elements::Numbers(Kind::Double, Cow::Owned(bytes))
    };
    let float = |word: u64| match part {
        2 => half(word as u16),
        4 => f64::from(f32::from_bits(word as u32)),
        _ => f64::from_bits(word),
    };
    Ok(match kind {
        'b' => integers(Kind::Logical, words(false).map(|word| i32::from(word != 0))),
        'u' if size == 1 => Elements::Numbers(Kind::Raw, Cow::Owned(data.to_vec())),
        'i' | 'u' => {
            let all: Vec<i128> = match kind {
                'i' => words(true).map(|word| i128::from(word as i64)).collect(),
                _ => words(false).map(i128::from).collect(),
            };
            // R's integers have 32 bits, and the lowest of them means that one is missing.
            if all.iter().all(|&number| i32::try_from(number).is_ok_and(|it| it != i32::MIN)) {
                integers(Kind::Integer, all.into_iter().map(|number| number as i32))
            } else if all.iter().all(|number| number.abs() <= 1 << 53) {
                doubles(all.into_iter().map(|number| number as f64).collect())
            } else {
                return Err(bad("integers beyond 2^53 lose digits as doubles"));
            }
        }
        'f' => doubles(words(false).map(float).collect()),
        'c' => {
            let bytes = words(false).map(float).flat_map(f64::to_le_bytes).collect();
            Elements::Numbers(Kind::Complex, Cow::Owned(bytes))
        }
        'U' => texts(data.chunks_exact(size).map(|bytes| utf32(bytes, big)))?,
        _ => texts(data.chunks_exact(size).map(|bytes| {
            let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            let text = std::str::from_utf8(&bytes[..end]).ok()?;
            Some(text.to_owned())
        }))?,
    })
}

/// A number of 16 bits: a sign, 5 bits of exponent, 10 of fraction.
fn half(word: u16) -> f64 {
    let (exponent, fraction) = (i32::from(word >> 10 & 31), f64::from(word & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if word >> 15 == 1 { -size } else { size }
}

fn integers(kind: Kind, all: impl Iterator<Item = i32>) -> Elements<'static> {
    Elements::Numbers(kind, Cow::Owned(all.flat_map(i32::to_le_bytes).collect()))
}

/// Texts, none of which may be None: that is one whose bytes are no characters.
fn texts(all: impl Iterator<Item = Option<String>>) -> Result<Elements<'static>> {
    let one = |(at, text): (usize, Option<String>)| match text {
        Some(text) => Ok(Some(Cow::Owned(text))),
        None => {
            let advice = "decode bytes with numpy.strings.decode first";
            Err(bad(format!("element {at} is no Unicode text")).advice(advice))
        }
    };
    all.enumerate().map(one).collect::<Result<_>>().map(Elements::Texts)
}

fn utf32(bytes: &[u8], big: bool) -> Option<String> {
    let letter = |at: &[u8]| {
        let four = [at[0], at[1], at[2], at[3]];
        let code = if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        char::from_u32(code)
    };
    let text: String = bytes.chunks_exact(4).map(letter).collect::<Option<_>>()?;
    Some(text.trim_end_matches('\0').to_owned())
}
