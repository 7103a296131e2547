//! `fheap export`: one root or vector into a file, whole or not at all.

use std::error::Error as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anstream::adapter::strip_bytes;
use fileheap_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::get::put;
use super::{begins_as_heap, open_to_read};
use crate::forms::Format;
use crate::output::{Ending, Output, cannot_write};
use crate::{progress, target, text};

/// Write a root, a vector or a part into a file: .npy, .csv, .json, .bin or .txt
#[derive(clap::Args)]
pub struct Export {
    /// The heap file
    heap: PathBuf,
    #[arg(help = target::HELP)]
    what: String,
    /// The file to make; its ending says the format
    file: PathBuf,
    /// The format, whatever the file's name says
    #[arg(long, short, value_enum)]
    format: Option<Format>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Export {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let format = self.format.or_else(|| Format::of(&self.file)).ok_or_else(|| {
            let text = "the file's name does not say which format it is to have";
            Error::new(ErrorKind::InvalidArgument, text).at(&self.file).advice("name a --format")
        })?;
        may_be_made(&self.file, self.force)?;
        let heap = open_to_read(&self.heap)?;
        let read = heap.begin_read()?;
        let found = target::find(&read, &self.what).map_err(|error| error.at(&self.heap))?;
        let bar = progress::bar(output, "exporting", 0);
        let bytes = replace(&self.file, |out| match format {
            Format::Text => without_colours(out, |out| put(&found, format, None, out, &bar)),
            _ => put(&found, format, None, out, &bar),
        })?;
        bar.finish_and_clear();
        let value = json!({ "file": self.file, "bytes": bytes });
        output.show(&value, |_| format!("{}: {}\n", self.file.display(), text::bytes(bytes)))?;
        Ok(Ending::Fine)
    }
}

/// Text as it is in a file, where nobody takes the colours out.
fn without_colours(
    out: &mut dyn Write,
    fill: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut text = Vec::new();
    fill(&mut text)?;
    strip_bytes(&text).try_for_each(|piece| out.write_all(piece)).map_err(cannot_write)
}

/// Nothing that exists is given up for a result, unless that was said.
pub fn may_be_made(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        let error = Error::new(ErrorKind::AlreadyExists, "the file exists").at(path);
        return Err(error.advice("give another name, or --force"));
    }
    Ok(())
}

/// What stands before the number of the process in the name of a file that is not yet whole.
pub const PARTIAL: &str = ".fheap-partial-";

/// Makes a file under another name, which it gets when it is whole; returns its length.
pub fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<u64> {
    let path = &replaceable(path)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!("{PARTIAL}{}", std::process::id()));
    let partial = PathBuf::from(partial);
    let failed = |error| cannot_write(error).at(path);
    let done = (|| {
        let mut out = BufWriter::new(File::create(&partial).map_err(failed)?);
        // Reading a heap is no I/O: what has a cause happened to the file.
        fill(&mut out).map_err(|error| match error.source() {
            Some(_) => error.at(path),
            None => error,
        })?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        fs::rename(&partial, path).map_err(failed)?;
        Ok(bytes)
    })();
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

/// The file itself, behind links. A device, a pipe or a heap is not given up for a result.
fn replaceable(path: &Path) -> Result<PathBuf> {
    let Ok(found) = path.metadata() else { return Ok(path.to_owned()) };
    let refuse =
        |what, advice| Err(Error::new(ErrorKind::InvalidArgument, what).at(path).advice(advice));
    if !found.is_file() {
        return refuse("only a regular file is replaced", "`fheap get` writes to pipes");
    }
    if begins_as_heap(path) {
        return refuse("the file is a heap, and is not replaced", "give another name");
    }
    path.canonicalize().map_err(|error| cannot_write(error).at(path))
}
