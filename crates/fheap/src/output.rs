//! Where results go: tables and colours for people, JSON for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use fileheap_core::{Error, Result};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::text;

/// Headings.
pub const HEAD: Style = Style::new().bold();
/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is worth a look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();

/// How to print, as the options say. Colours are dropped by the stream where it is no terminal.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
}

/// How a command ended that did what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Fine,
    /// There is something to be looked at.
    Findings,
}

impl Ending {
    /// Findings unless `fine`.
    pub fn of(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Findings }
    }
}

/// An error of the stream that results are written to.
pub fn cannot_write(error: io::Error) -> Error {
    Error::os("cannot write the result", error)
}

impl Output {
    /// A report: itself as JSON, or what `text` makes of it.
    pub fn show<T: Serialize>(self, report: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            return self.json(report);
        }
        self.text(&text(report))
    }

    /// A value as JSON.
    pub fn json<T: Serialize>(self, value: &T) -> Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value).map_err(|e| cannot_write(e.into()))?;
        writeln!(out).map_err(cannot_write)
    }

    /// Text, whose colours the stream judges.
    pub fn text(self, text: &str) -> Result<()> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(cannot_write)
    }
}

/// Text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// No cell is filled up to one of more bytes than that: a table is as long as what is in it.
const WIDE_BYTES: usize = 1024;
/// What keeps columns apart.
const GAP: &str = "  ";

/// Rows under headings. Columns named in `right` are aligned to the right.
pub fn table(head: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> String {
    let cleaned = |row: Vec<String>| row.iter().map(|cell| text::clean(cell)).collect();
    let mut lines: Vec<Vec<String>> = vec![head.iter().map(|cell| text::clean(cell)).collect()];
    lines.extend(rows.into_iter().map(cleaned));
    let mut widths = vec![0; head.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = measured(cell).map_or(*width, |cell| cell.max(*width));
        }
    }
    let mut text = String::new();
    for (index, cells) in lines.into_iter().enumerate() {
        let line = aligned(&cells, &widths, right);
        let line = line.trim_end();
        match index {
            0 => text.push_str(&paint(HEAD, line)),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn measured(cell: &str) -> Option<usize> {
    (cell.len() <= WIDE_BYTES).then(|| cell.width())
}

fn aligned(cells: &[String], widths: &[usize], right: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let room = measured(cell).map_or(0, |cell| width - cell);
        let (before, after) = if right.contains(&index) { (room, 0) } else { (0, room) };
        line.extend(std::iter::repeat_n(' ', before));
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', after));
        line.push_str(GAP);
    }
    line
}

/// Facts, one to a line.
pub fn facts(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let name = format!("{name:width$}");
        format!("{}  {value}\n", paint(FAINT, name))
    };
    pairs.iter().map(line).collect()
}
