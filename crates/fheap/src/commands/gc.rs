//! `fheap gc`: scratch heaps whose session was killed, and files that were never finished.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use fileheap_core::{Error, ErrorKind, Heap, ReadTxn, Result};
use serde::Serialize;

use super::doctor::SCRATCH_FOLDER;
use super::export::PARTIAL;
use super::{begins_as_heap, open_to_read};
use fileheap_r_layout::{FACE_ROOT, FaceRoot, SCRATCH};

use crate::output::{Ending, FAINT, GOOD, Output, WARN, paint, table};
use crate::text;

/// List scratch heaps that nobody has open, and what a killed fheap left; --force removes them
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

const FOLDER: &str = "scratch folder";

/// A note holds a path and little more.
const NOTE_MAX: u64 = 64 << 10;

impl Gc {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let mut orphans = Vec::new();
        orphans.extend(noted().iter().filter_map(|path| scratch_heap(path)));
        for folder in &self.folders {
            let fail = |error| Error::os("cannot look through the folder", error).at(folder);
            for entry in fs::read_dir(folder).map_err(fail)? {
                let path = entry.map_err(fail)?.path();
                let ours = unfinished_export(&path).or_else(|| scratch_folder(&path));
                orphans.extend(ours.or_else(|| scratch_heap(&path)));
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
        found.extend(notes.flatten().filter_map(|note| first_line(&note.path())));
    }
    found
}

/// Of a note. Anybody may make a folder of that name, and put into it what never ends.
fn first_line(note: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    if !fs::symlink_metadata(note).ok()?.is_file() {
        return None;
    }
    File::open(note).ok()?.take(NOTE_MAX).read_to_string(&mut text).ok()?;
    text.lines().next().map(PathBuf::from)
}

fn scratch_heap(path: &Path) -> Option<Orphan> {
    let is_one = begins_as_heap(path) && is_orphan(path).unwrap_or(false);
    is_one.then(|| orphan(path, "scratch heap"))?
}

/// What `replace` of a process that is gone left.
fn unfinished_export(path: &Path) -> Option<Orphan> {
    let name = path.file_name()?.to_str()?;
    let pid: u32 = name.rsplit_once(PARTIAL)?.1.parse().ok()?;
    let is_file = fs::symlink_metadata(path).ok()?.is_file();
    (is_gone(pid) && is_file).then(|| orphan(path, "unfinished export"))?
}

/// What a doctor or a bench that is gone left.
fn scratch_folder(path: &Path) -> Option<Orphan> {
    let pid: u32 = path.file_name()?.to_str()?.strip_prefix(SCRATCH_FOLDER)?.parse().ok()?;
    if !is_gone(pid) || !fs::symlink_metadata(path).ok()?.is_dir() {
        return None;
    }
    let files = fs::read_dir(path).ok()?.flatten().filter_map(|entry| entry.metadata().ok());
    let bytes = files.map(|file| file.len()).sum();
    Some(Orphan { bytes, ..orphan(path, FOLDER)? })
}

fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

fn orphan(path: &Path, what: &'static str) -> Option<Orphan> {
    let bytes = fs::metadata(path).ok()?.len();
    Some(Orphan { path: path.to_owned(), what, bytes, removed: false, error: None })
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
        FOLDER => fs::remove_dir_all(&orphan.path)
            .map_err(|error| Error::os("cannot remove the folder", error)),
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
