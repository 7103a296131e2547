//! The simulated machine: three files in memory, an observer of every change, live processes.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::board::Shared;
use super::view::Core;
use crate::format::PAGE_BYTES;
use crate::os::File;

/// How many files a heap has: data and two logs.
pub const FILE_COUNT: usize = 3;
/// The contents of all files; `None`: there is no such file.
pub type Images = [Option<Vec<u8>>; FILE_COUNT];

/// A change that is about to happen.
#[derive(Debug)]
pub struct Event<'a> {
    /// The simulated process that makes it.
    pub process: u32,
    /// 0: the heap file, 1 and 2: its logs.
    pub file: usize,
    /// The change.
    pub kind: EventKind<'a>,
}

/// What changes.
#[derive(Debug)]
pub enum EventKind<'a> {
    /// Bytes are written from `offset` on.
    Write {
        /// Where the first part goes.
        offset: u64,
        /// What is written, one part after another.
        parts: &'a [IoSlice<'a>],
    },
    /// A range gets disk space; the file may become longer.
    Reserve(Range<u64>),
    /// A range loses its disk space and reads as zeros.
    Punch(Range<u64>),
    /// A range reads as zeros; the file may become longer.
    Zero(Range<u64>),
    /// The file gets this length.
    Truncate(u64),
    /// The kernel is asked to start writing a range.
    Flush(Range<u64>),
    /// All earlier changes to the file are to survive a power cut.
    Sync,
    /// The file comes into being.
    Create,
    /// The file's name goes away.
    Remove,
    /// All earlier `Create` and `Remove` are to survive a power cut. `file` means nothing.
    SyncFolder,
}

/// Sees every change of any file in the order in which they happen.
pub trait Observer: Send + Sync {
    /// Called before the change takes effect; an error is given to the caller instead of it.
    /// Must not use the disk: it is locked.
    fn before(&self, event: &Event<'_>) -> io::Result<()>;
}

impl<F: Fn(&Event<'_>) -> io::Result<()> + Send + Sync> Observer for F {
    fn before(&self, event: &Event<'_>) -> io::Result<()> {
        self(event)
    }
}

/// A file's bytes, and which pages have no disk space.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    holes: BTreeSet<u64>,
}

pub(super) struct Disk {
    files: [Option<Content>; FILE_COUNT],
    observer: Option<Arc<dyn Observer>>,
    process_count: u32,
    dead: BTreeSet<u32>,
    views: Vec<Weak<Core>>,
}

/// A machine with one heap on it. Clones are the same machine.
#[derive(Clone)]
pub struct RamDisk {
    disk: Arc<Mutex<Disk>>,
    pub(super) shared: Arc<Shared>,
}

impl Default for RamDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl RamDisk {
    /// A machine without files.
    #[must_use]
    pub fn new() -> Self {
        Self::from_images([None, None, None])
    }

    /// A machine that just started, with these files.
    #[must_use]
    pub fn from_images(images: Images) -> Self {
        let files =
            images.map(|image| image.map(|bytes| Content { bytes, holes: BTreeSet::new() }));
        let (dead, views) = (BTreeSet::new(), Vec::new());
        let disk = Disk { files, observer: None, process_count: 0, dead, views };
        Self { disk: Arc::new(Mutex::new(disk)), shared: Arc::new(Shared::new()) }
    }

    /// Copies of all files as every process sees them now.
    #[must_use]
    pub fn images(&self) -> Images {
        let disk = self.lock();
        std::array::from_fn(|index| disk.files[index].as_ref().map(|file| file.bytes.clone()))
    }

    /// From now on `observer` sees every change.
    pub fn observe(&self, observer: Option<Arc<dyn Observer>>) {
        self.lock().observer = observer;
    }

    /// The process dies: its locks are free, and whatever it still tries to write fails. Stores
    /// of its shared ranges that `settle` has not seen are lost.
    pub fn kill(&self, process: u32) {
        self.lock().dead.insert(process);
        self.release_locks(process);
    }

    pub(super) fn is_dead(&self, process: u32) -> bool {
        self.lock().dead.contains(&process)
    }

