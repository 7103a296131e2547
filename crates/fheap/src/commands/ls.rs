//! `fheap ls`: the names in a heap, and its vectors.

use std::path::PathBuf;

use fileheap_core::catalog::Root;
use fileheap_core::format::VectorRecord;
use fileheap_core::{ReadTxn, Result};
use serde::Serialize;

use super::open_to_read;
use fileheap_r_layout::Kind;

use crate::objects::{self, Follow, KIND_R, KIND_SHAPE};
use crate::output::{Ending, FAINT, Output, paint, table};
use crate::{shape, text};

/// List the names in a heap, and its vectors
#[derive(clap::Args)]
pub struct Ls {
    /// The heap file
    heap: PathBuf,
    /// Only names that begin so
    #[arg(default_value = "")]
    prefix: String,
    /// List the records of vectors as well
    #[arg(long, short)]
    vectors: bool,
    /// List what faces keep for themselves as well, such as shapes
    #[arg(long, short)]
    all: bool,
}

#[derive(Serialize)]
struct Report {
    names: Vec<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<Vec<Vector>>,
}

#[derive(Serialize)]
struct Name {
    name: String,
    face: String,
    /// What it is; of what cannot be read, why.
    what: String,
    length: Option<u64>,
    offset: u64,
    bytes: u64,
    kind: u32,
    fingerprint: String,
}

#[derive(Serialize)]
struct Vector {
    id: u64,
    state: &'static str,
    #[serde(rename = "type")]
    kind: String,
    length: u64,
    offset: u64,
    bytes: u64,
    generation: u64,
    flags: u64,
}

impl Ls {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let heap = open_to_read(&self.heap)?;
        let read = heap.begin_read()?;
        let mut names = Vec::new();
        for (name, root) in objects::names(&read)? {
            let own = root.kind == KIND_SHAPE && !self.all;
            if name.starts_with(&self.prefix) && !own {
                names.push(describe(&read, name, &root));
            }
        }
        let vectors = if self.vectors {
            Some(objects::records(&read)?.iter().map(of_record).collect())
        } else {
            None
        };
        output.show(&Report { names, vectors }, as_text)?;
        Ok(Ending::Fine)
    }
}

fn describe(read: &ReadTxn, name: String, root: &Root) -> Name {
    let (what, length) = match root.kind {
        KIND_R => match objects::load(read, root, Follow::Shallow) {
            Ok(object) => {
                let (what, length) = objects::summary(&object);
                (what, Some(length))
            }
            Err(error) => (format!("cannot be read: {error}"), None),
        },
        KIND_SHAPE => ("text of a shape".to_owned(), None),
        _ => match shape::text(read, root) {
            Ok(Some(text)) => (shape::title(&text).to_owned(), None),
            Ok(None) => ("bytes".to_owned(), None),
            Err(error) => (format!("cannot be read: {error}"), None),
        },
    };
    Name {
        name,
        face: objects::face(root),
        what,
        length,
        offset: root.offset,
        bytes: root.bytes,
        kind: root.kind,
        fingerprint: format!("{:016x}", root.fingerprint),
    }
}

fn of_record(record: &VectorRecord) -> Vector {
    let name = |kind: Kind| kind.name().to_owned();
    Vector {
        id: record.id,
        state: objects::state(record),
        kind: Kind::of(record.element).map_or(format!("type {}", record.element), name),
        length: record.length,
        offset: record.payload_offset,
        bytes: record.payload_bytes,
        generation: record.generation,
        flags: record.flags,
    }
}

fn as_text(report: &Report) -> String {
    let rows = report.names.iter().map(|name| {
        vec![
            name.name.clone(),
            name.face.clone(),
            name.what.clone(),
            name.length.map_or(String::new(), text::count),
            text::bytes(name.bytes),
            format!("{:#x}", name.offset),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let mut out = if rows.is_empty() {
        format!("{}\n", paint(FAINT, "no names"))
    } else {
        table(&["name", "face", "what", "length", "root", "offset"], rows, &[3, 4, 5])
    };
    let Some(vectors) = &report.vectors else { return out };
    let rows = vectors.iter().map(|vector| {
        vec![
            format!("#{}", vector.id),
            vector.kind.clone(),
            text::count(vector.length),
            text::bytes(vector.bytes),
            format!("{:#x}", vector.offset),
            vector.state.to_owned(),
        ]
    });
    out.push('\n');
    let head = ["vector", "type", "length", "elements", "offset", "state"];
    out.push_str(&table(&head, rows.collect(), &[0, 2, 3, 4]));
    out
}
