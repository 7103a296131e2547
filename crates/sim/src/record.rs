//! Recorder: notes every change of the files, and between them what was promised.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fileheap_core::os::ram::{Event, EventKind, FILE_COUNT, Observer};

/// One change of a file.
#[derive(Debug, Clone)]
pub enum Change {
    /// Bytes were written.
    Write(u64, Arc<[u8]>),
    /// The file got disk space up to here.
    Reserve(u64),
    /// A range reads as zeros from now on; its length may grow.
    Zero(u64, u64, bool),
    /// The file got this length.
    Truncate(u64),
    /// What came before survives a power cut.
    Sync,
    /// The file came into being.
    Create,
    /// Its name went away.
    Remove,
    /// Names survive a power cut.
    SyncFolder,
}

/// A line of the history.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A file changed.
    Change(usize, Change),
    /// From here on this state may be found after a crash.
    Begun(u64),
    /// From here on no state before this one may be found.
    Durable(u64),
    /// Where a test wants to look: the crash points between two of these have a name.
    Mark(&'static str),
}

/// Dies in the middle of a change: see [`Recorder::kill_at`].
#[derive(Debug)]
pub struct Killed;

#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    kill_in: Option<usize>,
    lengths: [u64; FILE_COUNT],
    full: bool,
}

impl Book {
    /// Refuses what makes a file longer, if the disk is full.
    fn measure(&mut self, event: &Event<'_>) -> io::Result<()> {
        let end = match &event.kind {
            EventKind::Write { offset, parts } => {
                offset + parts.iter().map(|part| part.len() as u64).sum::<u64>()
            }
            EventKind::Reserve(range) | EventKind::Zero(range) => range.end,
            _ => 0,
        };
        let length = &mut self.lengths[event.file];
        if self.full && end > *length {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *length = match event.kind {
            EventKind::Create | EventKind::Remove => 0,
            EventKind::Truncate(bytes) => bytes,
            _ => end.max(*length),
        };
        Ok(())
    }
}

/// Sees and notes everything.
#[derive(Default)]
pub struct Recorder {
    book: Mutex<Book>,
}

impl Recorder {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a promise or a mark.
    pub fn note(&self, entry: Entry) {
        self.book().entries.push(entry);
    }

    /// All so far.
    #[must_use]
    pub fn history(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.book().entries.len()
    }

    /// Whether nothing happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From now on no file becomes longer, or they may again.
    pub fn fill_disk(&self, full: bool) {
        self.book().full = full;
    }

    /// Before the change after so many others the acting thread unwinds with [`Killed`], as if
    /// its process had died there.
    pub fn kill_at(&self, changes: Option<usize>) {
        self.book().kill_in = changes;
    }
}

impl Observer for Recorder {
    fn before(&self, event: &Event<'_>) -> io::Result<()> {
        let mut book = self.book();
        match &mut book.kill_in {
            Some(0) => {
                book.kill_in = None;
                drop(book);
                std::panic::resume_unwind(Box::new(Killed));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        book.measure(event)?;
        if let Some(change) = change_of(&event.kind) {
            book.entries.push(Entry::Change(event.file, change));
        }
        Ok(())
    }
}

fn change_of(kind: &EventKind<'_>) -> Option<Change> {
    Some(match kind {
        EventKind::Write { offset, parts } => {
            if let [only] = parts {
                return Some(Change::Write(*offset, Arc::from(&**only)));
            }
            let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            Change::Write(*offset, bytes.into())
        }
        EventKind::Reserve(range) => Change::Reserve(range.end),
        EventKind::Punch(range) => Change::Zero(range.start, range.end, false),
        EventKind::Zero(range) => Change::Zero(range.start, range.end, true),
        EventKind::Truncate(len) => Change::Truncate(*len),
        EventKind::Sync => Change::Sync,
        EventKind::Create => Change::Create,
        EventKind::Remove => Change::Remove,
        EventKind::SyncFolder => Change::SyncFolder,
        EventKind::Flush(_) => return None,
    })
}