    pub(super) fn release_locks(&self, process: u32) {
        self.shared.release(process);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new_process(&self) -> u32 {
        let mut disk = self.lock();
        disk.process_count += 1;
        disk.process_count
    }

    pub(super) fn has_file(&self, index: usize) -> bool {
        self.lock().files.get(index).is_some_and(Option::is_some)
    }

    pub(super) fn create_file(&self, process: u32, file: usize) -> io::Result<()> {
        let mut disk = self.lock();
        if disk.files[file].is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        disk.admit(process, file, EventKind::Create)?;
        disk.files[file] = Some(Content::default());
        Ok(())
    }

    pub(super) fn remove_file(&self, process: u32, file: usize) -> io::Result<()> {
        let mut disk = self.lock();
        if disk.files[file].is_some() {
            disk.admit(process, file, EventKind::Remove)?;
            disk.files[file] = None;
        }
        Ok(())
    }

    pub(super) fn sync_folder(&self, process: u32) -> io::Result<()> {
        self.lock().admit(process, 0, EventKind::SyncFolder)
    }

    pub(super) fn attach(&self, view: &Arc<Core>) {
        let mut disk = self.lock();
        disk.views.retain(|view| view.strong_count() > 0);
        disk.views.push(Arc::downgrade(view));
    }
}

impl Disk {
    pub(super) fn content(&self, file: usize) -> io::Result<&Content> {
        self.files[file].as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn admit(&self, process: u32, file: usize, kind: EventKind<'_>) -> io::Result<()> {
        if self.dead.contains(&process) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "this process was killed"));
        }
        let event = Event { process, file, kind };
        self.observer.as_ref().map_or(Ok(()), |observer| observer.before(&event))
    }
}

impl Content {
    fn extend(&mut self, len: u64) {
        if len > self.bytes.len() as u64 {
            self.bytes.resize(len as usize, 0);
        }
    }

    fn pages(&self) -> u64 {
        (self.bytes.len() as u64).div_ceil(PAGE_BYTES)
    }

    fn fill(&mut self, range: &Range<u64>) {
        for page in range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES) {
            self.holes.remove(&page);
        }
    }

    fn clear(&mut self, range: &Range<u64>) {
        let end = range.end.min(self.bytes.len() as u64);
        if range.start < end {
            self.bytes[range.start as usize..end as usize].fill(0);
        }
    }

    fn set_len(&mut self, len: u64) {
        let before = self.pages();
        self.bytes.resize(len as usize, 0);
        self.holes.extend(before..self.pages());
        let pages = self.pages();
        self.holes.retain(|&page| page < pages);
    }
}

/// A file of a [`RamDisk`], as one process has it open.
pub struct RamFile {
    disk: RamDisk,
    process: u32,
    index: usize,
}

impl RamFile {
    pub(super) fn new(disk: RamDisk, process: u32, index: usize) -> Self {
        Self { disk, process, index }
    }

    /// Asks the observer, changes the file, and shows `changed` to whoever maps it.
    fn change(
        &self,
        kind: EventKind<'_>,
        changed: Range<u64>,
        apply: impl FnOnce(&mut Content),
    ) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.content(self.index)?;
        disk.admit(self.process, self.index, kind)?;
        let Disk { files, views, .. } = &mut *disk;
        if let Some(content) = &mut files[self.index] {
            apply(content);
            if self.index == super::DATA {
                for view in views.iter().filter_map(Weak::upgrade) {
                    view.file_changed(&changed, &content.bytes);
                }
            }
        }
        Ok(())
    }
}

impl File for RamFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().content(self.index)?.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let disk = self.disk.lock();
        let bytes = &disk.content(self.index)?.bytes;
        let start = (offset as usize).min(bytes.len());
        let count = out.len().min(bytes.len() - start);
        out[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let end = offset + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.change(EventKind::Write { offset, parts }, offset..end, |content| {
            if offset > content.bytes.len() as u64 {
                content.set_len(offset);
            }
            content.extend(end);
            content.fill(&(offset..end));
            let mut at = offset as usize;
            for part in parts {
                content.bytes[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(EventKind::Sync, 0..0, |_| {})
    }

    fn flush(&self, range: Range<u64>) -> io::Result<()> {
        self.change(EventKind::Flush(range), 0..0, |_| {})
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.change(EventKind::Reserve(range.clone()), 0..0, |content| {
            content.extend(range.end);
            content.fill(&range);
        })
    }

    fn punch(&self, range: Range<u64>) -> io::Result<()> {
        self.change(EventKind::Punch(range.clone()), range.clone(), |content| {
            content.clear(&range);
            let whole = range.start.div_ceil(PAGE_BYTES)..range.end / PAGE_BYTES;
            content.holes.extend(whole);
            let pages = content.pages();
            content.holes.retain(|&page| page < pages);
        })
    }

    fn zero(&self, range: Range<u64>) -> io::Result<()> {
        self.change(EventKind::Zero(range.clone()), range.clone(), |content| {
            content.extend(range.end);
            content.clear(&range);
            content.fill(&range);
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.change(EventKind::Truncate(len), 0..0, |content| content.set_len(len))
    }

    fn disk_bytes(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        let content = disk.content(self.index)?;
        Ok((content.pages() - content.holes.len() as u64) * PAGE_BYTES)
    }

    /// None: an observer could not see stores to it.
    fn window(&self, _bytes: u64) -> Option<*mut u8> {
        None
    }
}
