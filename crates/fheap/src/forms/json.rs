//! JSON: type, length, attributes, values; written as it is read, so that length costs no memory.
//! Columns are an object, by their names; where two have the same name, an array beside `names`.

use std::collections::HashSet;
use std::io::Write;

use fileheap_core::Result;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::frame::Reading;
use crate::objects::{elements, row_count, summary};
use crate::output::cannot_write;
use crate::rserial::{Body, Object, texts_of};
use crate::vectors::{Cell, Elements};

pub fn write(object: &Object<'_>, limit: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let failed = |error: serde_json::Error| cannot_write(error.into());
    serde_json::to_writer(&mut *out, &value(object, limit)).map_err(failed)?;
    out.write_all(b"\n").map_err(cannot_write)
}

/// An object that serde can write.
pub fn value<'o>(object: &'o Object<'o>, limit: Option<usize>) -> impl Serialize + 'o {
    Whole { object, limit: limit.unwrap_or(usize::MAX) }
}

struct Whole<'o> {
    object: &'o Object<'o>,
    limit: usize,
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { object, limit } = *self;
        let (what, length) = summary(object);
        let mut map = to.serialize_map(None)?;
        let is_frame = object.is("data.frame");
        let kind = elements(object).filter(|_| !object.is("factor"));
        let kind = kind.map_or(what.as_str(), |elements| elements.kind().name());
        let kind = if is_frame { "data.frame" } else { kind };
        map.serialize_entry("type", kind.split(',').next().unwrap_or(kind))?;
        map.serialize_entry("length", &length)?;
        if is_frame {
            map.serialize_entry("rows", &row_count(object))?;
        }
        let shown = |name: &str| !(is_frame && ["names", "row.names", "class"].contains(&name));
        let attributes: Vec<_> = object.attributes.iter().filter(|(name, _)| shown(name)).collect();
        if !attributes.is_empty() {
            map.serialize_entry("attributes", &Attributes(&attributes))?;
        }
        match &object.body {
            Body::List(parts) if is_frame => {
                let names = object.attribute("names").map(texts_of).unwrap_or_default();
                let columns = Columns::new(&names, parts, limit);
                if !columns.are_distinct {
                    map.serialize_entry("names", &columns.names)?;
                }
                map.serialize_entry("columns", &columns)?;
            }
            Body::List(parts) => {
                let parts: Vec<_> =
                    parts.iter().take(limit).map(|object| Whole { object, limit }).collect();
                map.serialize_entry("values", &parts)?;
            }
            Body::Vector(elements) => {
                let reading = Reading::of(object);
                map.serialize_entry("values", &Values { elements, reading, limit })?;
            }
            _ => {}
        }
        map.end()
    }
}

struct Attributes<'o>(&'o [&'o (String, Object<'o>)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, object) in self.0 {
            match &object.body {
                Body::Vector(elements) => {
                    let values = Values { elements, reading: Reading::Plain, limit: usize::MAX };
                    map.serialize_entry(name, &values)?;
                }
                _ => map.serialize_entry(name, &Whole { object, limit: usize::MAX })?,
            }
        }
        map.end()
    }
}

struct Columns<'o> {
    names: Vec<String>,
    parts: &'o [Object<'o>],
    limit: usize,
    /// No key of a JSON object may come twice: most readers would see the last one only.
    are_distinct: bool,
}

impl<'o> Columns<'o> {
    fn new(names: &[String], parts: &'o [Object<'o>], limit: usize) -> Self {
        let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("V{}", at + 1));
        let names: Vec<String> = (0..parts.len()).map(name).collect();
        let are_distinct = names.iter().collect::<HashSet<_>>().len() == names.len();
        Self { names, parts, limit, are_distinct }
    }
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let columns = self.parts.iter().map(|object| Column { object, limit: self.limit });
        match self.are_distinct {
            true => to.collect_map(self.names.iter().zip(columns)),
            false => to.collect_seq(columns),
        }
    }
}

/// Values alone if it is a vector.
struct Column<'o> {
    object: &'o Object<'o>,
    limit: usize,
}

impl Serialize for Column<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { object, limit } = *self;
        match elements(object) {
            Some(elements) => {
                Values { elements, reading: Reading::of(object), limit }.serialize(to)
            }
            None => Whole { object, limit }.serialize(to),
        }
    }
}

struct Values<'o> {
    elements: &'o Elements<'o>,
    reading: Reading,
    limit: usize,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let count = self.elements.len().min(self.limit);
        let mut list = to.serialize_seq(Some(count))?;
        for index in 0..count {
            let cell = self.elements.cell(index).map_err(S::Error::custom)?;
            put(&mut list, &cell, &self.reading)?;
        }
        list.end()
    }
}

/// Numbers that JSON does not know are texts, missing ones are null.
fn put<L: SerializeSeq>(
    list: &mut L,
    cell: &Cell<'_>,
    reading: &Reading,
) -> std::result::Result<(), L::Error> {
    if let Some(text) = reading.text(cell) {
        return list.serialize_element(&text);
    }
    match cell {
        Cell::Missing => list.serialize_element(&()),
        Cell::Logical(is) => list.serialize_element(is),
        Cell::Integer(number) => list.serialize_element(number),
        Cell::Double(number) if number.is_finite() => list.serialize_element(number),
        Cell::Complex(re, im) if re.is_finite() && im.is_finite() => {
            list.serialize_element(&[re, im])
        }
        Cell::Raw(byte) => list.serialize_element(byte),
        other => list.serialize_element(&crate::text::plain(other)),
    }
}
