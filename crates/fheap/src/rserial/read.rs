//! Reading R's serialization: every length is held against the bytes that are there.

use std::borrow::Cow;

use fileheap_core::{Error, ErrorKind, Result};

use super::{Body, Object, first_number, first_text, text_object, texts_of};
use fileheap_r_layout::Kind;

use crate::vectors::{Cell, Elements};

/// So deep may objects lie in one another.
const DEPTH_MAX: u32 = 500;

/// Reads one object in binary form, version 2 or 3.
pub fn read(bytes: &[u8]) -> Result<Object<'static>> {
    let mut reader = Reader { rest: bytes, total: bytes.len(), names: Vec::new(), depth: 0 };
    if reader.take(2)? != b"X\n" {
        return Err(reader.damaged("expected R's binary serialization"));
    }
    let version = reader.int()?;
    reader.take(8)?;
    match version {
        2 => {}
        3 => {
            let count = reader.count()?;
            reader.take(count)?;
        }
        _ => return Err(reader.damaged("a version of R's serialization that is not known")),
    }
    reader.object().map(|object| object.unwrap_or_else(|name| text_object(&name)))
}

struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
    /// What later items refer to: names of symbols, "" for environments.
    names: Vec<String>,
    depth: u32,
}

/// A symbol is a name, not a value.
type Item = std::result::Result<Object<'static>, String>;

impl<'a> Reader<'a> {
    fn damaged(&self, what: &str) -> Error {
        let at = self.total - self.rest.len();
        let what = format!("{what}, at byte {at} of an object of R's");
        Error::new(ErrorKind::Corrupt, what).advice("run `fheap check` on the heap")
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.rest.len() {
            return Err(self.damaged("a serialization that ends too early"));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }

    fn count(&mut self) -> Result<usize> {
        let short = self.int()?;
        if short != -1 {
            return usize::try_from(short).map_err(|_| self.damaged("a negative length"));
        }
        let (high, low) = (self.int()? as u32, self.int()? as u32);
        Ok((u64::from(high) << 32 | u64::from(low)) as usize)
    }

    fn value(&mut self) -> Result<Object<'static>> {
        Ok(self.object()?.unwrap_or_else(|name| text_object(&name)))
    }

    fn object(&mut self) -> Result<Item> {
        if self.depth == DEPTH_MAX {
            return Err(self.damaged("objects nested too deep"));
        }
        self.depth += 1;
        let flags = self.int()? as u32;
        let item = self.item(flags);
        self.depth -= 1;
        item
    }

