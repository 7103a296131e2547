//! Frames: an object seen as columns of one length: data frame, matrix or vector.

use fileheap_core::Result;
use fileheap_r_layout::Kind;

use super::unfit;
use crate::objects::{dim, elements, row_count, summary};
use crate::rserial::{Body, Object, texts_of};
use crate::text;
use crate::vectors::{Cell, Elements};

/// Columns with headings, and names of rows if there are any.
pub struct Frame<'o> {
    pub rows: usize,
    pub row_names: Option<Vec<String>>,
    pub columns: Vec<Column<'o>>,
    /// How many columns were left out.
    pub more_columns: usize,
}

/// Part of a vector: from `start` on, as many elements as the frame has rows.
pub struct Column<'o> {
    pub name: String,
    elements: &'o Elements<'o>,
    start: usize,
    reading: Reading,
}

/// How the elements of an object with a class are meant.
pub enum Reading {
    Plain,
    /// A factor: numbers of levels.
    Levels(Vec<String>),
    /// A Date: days since 1970.
    Days,
    /// A POSIXct: seconds since 1970.
    Seconds,
}

impl Reading {
    pub fn of(object: &Object<'_>) -> Self {
        if object.is("factor") {
            return Self::Levels(object.attribute("levels").map(texts_of).unwrap_or_default());
        }
        match (object.is("Date"), object.is("POSIXct")) {
            (true, _) => Self::Days,
            (_, true) => Self::Seconds,
            _ => Self::Plain,
        }
    }

    /// What an element stands for, if that is not the element itself.
    pub fn text(&self, cell: &Cell<'_>) -> Option<String> {
        let number = match *cell {
            Cell::Integer(number) => f64::from(number),
            Cell::Double(number) if number.is_finite() => number,
            _ => return None,
        };
        match self {
            Self::Plain => None,
            Self::Levels(levels) => {
                let level = levels.get((number - 1.0) as usize).filter(|_| number >= 1.0);
                Some(level.cloned().unwrap_or_else(|| format!("level {number}?")))
            }
            Self::Days => Some(text::moment((number.floor() as i64).saturating_mul(86400)).0),
            Self::Seconds => {
                let (day, time) = text::moment(number.floor() as i64);
                Some(format!("{day}T{time}{}Z", fraction(number)))
            }
        }
    }
}

/// Parts of a second, if there are any: a double of today has no more than microseconds.
fn fraction(seconds: f64) -> String {
    let parts = ((seconds - seconds.floor()) * 1e6).round().min(999_999.0);
    if parts == 0.0 {
        return String::new();
    }
    format!(".{parts:06}").trim_end_matches('0').to_owned()
}

impl Column<'_> {
    /// An element as text; None if it is missing.
    pub fn text(&self, row: usize) -> Result<Option<String>> {
        let cell = self.elements.cell(self.start + row)?;
        if cell == Cell::Missing {
            return Ok(None);
        }
        Ok(Some(self.reading.text(&cell).unwrap_or_else(|| text::plain(&cell))))
    }

    /// Whether its elements are texts, or levels, or bytes, which are no numbers as they are shown.
    pub fn is_text(&self) -> bool {
        matches!(self.reading, Reading::Levels(_))
            || matches!(self.elements.kind(), Kind::Character | Kind::Raw)
    }

    /// Whether its elements are numbers, to be aligned to the right.
    pub fn is_number(&self) -> bool {
        matches!(self.reading, Reading::Plain) && self.elements.bytes().is_some()
    }
}

/// An object as a frame of at most `widest` columns, if it can be one.
pub fn of<'o>(object: &'o Object<'o>, widest: usize) -> Result<Frame<'o>> {
    match &object.body {
        Body::List(columns) if object.is("data.frame") => data_frame(object, columns, widest),
        Body::Vector(elements) => Ok(match dim(object) {
            Some(dim) if dim.len() == 2 => matrix(object, elements, [dim[0], dim[1]], widest),
            _ => vector(object, elements),
        }),
        _ => {
            let advice = "take --format json";
            Err(unfit(&summary(object).0, "a table", advice))
        }
    }
}

/// Whether a list is a data frame whose columns are all vectors of its length.
pub fn fits(object: &Object<'_>) -> bool {
    object.is("data.frame") && of(object, usize::MAX).is_ok()
}

fn vector<'o>(object: &'o Object<'o>, elements: &'o Elements<'o>) -> Frame<'o> {
    let rows = elements.len();
    let names = object.attribute("names").map(texts_of).filter(|names| names.len() == rows);
    let column =
        Column { name: "value".to_owned(), elements, start: 0, reading: Reading::of(object) };
    Frame { rows, row_names: names, columns: vec![column], more_columns: 0 }
}

fn matrix<'o>(
    object: &'o Object<'o>,
    elements: &'o Elements<'o>,
    [rows, count]: [usize; 2],
    widest: usize,
) -> Frame<'o> {
    let names = |axis: usize, wanted: usize| match &object.attribute("dimnames")?.body {
        Body::List(both) => both.get(axis).map(texts_of).filter(|names| names.len() == wanted),
        _ => None,
    };
    let headings = names(1, count);
    let name = |at: usize| headings.as_ref().map_or(format!("V{}", at + 1), |all| all[at].clone());
    let column =
        |at: usize| Column { name: name(at), elements, start: at * rows, reading: Reading::Plain };
    let columns: Vec<_> = (0..count.min(widest)).map(column).collect();
    let more_columns = count - columns.len();
    Frame { rows, row_names: names(0, rows), columns, more_columns }
}

fn data_frame<'o>(
    object: &'o Object<'o>,
    parts: &'o [Object<'o>],
    widest: usize,
) -> Result<Frame<'o>> {
    let rows = row_count(object);
    let names = object.attribute("names").map(texts_of).unwrap_or_default();
    let mut columns = Vec::new();
    for (index, part) in parts.iter().enumerate().take(widest) {
        let name = names.get(index).cloned().unwrap_or_else(|| format!("V{}", index + 1));
        match elements(part).filter(|elements| elements.len() == rows) {
            Some(elements) => {
                columns.push(Column { name, elements, start: 0, reading: Reading::of(part) });
            }
            None => {
                let what = format!("column {name:?} ({})", summary(part).0);
                return Err(unfit(&what, "a table", "take --format json"));
            }
        }
    }
    let row_names = object
        .attribute("row.names")
        .filter(|names| elements(names).is_some_and(|it| it.bytes().is_none() && it.len() == rows));
    let more_columns = parts.len() - columns.len();
    Ok(Frame { rows, row_names: row_names.map(texts_of), columns, more_columns })
}
