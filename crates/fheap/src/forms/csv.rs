//! CSV: a line of headings, then rows. Missing values are NA.

use std::io::Write;

use fileheap_core::{Error, Result};
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
    let mut out = csv::Writer::from_writer(out);
    let corner = frame.row_names.is_some().then(String::new);
    let headings = corner.into_iter().chain(frame.columns.iter().map(|it| it.name.clone()));
    out.write_record(headings).map_err(failed)?;
    let rows = limit.map_or(frame.rows, |limit| limit.min(frame.rows));
    bar.set_length(rows as u64);
    for row in 0..rows {
        if let Some(names) = &frame.row_names {
            out.write_field(&names[row]).map_err(failed)?;
        }
        for column in &frame.columns {
            let text = column.text(row)?;
            out.write_field(text.as_deref().unwrap_or("NA")).map_err(failed)?;
        }
        out.write_record(None::<&[u8]>).map_err(failed)?;
        if row % 4096 == 0 {
            bar.set_position(row as u64);
        }
    }
    out.flush().map_err(cannot_write)
}

fn failed(error: csv::Error) -> Error {
    cannot_write(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    })
}
