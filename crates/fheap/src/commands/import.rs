//! `fheap import`: a .npy array or a CSV table becomes an object with a name, for R and for others.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use fileheap_core::{Error, ErrorKind, Heap, Options, Result};
use fileheap_r_layout::{Kind, NA_DOUBLE, NA_INTEGER};
use serde_json::json;

use crate::forms::{Field, Format, read_csv, read_npy};
use crate::output::{Ending, Output};
use crate::store::{Stored, store};
use crate::vectors::Elements;
use crate::{progress, text};

/// Store a .npy array as a vector or matrix, or a CSV table as a data frame
#[derive(clap::Args)]
#[command(
    after_help = "A field of a CSV file that stands in quotes is a text, whatever is in it. \
                        One without that is NA, or empty, is a missing value. Columns without \
                        quotes become logical, integer, double or character, the first that fits. \
                        Integers that R's 32 bits cannot hold become doubles, and texts where a \
                        double would lose digits of them."
)]
pub struct Import {
    /// The heap file
    heap: PathBuf,
    /// The name to bind; it must be free
    name: String,
    /// The file to read: .npy or .csv
    file: PathBuf,
    /// The format, whatever the file's name says
    #[arg(long, short, value_enum)]
    format: Option<Source>,
    /// Make the heap if there is none
    #[arg(long)]
    create: bool,
}

/// A format to read.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Source {
    /// Comma-separated values with a line of headings.
    Csv,
    /// An array of numpy.
    Npy,
}

impl Source {
    /// The format that a file's name tells.
    fn of(path: &Path) -> Option<Self> {
        match Format::of(path)? {
            Format::Csv => Some(Self::Csv),
            Format::Npy => Some(Self::Npy),
            _ => None,
        }
    }
}

impl Import {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let bytes = whole(&self.file)?;
        let stored = match self.format.or_else(|| Source::of(&self.file)) {
            Some(Source::Npy) => array(&bytes),
            Some(Source::Csv) => frame(&bytes),
            None => {
                let text = "only .npy and .csv files can be imported";
                Err(Error::new(ErrorKind::InvalidArgument, text).advice("name a --format"))
            }
        };
        let stored = stored.and_then(|it| it.check().map(|()| it));
        let stored = stored.map_err(|error| error.at(&self.file))?;
        let options = Options::new();
        let heap = match self.create {
            true => Heap::open_or_create(&self.heap, &options)?.0,
            false => Heap::open(&self.heap, &options)?,
        };
        let bar = progress::bar(output, "importing", bytes.len() as u64);
        let bytes =
            store(&heap, &self.name, &stored, &bar).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => error.at(&self.heap).advice("give another name"),
                _ => error.at(&self.heap),
            })?;
        bar.finish_and_clear();
        heap.close()?;
        let what = match &stored {
            Stored::Vector { elements, dim } if dim.len() > 1 => {
                let extents: Vec<String> = dim.iter().map(i32::to_string).collect();
                format!("{} {}", elements.kind().name(), extents.join(" x "))
            }
            Stored::Vector { elements, .. } => {
                format!("{} of length {}", elements.kind().name(), elements.len())
            }
            Stored::Frame { columns, rows, .. } => {
                format!("data frame of {rows} rows and {} columns", columns.len())
            }
        };
        let value = json!({ "name": self.name, "what": what, "bytes": bytes });
        let line = format!("{}: {what}, {}\n", text::clean(&self.name), text::bytes(bytes));
        output.show(&value, |_| line)?;
        Ok(Ending::Fine)
    }
}

/// A file or a pipe; a device may never end.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let fail = |error| Error::os("cannot read the file", error).at(path);
    let kind = fs::metadata(path).map_err(fail)?.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        let error = Error::new(ErrorKind::InvalidArgument, "a device cannot be imported").at(path);
        return Err(error.advice("give a file or a pipe"));
    }
    fs::read(path).map_err(fail)
}

fn array(bytes: &[u8]) -> Result<Stored<'static>> {
    let array = read_npy(bytes)?;
    let extents: std::result::Result<Vec<i32>, _> =
        array.dim.iter().map(|&extent| i32::try_from(extent)).collect();
    let dim = match extents {
        _ if array.dim.len() < 2 => Vec::new(),
        Ok(extents) => extents,
        Err(_) => {
            let text = format!("extents {:?}; R's have 31 bits", array.dim);
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
    };
    Ok(Stored::Vector { elements: array.elements, dim })
}

fn frame(bytes: &[u8]) -> Result<Stored<'static>> {
    let (names, columns) = read_csv(bytes)?;
    let rows = columns.first().map_or(0, Vec::len);
    let rows = i32::try_from(rows).map_err(|_| {
        Error::new(ErrorKind::InvalidArgument, "a data frame has 2^31 rows at most")
    })?;
    Ok(Stored::Frame { names, columns: columns.into_iter().map(guess).collect(), rows })
}

/// A number, unless it is a whole one with more digits than a double keeps: often that is no
/// number at all, but what identifies something.
fn double(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_whole = text.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit());
    let is_kept = !is_whole || text.parse() == Ok(number as i128);
    is_kept.then_some(number)
}

/// The first of logical, integer, double and character that holds all fields; character if one is
/// in quotes.
fn guess(fields: Vec<Field>) -> Elements<'static> {
    let words = |kind: Kind, parse: fn(&str) -> Option<i32>| {
        let all = fields.iter().map(|field| match field.is_missing() {
            true => Some(NA_INTEGER),
            false => parse(&field.text),
        });
        let all: Option<Vec<i32>> = all.collect();
        let bytes = all?.into_iter().flat_map(i32::to_le_bytes).collect();
        Some(Elements::Numbers(kind, Cow::Owned(bytes)))
    };
    let truth = |field: &str| match field {
        "TRUE" | "true" | "T" => Some(1),
        "FALSE" | "false" | "F" => Some(0),
        _ => None,
    };
    // -0 is a double.
    let integer =
        |field: &str| field.parse().ok().filter(|&number| number != NA_INTEGER && field != "-0");
    let doubles = || {
        let all = fields.iter().map(|field| match field.is_missing() {
            true => Some(NA_DOUBLE),
            false => double(&field.text).map(f64::to_bits),
        });
        let all: Option<Vec<u64>> = all.collect();
        let bytes = all?.into_iter().flat_map(u64::to_le_bytes).collect();
        Some(Elements::Numbers(Kind::Double, Cow::Owned(bytes)))
    };
    let plain = !fields.iter().any(|field| field.quoted);
    let numbers = plain
        .then(|| words(Kind::Logical, truth).or_else(|| words(Kind::Integer, integer)))
        .and_then(|found| found.or_else(doubles));
    numbers.unwrap_or_else(|| {
        let text = |field: Field| (!field.is_missing()).then_some(Cow::Owned(field.text));
        Elements::Texts(fields.into_iter().map(text).collect())
    })
}
