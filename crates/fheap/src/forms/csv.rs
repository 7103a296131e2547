//! CSV: a line of headings, then rows. Texts stand in quotes, whatever is in them; a field without
//! quotes that is NA, or empty, is a missing value.

use std::borrow::Cow;
use std::io::Write;

use csv_core::ReadFieldResult as Step;
use fileheap_core::{Error, ErrorKind, Result};
use indicatif::ProgressBar;

use super::{frame, unfit};
use crate::output::cannot_write;
use crate::rserial::Object;

/// A matrix without rows may claim to have any number of columns.
const COLUMNS_MAX: usize = 1 << 24;

pub fn write(
    object: &Object<'_>,
    limit: Option<usize>,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    let frame = frame::of(object, COLUMNS_MAX)?;
    if frame.more_columns > 0 {
        return Err(unfit("an object of more than 2^24 columns", "a table", "take --format raw"));
    }
    // It knows quotes for all fields or for none.
    let mut out = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Never).from_writer(out);
    let corner = frame.row_names.is_some().then_some("");
    let headings = corner.into_iter().chain(frame.columns.iter().map(|it| it.name.as_str()));
    out.write_record(headings.map(|name| heading(name).into_owned())).map_err(failed)?;
    let rows = limit.map_or(frame.rows, |limit| limit.min(frame.rows));
    bar.set_length(rows as u64);
    for row in 0..rows {
        if let Some(names) = &frame.row_names {
            out.write_field(quoted(&names[row])).map_err(failed)?;
        }
        for column in &frame.columns {
            let text = match column.text(row)? {
                None => MISSING.to_owned(),
                Some(text) if column.is_text() => quoted(&text),
                Some(plain) => plain,
            };
            out.write_field(text).map_err(failed)?;
        }
        out.write_record(None::<&[u8]>).map_err(failed)?;
        if row % 4096 == 0 {
            bar.set_position(row as u64);
        }
    }
    out.flush().map_err(cannot_write)
}

const MISSING: &str = "NA";

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Headings are texts in any case: they have quotes where they need them.
fn heading(name: &str) -> Cow<'_, str> {
    match name.is_empty() || name.contains([',', '"', '\n', '\r']) {
        true => Cow::Owned(quoted(name)),
        false => Cow::Borrowed(name),
    }
}

/// A field of a file that was read.
pub struct Field {
    pub text: String,
    /// It stood in quotes: it is a text, whatever is in it.
    pub quoted: bool,
}

impl Field {
    pub fn is_missing(&self) -> bool {
        !self.quoted && (self.text.is_empty() || self.text == MISSING)
    }
}

/// Headings, and the fields below each.
pub fn read(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<Field>>)> {
    let mut reader = csv_core::Reader::new();
    let (mut names, mut columns) = (Vec::new(), Vec::<Vec<Field>>::new());
    let (mut rest, mut out) = (bytes, vec![0; bytes.len()]);
    let (mut text, mut quoted, mut at, mut in_heading) = (Vec::new(), false, 0, true);
    let (mut quote_count, mut begun) = (0, None);
    loop {
        let line = reader.line();
        begun.get_or_insert_with(|| line + ends_of_lines(rest));
        let (step, read, written) = reader.read_field(rest, &mut out);
        // What ended the line before comes first.
        quoted |= rest[..read].trim_ascii_start().starts_with(b"\"");
        quote_count += rest[..read].iter().filter(|&&byte| byte == b'"').count();
        text.extend_from_slice(&out[..written]);
        rest = &rest[read..];
        let ends_row = match step {
            Step::InputEmpty | Step::OutputFull => continue,
            Step::End => return Ok((names, columns)),
            Step::Field { record_end } => record_end,
        };
        // The reader takes the end of a file for that of any field.
        if quoted && read == 0 && quote_count % 2 == 1 {
            let what = "a text in quotes that never ends".to_owned();
            return Err(wrong(begun.unwrap_or(line), what));
        }
        let whole = String::from_utf8(std::mem::take(&mut text))
            .map_err(|_| wrong(line, "a field that is not Unicode (UTF-8)".to_owned()))?;
        if in_heading {
            names.push(whole);
            columns.push(Vec::new());
        } else if let Some(column) = columns.get_mut(at) {
            column.push(Field { text: whole, quoted });
        }
        (at, quoted, quote_count, begun) = (at + 1, false, 0, None);
        if ends_row {
            if at != names.len() {
                let what = format!("{at} fields, under {} headings", names.len());
                return Err(wrong(line, what));
            }
            (at, in_heading) = (0, false);
        }
    }
}

/// Of lines before the next field.
fn ends_of_lines(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().take_while(|byte| b"\r\n".contains(byte));
    ends.filter(|&&byte| byte == b'\n').count() as u64
}

fn wrong(line: u64, what: String) -> Error {
    let text = format!("line {line} of the CSV file has {what}");
    Error::new(ErrorKind::InvalidArgument, text)
        .advice("each row needs a field for each heading, between commas, in UTF-8")
}

fn failed(error: csv::Error) -> Error {
    cannot_write(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    })
}
