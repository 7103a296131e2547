//! CSV: a line of headings, then rows. Missing values are NA.

use std::io::Write;

use fileheap_core::{Error, Result};
use indicatif::ProgressBar;

use super::frame;
use crate::output::cannot_write;
use crate::rserial::Object;

pub fn write(
    object: &Object<'_>,
    limit: Option<usize>,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    let frame = frame::of(object)?;
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
