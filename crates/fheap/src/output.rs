//! Where results go: tables and colours for people, JSON for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use fileheap_core::{Error, Result};
use serde::Serialize;

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

/// Rows under headings. Columns named in `right` are aligned to the right.
pub fn table(head: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> String {
    let mut table = Table::new();
    let rows = rows.into_iter().map(|row| row.into_iter().map(|cell| text::clean(&cell)));
    let head = head.iter().map(|cell| text::clean(cell));
    table.load_preset(presets::NOTHING).set_header(head).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for (index, line) in table.to_string().lines().enumerate() {
        let line = line.trim_end();
        text.push_str(&if index == 0 { paint(HEAD, line) } else { line.to_owned() });
        text.push('\n');
    }
    text
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
