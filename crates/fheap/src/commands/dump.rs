//! `fheap dump`: everything that has a name, one after another.

use std::io::{self, Write};
use std::path::PathBuf;

use fileheap_core::Result;
use indicatif::ProgressBar;

use super::get::{limit, put};
use super::open_to_read;
use crate::forms::Format;
use crate::objects::{self, KIND_SHAPE};
use crate::output::{Ending, HEAD, Output, cannot_write, paint};
use crate::{progress, target, text};

/// Print everything that has a name; with --json one object a line
#[derive(clap::Args)]
pub struct Dump {
    /// The heap file
    heap: PathBuf,
    /// Only names that begin so
    #[arg(default_value = "")]
    prefix: String,
    /// At most so many rows or elements of each; 0: all. Text shows 20 if nothing is said
    #[arg(long, short = 'n')]
    limit: Option<usize>,
}

impl Dump {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let heap = open_to_read(&self.heap)?;
        let read = heap.begin_read()?;
        let names = objects::names(&read)?.into_iter();
        let names: Vec<_> = names
            .filter(|(name, root)| name.starts_with(&self.prefix) && root.kind != KIND_SHAPE)
            .collect();
        let bar = progress::steps(output, "dumping", names.len() as u64);
        let mut out = anstream::AutoStream::auto(io::stdout());
        let mut ending = Ending::Fine;
        for (name, root) in names {
            let format = if output.json { Format::Json } else { Format::Text };
            let limit = limit(self.limit, format);
            let mut value = Vec::new();
            // One object that cannot be read must not hide the others.
            let hidden = ProgressBar::hidden();
            let done = target::of_root(&read, &root)
                .and_then(|found| put(&found, format, limit, &mut value, &hidden));
            if let Err(error) = &done {
                ending = Ending::Findings;
                let text = error.to_string();
                value = match output.json {
                    true => format!("{}\n", serde_json::json!({ "error": text })).into_bytes(),
                    false => format!("cannot be read: {}\n", text::clean(&text)).into_bytes(),
                };
            }
            write(&mut out, &name, &value, output.json).map_err(cannot_write)?;
            bar.inc(1);
        }
        Ok(ending)
    }
}

fn write(out: &mut impl Write, name: &str, value: &[u8], json: bool) -> io::Result<()> {
    if json {
        write!(out, "{{\"name\":{},\"value\":", serde_json::Value::from(name))?;
        out.write_all(value.trim_ascii_end())?;
        return out.write_all(b"}\n");
    }
    writeln!(out, "{}", paint(HEAD, text::clean(name)))?;
    out.write_all(value)?;
    writeln!(out)
}