    fn item(&mut self, flags: u32) -> Result<Item> {
        let has_attributes = flags & 1 << 9 != 0;
        let body = match flags & 0xff {
            254 => Body::Null,
            241 | 242 | 247..=253 => return self.named_thing(flags & 0xff).map(Ok),
            255 => {
                let index = match flags >> 8 {
                    0 => self.int()? as u32,
                    index => index,
                };
                let name = self.names.get((index as usize).wrapping_sub(1)).cloned();
                return name.map(Err).ok_or_else(|| self.damaged("a reference to nothing"));
            }
            1 => {
                let flags = self.int()? as u32;
                let name = self.chars(flags)?.unwrap_or_default().into_owned();
                self.names.push(name.clone());
                return Ok(Err(name));
            }
            2..=6 | 17 | 239 | 240 => return self.pairs(flags).map(Ok),
            7 | 8 => {
                let count = self.count()?;
                self.take(count)?;
                Body::Other("builtin function")
            }
            9 => Body::Vector(Elements::Texts(vec![self.chars(flags)?])),
            16 => {
                let count = self.count()?;
                let mut texts = Vec::new();
                for _ in 0..count {
                    let flags = self.int()? as u32;
                    texts.push(self.chars(flags)?);
                }
                Body::Vector(Elements::Texts(texts))
            }
            19 | 20 => {
                let count = self.count()?;
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.value()?);
                }
                Body::List(list)
            }
            22 | 23 => {
                self.names.push(String::new());
                if flags & 0xff == 22 {
                    self.value()?;
                    self.value()?;
                }
                Body::Other("external pointer")
            }
            25 => Body::Other("S4 object"),
            238 => return self.alternative().map(Ok),
            kind => Body::Vector(self.numbers(kind)?),
        };
        let attributes = if has_attributes { self.attributes()? } else { Vec::new() };
        Ok(Ok(Object { body, attributes }))
    }

    fn numbers(&mut self, kind: u32) -> Result<Elements<'static>> {
        let kind = Kind::of(kind).ok_or_else(|| self.damaged("a type of object not known here"))?;
        let count = self.count()?;
        let size = kind.bytes() as usize;
        let bytes = count.checked_mul(size).ok_or_else(|| self.damaged("too long a vector"))?;
        let mut bytes = self.take(bytes)?.to_vec();
        let word = if kind == Kind::Complex { 8 } else { size };
        bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        Ok(Elements::Numbers(kind, Cow::Owned(bytes)))
    }

    fn chars(&mut self, flags: u32) -> Result<Option<Cow<'static, str>>> {
        if flags & 0xff != 9 {
            return Err(self.damaged("expected a text"));
        }
        let count = self.int()?;
        let Ok(count) = usize::try_from(count) else { return Ok(None) };
        let is_latin1 = flags >> 12 & 1 << 2 != 0;
        let bytes = self.take(count)?;
        let text = match is_latin1 {
            true => bytes.iter().map(|&byte| char::from(byte)).collect(),
            false => String::from_utf8_lossy(bytes).into_owned(),
        };
        Ok(Some(text.into()))
    }

    fn named_thing(&mut self, kind: u32) -> Result<Object<'static>> {
        if (247..=249).contains(&kind) {
            self.int()?;
            for _ in 0..self.count()? {
                let flags = self.int()? as u32;
                self.chars(flags)?;
            }
            self.names.push(String::new());
        }
        Ok(Body::Other("environment").into())
    }

    /// Pairlists become lists with names; closures, calls and environments are read past.
    fn pairs(&mut self, mut flags: u32) -> Result<Object<'static>> {
        if flags & 0xff == 4 {
            self.int()?;
            self.names.push(String::new());
            for _ in 0..4 {
                self.value()?;
            }
            return Ok(Body::Other("environment").into());
        }
        let first = flags & 0xff;
        let (mut list, mut names) = (Vec::new(), Vec::new());
        let mut attributes = Vec::new();
        loop {
            let kind = flags & 0xff;
            if flags & 1 << 9 != 0 || matches!(kind, 239 | 240) {
                attributes = self.attributes()?;
            }
            let tag = flags & 1 << 10 != 0;
            names.push(if tag { self.object()?.err().unwrap_or_default() } else { String::new() });
            list.push(self.value()?);
            flags = self.int()? as u32;
            if !matches!(flags & 0xff, 2 | 239) {
                break;
            }
        }
        if flags & 0xff != 254 {
            // A dotted end: the closing part of functions and the like.
            self.item(flags)
                .map(|item| list.push(item.unwrap_or_else(|name| text_object(&name))))?;
        }
        Ok(match first {
            2 | 17 | 239 => {
                if names.iter().any(|name| !name.is_empty()) {
                    let names = names.into_iter().map(|name| Some(name.into())).collect();
                    let names = Body::Vector(Elements::Texts(names)).into();
                    attributes.push(("names".to_owned(), names));
                }
                Object { body: Body::List(list), attributes }
            }
            3 => Object { body: Body::Other("function"), attributes },
            _ => Object { body: Body::Other("language"), attributes },
        })
    }

    fn attributes(&mut self) -> Result<Vec<(String, Object<'static>)>> {
        let pairs = self.value()?;
        let Body::List(values) = pairs.body else { return Ok(Vec::new()) };
        let names = pairs.attributes.into_iter().next().map(|(_, names)| names.body);
        let Some(Body::Vector(Elements::Texts(names))) = names else { return Ok(Vec::new()) };
        let name = |name: Option<Cow<'static, str>>| name.unwrap_or_default().into_owned();
        Ok(names.into_iter().map(name).zip(values).collect())
    }

    /// An ALTREP object: its class, its state, its attributes.
    fn alternative(&mut self) -> Result<Object<'static>> {
        let class = match self.value()?.body {
            Body::List(parts) => parts.first().and_then(first_text).unwrap_or_default(),
            _ => String::new(),
        };
        let state = self.value()?;
        let attributes = match self.value()? {
            Object { body: Body::Null, .. } => Vec::new(),
            Object { body: Body::List(values), attributes } => {
                let names = attributes.first().map(|(_, names)| texts_of(names));
                names.unwrap_or_default().into_iter().zip(values).collect()
            }
            _ => return Err(self.damaged("expected attributes")),
        };
        let body = self.expand(&class, state)?;
        Ok(Object { body, attributes })
    }

    fn expand(&self, class: &str, state: Object<'static>) -> Result<Body<'static>> {
        match (class, state.body) {
            (class, Body::List(fields)) if class.starts_with("fileheap_") => {
                let id = fields.get(AT_ID).and_then(first_number);
                let id = id.filter(|id| (1.0..9e15).contains(id));
                let id = id.ok_or_else(|| self.damaged("a damaged reference to a vector"))?;
                Ok(Body::Reference(id as u64))
            }
            ("compact_intseq" | "compact_realseq", Body::Vector(state)) => {
                sequence(class == "compact_intseq", &state)
                    .ok_or_else(|| self.damaged("a damaged sequence"))
            }
            (class, Body::List(fields)) if class.starts_with("wrap_") => {
                Ok(fields.into_iter().next().map_or(Body::Null, |inner| inner.body))
            }
            ("deferred_string", Body::List(fields)) => match fields.into_iter().next() {
                Some(Object { body: Body::Vector(numbers), .. }) => as_texts(&numbers),
                _ => Err(self.damaged("a damaged text of numbers")),
            },
            _ => Ok(Body::Other("object of an R package")),
        }
    }
}

/// Where the record's number is in the state of a reference.
const AT_ID: usize = 3;
/// No sequence is longer than what fits into memory as numbers.
const SEQUENCE_MAX: f64 = (1_u64 << 28) as f64;

fn sequence(integers: bool, state: &Elements<'_>) -> Option<Body<'static>> {
    let at = |index| match state.cell(index).ok()? {
        Cell::Double(number) => Some(number),
        _ => None,
    };
    let (count, first, step) = (at(0)?, at(1)?, at(2)?);
    if state.len() < 3 || !(0.0..=SEQUENCE_MAX).contains(&count) {
        return None;
    }
    let value = |index: usize| first + step * index as f64;
    let indices = 0..count as usize;
    Some(Body::Vector(if integers {
        let bytes = indices.flat_map(|index| (value(index) as i32).to_le_bytes()).collect();
        Elements::Numbers(Kind::Integer, Cow::Owned(bytes))
    } else {
        let bytes = indices.flat_map(|index| value(index).to_le_bytes()).collect();
        Elements::Numbers(Kind::Double, Cow::Owned(bytes))
    }))
}

fn as_texts(numbers: &Elements<'_>) -> Result<Body<'static>> {
    let text = |index| {
        let cell = numbers.cell(index)?;
        Ok((cell != Cell::Missing).then(|| Cow::Owned(crate::text::plain(&cell))))
    };
    let texts = (0..numbers.len()).map(text).collect::<Result<_>>()?;
    Ok(Body::Vector(Elements::Texts(texts)))
}
