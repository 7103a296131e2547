//! Plain text for people: aligned columns, lists part by part, cut after so many rows.

use std::io::Write;

use fileheap_core::Result;

use super::frame::{self, Frame};
use crate::objects::summary;
use crate::output::{FAINT, HEAD, cannot_write, paint, table};
use crate::rserial::{Body, Object, texts_of};
use crate::text::clean;

/// Columns that are shown where rows are cut, too.
const COLUMNS: usize = 20;

pub fn write(object: &Object<'_>, limit: Option<usize>, out: &mut dyn Write) -> Result<()> {
    let text = lines(object, limit, "")?;
    out.write_all(text.as_bytes()).map_err(cannot_write)
}

fn lines(object: &Object<'_>, limit: Option<usize>, path: &str) -> Result<String> {
    let (what, length) = summary(object);
    let head = match &object.body {
        Body::Vector(_) | Body::List(_) if !object.is("data.frame") => format!("{what}, {length}"),
        _ => what,
    };
    let mut text = format!("{}\n", paint(FAINT, format!("{path}{}<{head}>", space(path))));
    match &object.body {
        Body::List(parts) if !frame::fits(object) => {
            let names = object.attribute("names").map(texts_of).unwrap_or_default();
            for (index, part) in parts.iter().enumerate() {
                let name = names.get(index).filter(|name| !name.is_empty());
                let step =
                    name.map_or(format!("[[{}]]", index + 1), |name| format!("${}", clean(name)));
                text.push_str(&lines(part, limit, &format!("{path}{step}"))?);
            }
        }
        Body::Vector(_) | Body::List(_) => {
            let widest = limit.map_or(usize::MAX, |_| COLUMNS);
            text.push_str(&rows(&frame::of(object, widest)?, limit)?);
        }
        _ => {}
    }
    Ok(text)
}

fn space(path: &str) -> &'static str {
    if path.is_empty() { "" } else { " " }
}

fn rows(frame: &Frame<'_>, limit: Option<usize>) -> Result<String> {
    let shown = limit.map_or(frame.rows, |limit| limit.min(frame.rows));
    let label = |row: usize| match &frame.row_names {
        Some(names) => names[row].clone(),
        None => (row + 1).to_string(),
    };
    let mut all = Vec::with_capacity(shown);
    for row in 0..shown {
        let mut cells = vec![label(row)];
        for column in &frame.columns {
            cells.push(column.text(row)?.unwrap_or_else(|| "NA".to_owned()));
        }
        all.push(cells);
    }
    let head: Vec<&str> =
        std::iter::once("").chain(frame.columns.iter().map(|it| it.name.as_str())).collect();
    let numbers = frame.columns.iter().enumerate().filter(|(_, column)| column.is_number());
    let mut right: Vec<usize> = numbers.map(|(index, _)| index + 1).collect();
    if frame.row_names.is_none() {
        right.push(0);
    }
    let mut text = table(&head, all, &right);
    let mut left = Vec::new();
    if shown < frame.rows {
        left.push(format!("{} more", frame.rows - shown));
    }
    if frame.more_columns > 0 {
        left.push(format!("{} more columns", frame.more_columns));
    }
    if !left.is_empty() {
        let note = format!("... {}; --limit 0 shows all", left.join(", "));
        text.push_str(&format!("{}\n", paint(HEAD, note)));
    }
    Ok(text)
}
