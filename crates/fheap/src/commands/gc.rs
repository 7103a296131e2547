//! `fheap gc`: scratch heaps whose session was killed, and files that were never finished.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use fileheap_core::format::Superblock;
use fileheap_core::{Error, ErrorKind, Heap, ReadTxn, Result};
use serde::Serialize;

use super::open_to_read;
use fileheap_r_layout::{FACE_ROOT, FaceRoot, SCRATCH};

use crate::output::{Ending, FAINT, GOOD, Output, WARN, paint, table};
use crate::text;

/// List scratch heaps that nobody has open, and unfinished exports; --force removes them
#[derive(clap::Args)]
#[command(after_help = "Scratch heaps are found by the notes that the R package keeps in the \
                        temporary folder, and in the folders that are named. A heap that is open \
                        anywhere, and a persistent one, is never touched.")]
pub struct Gc {
    /// Folders to look through as well
    folders: Vec<PathBuf>,
    /// Remove what was found
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Orphan {
    path: PathBuf,
    what: &'static str,
    bytes: u64,
    removed: bool,
    error: Option<String>,
}

impl Gc {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let mut orphans = Vec::new();
        for path in noted() {
            orphans.extend(judge(&path));
        }
        for folder in &self.folders {
            let fail = |error| Error::os("cannot look through the folder", error).at(folder);
            for entry in fs::read_dir(folder).map_err(fail)? {
                orphans.extend(judge(&entry.map_err(fail)?.path()));
            }
        }
        orphans.sort_by(|one, other| one.path.cmp(&other.path));
        orphans.dedup_by(|one, other| one.path == other.path);
        if self.force {
            orphans.iter_mut().for_each(remove);
        }
        output.show(&orphans, |orphans| as_text(orphans, self.force))?;
        Ok(Ending::of(orphans.iter().all(|orphan| orphan.removed)))
    }
}

/// What the R package noted in its folders, one path in each file.
fn noted() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return found };
    for folder in entries.flatten() {
        if !folder.file_name().to_string_lossy().starts_with("fileheap-scratch-") {
            continue;
        }
        let Ok(notes) = fs::read_dir(folder.path()) else { continue };
        let first_line = |note: fs::DirEntry| {
            let text = fs::read_to_string(note.path()).ok()?;
            text.lines().next().map(PathBuf::from)
        };
        found.extend(notes.flatten().filter_map(first_line));
    }
    found
}

/// The orphan that a file is, if it is one.
fn judge(path: &Path) -> Option<Orphan> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let what = if is_dead_export(&name) {
        "unfinished export"
    } else if begins_as_heap(path) && is_orphan(path).unwrap_or(false) {
        "scratch heap"
    } else {
        return None;
    };
    let bytes = fs::metadata(path).ok()?.len();
    Some(Orphan { path: path.to_owned(), what, bytes, removed: false, error: None })
}

/// `x.partial-PID` of a process that is gone.
fn is_dead_export(name: &str) -> bool {
    let pid = name.rsplit_once(".partial-").and_then(|(_, pid)| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

fn begins_as_heap(path: &Path) -> bool {
    let mut magic = [0; 8];
    // Opening a pipe would wait for its other end.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == Superblock::MAGIC
}

fn is_orphan(path: &Path) -> Result<bool> {
    if Heap::peek(path)?.is_open()? {
        return Ok(false);
    }
    let heap = open_to_read(path)?;
    is_scratch(&heap.begin_read()?)
}

/// Whether the R package made the heap for one session only.
fn is_scratch(read: &ReadTxn) -> Result<bool> {
    let face = FaceRoot::read(read.memory(), read.face_root(FACE_ROOT))?;
    Ok(face.is_some_and(|face| face.is_known() && face.mode == SCRATCH))
}

fn remove(orphan: &mut Orphan) {
    let done = match orphan.what {
        "scratch heap" => Heap::remove(&orphan.path),
        _ => fs::remove_file(&orphan.path).map_err(|e| Error::os("cannot remove the file", e)),
    };
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => orphan.error = Some(error.to_string()),
        _ => orphan.removed = true,
    }
}

fn as_text(orphans: &[Orphan], force: bool) -> String {
    if orphans.is_empty() {
        return format!("{}\n", paint(GOOD, "nothing to collect"));
    }
    let rows = orphans.iter().map(|orphan| {
        let state = match (&orphan.error, orphan.removed) {
            (Some(error), _) => error.clone(),
            (None, true) => "removed".to_owned(),
            (None, false) => String::new(),
        };
        let path = orphan.path.display().to_string();
        vec![orphan.what.to_owned(), text::bytes(orphan.bytes), path, state]
    });
    let mut out = table(&["orphan", "size", "file", ""], rows.collect(), &[1]);
    if !force {
        out.push_str(&format!("{}\n", paint(FAINT, "nothing was removed: --force does")));
    } else if orphans.iter().any(|orphan| !orphan.removed) {
        out.push_str(&format!("{}\n", paint(WARN, "some could not be removed")));
    }
    out
}
