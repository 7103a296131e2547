//! `fheap get`: one root, vector or range of bytes, in the format that is asked for.

use std::io::{self, Write};
use std::path::PathBuf;

use fileheap_core::Result;
use indicatif::ProgressBar;
use serde_json::json;

use super::open_to_read;
use crate::forms::{self, Format, unfit};
use crate::output::{Ending, FAINT, Output, cannot_write, paint};
use crate::target::{self, Found, ROW_BYTES, hexdump};
use crate::text::clean;
use crate::{objects, shape};

/// Print a root, a vector, a part or a range of bytes
#[derive(clap::Args)]
pub struct Get {
    /// The heap file
    heap: PathBuf,
    #[arg(help = target::HELP)]
    what: String,
    /// How to print it; --json stands for json
    #[arg(long, short, value_enum, default_value = "text")]
    format: Format,
    /// At most so many rows or elements; 0: all. Text shows 20 if nothing is said
    #[arg(long, short = 'n')]
    limit: Option<usize>,
}

impl Get {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let heap = open_to_read(&self.heap)?;
        let read = heap.begin_read()?;
        let format = if output.json { Format::Json } else { self.format };
        let found = target::find(&read, &self.what).map_err(|error| error.at(&self.heap))?;
        let limit = limit(self.limit, format);
        if format == Format::Text {
            let mut text = Vec::new();
            put(&found, format, limit, &mut text, &ProgressBar::hidden())?;
            output.text(&String::from_utf8_lossy(&text))?;
            return Ok(Ending::Fine);
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        put(&found, format, limit, &mut out, &ProgressBar::hidden())?;
        out.flush().map_err(cannot_write)?;
        Ok(Ending::Fine)
    }
}

/// What --limit means: text is cut if nothing is said.
pub fn limit(said: Option<usize>, format: Format) -> Option<usize> {
    match (said, format) {
        (Some(0), _) => None,
        (None, Format::Text) => Some(20),
        (said, _) => said,
    }
}

/// Writes what was found.
pub fn put(
    found: &Found<'_>,
    format: Format,
    limit: Option<usize>,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<()> {
    let (root, bytes, shape) = match found {
        Found::Object(object) => return forms::write(object, format, limit, out, bar),
        Found::Bytes { root, bytes, shape } => (root, *bytes, shape.as_deref()),
    };
    match format {
        Format::Raw => forms::put_bytes(bytes, out, bar),
        Format::Text => out.write_all(bytes_text(found, limit).as_bytes()).map_err(cannot_write),
        Format::Json => {
            let hex: String =
                shown(bytes, limit).iter().map(|byte| format!("{byte:02x}")).collect();
            let fields = shape.map(|shape| shape::fields(shape, bytes));
            let value = json!({
                "face": objects::face(root), "offset": root.offset, "bytes": root.bytes,
                "type": shape.map(shape::title), "shape": shape, "fields": fields, "hex": hex,
            });
            writeln!(out, "{value}").map_err(cannot_write)
        }
        Format::Csv | Format::Npy => {
            let what = shape.map_or("a root of plain bytes", shape::title);
            Err(unfit(what, "a table or an array", "take --format text, json or raw"))
        }
    }
}

/// Rows are those of a hexdump.
fn shown(bytes: &[u8], limit: Option<usize>) -> &[u8] {
    let most = limit.map_or(bytes.len(), |rows| rows.saturating_mul(ROW_BYTES));
    &bytes[..bytes.len().min(most)]
}

fn bytes_text(found: &Found<'_>, limit: Option<usize>) -> String {
    let Found::Bytes { root, bytes, shape } = found else { return String::new() };
    if root.kind == objects::KIND_SHAPE {
        let lines = shape.as_deref().unwrap_or_default().lines();
        return lines.map(|line| format!("{}\n", clean(line))).collect();
    }
    let mut text = String::new();
    if let Some(shape) = shape {
        let lines: Vec<String> = shape.lines().map(clean).collect();
        text.push_str(&paint(FAINT, lines.join("\n")));
        text.push('\n');
        for field in shape::fields(shape, bytes) {
            if let Some(value) = &field.value {
                text.push_str(&format!("{} = {value}\n", clean(&field.name)));
            }
        }
    }
    let shown = shown(bytes, limit);
    text.push_str(&hexdump(shown, root.offset));
    let more = bytes.len() - shown.len();
    if more > 0 {
        text.push_str(&format!("... {more} bytes more; --limit 0 shows all\n"));
    }
    text
}
