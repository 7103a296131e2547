//! The book of a process: where it stands in the logs, and how its mapping catches up.

use std::ops::Range;
use std::sync::atomic::Ordering::SeqCst;

use super::engine::Engine;
use super::refine::Shadows;
use super::renewal::Renewal;
use super::write_set::{merged, split};
use crate::format::{HEADER_OFFSET, PAGE_BYTES, PREAMBLE_BYTES, Superblock};
use crate::log::{Contents, Cursor, FrameScan, Index, LogFile, LogWriter, Piece, Span};
use crate::{Error, ErrorKind, Result};

/// So often the logs are read again although nobody seems to change them.
pub(super) const RELOAD_TRIES: u32 = 20;
pub(super) const RELOAD_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// What only one thread at a time may read or change.
pub struct Book {
    /// As last read or written.
    pub superblock: Superblock,
    /// Which copy that was.
    pub superblock_copy: u64,
    /// Behind the last transaction read from the logs; None before the first.
    pub cursor: Option<Cursor>,
    /// The state that we found attaching alone, and that the index leads to; gone when used.
    pub recovered: Option<u64>,
    /// The logs as last opened.
    pub logs: [Option<LogFile>; 2],
    /// What is committed and maybe not home.
    pub index: Index,
    /// We have seen to it that there are two logs.
    pub has_both_logs: bool,
    /// Appends; only in a process that wrote.
    pub writer: Option<LogWriter>,
    /// We copied bytes in since the last harvest: it would name them.
    pub baseline_stale: bool,
    /// Direct extents that this process stores to in place.
    pub windows: Vec<Range<u64>>,
    /// Windows of which the log had bytes when we caught up with it: see P29.
    pub owed: Vec<Range<u64>>,
    /// Committed contents of hot pages.
    pub shadows: Shadows,
    /// Private pages, at most, in bytes, since they were last dropped.
    pub private_bytes: u64,
    /// So many that they are to be dropped.
    pub drop_due: bool,
    /// Stored to by other threads while the last transaction was committed.
    pub late: Vec<Range<u64>>,
    /// When searches were slow enough for a checkpoint.
    pub renewal: Renewal,
    /// Whether the last transaction named its own stores.
    pub last_tracked: bool,
    /// What failed after the last commit had succeeded: a checkpoint, usually.
    pub trouble: Option<String>,
}

impl Book {
    pub(super) fn new(superblock: Superblock, superblock_copy: u64) -> Self {
        Self {
            superblock,
            superblock_copy,
            cursor: None,
            recovered: None,
            logs: [None, None],
            index: Index::default(),
            has_both_logs: false,
            writer: None,
            baseline_stale: true,
            windows: Vec::new(),
            owed: Vec::new(),
            shadows: Shadows::default(),
            private_bytes: 0,
            drop_due: false,
            late: Vec::new(),
            renewal: Renewal::default(),
            last_tracked: false,
            trouble: None,
        }
    }

    /// These are the logs from now on.
    pub(super) fn keep_logs(&mut self, logs: Vec<LogFile>) {
        self.logs = [None, None];
        for log in logs {
            let which = (log.header.generation & 1) as usize;
            self.logs[which] = Some(log);
        }
    }

    /// The log of a generation, if that is what its file holds.
    pub(super) fn log_of(&self, generation: u64) -> Option<&LogFile> {
        let log = self.logs[(generation & 1) as usize].as_ref();
        log.filter(|log| log.header.generation == generation)
    }
}

impl Engine {
    /// B5: makes the mapping show the state of `target`, or the newest one in the logs.
    pub(super) fn catch_up(&self, book: &mut Book, target: Option<u64>) -> Result<()> {
        if target == Some(self.seen()) {
            return Ok(());
        }
        self.map_whole_file()?;
        let from = self.seen();
        let recovered = book.recovered.take().filter(|_| from == u64::MAX);
        if recovered.is_some_and(|txn| target == Some(txn) && self.go_on_from(book, txn)) {
            return Ok(());
        }
        // An error on the way may be the race with a writer that reuses a log: reload tells.
        if from != u64::MAX && self.catch_up_from(book, from, target).unwrap_or(false) {
            return Ok(());
        }
        self.reload(book, target)
    }

    /// Shows the state that recovery found, without reading the logs again; false where that does
    /// not work any more.
    fn go_on_from(&self, book: &mut Book, recovered: u64) -> bool {
        let shown = self.copy_in(book, 0, recovered).unwrap_or(false);
        if shown {
            self.set_seen(recovered);
            self.count_refresh();
        }
        shown
    }

    /// Goes on from the state `from`; false when the trail is lost.
    fn catch_up_from(&self, book: &mut Book, from: u64, target: Option<u64>) -> Result<bool> {
        let Some((cursor, spans)) = self.follow(book, target)? else { return Ok(false) };
        if cursor.txn == from {
            return Ok(true);
        }
        book.cursor = Some(cursor);
        book.index.forget(self.checkpointed(book));
        book.index.add(&spans);
        if !self.copy_in(book, from, cursor.txn)? {
            return Ok(false);
        }
        self.set_seen(cursor.txn);
        self.count_refresh();
        Ok(true)
    }

    /// Reads on in the logs from the cursor; None when the trail is lost.
    fn follow(&self, book: &mut Book, target: Option<u64>) -> Result<Option<(Cursor, Vec<Span>)>> {
        let Some(mut at) = book.cursor else { return Ok(None) };
        let mut spans = Vec::new();
        let mut oldest = None;
        loop {
            let Some(log) = book.log_of(at.generation) else { return Ok(None) };
            let log = log.clone();
            at = self.read_frames(&log, at, target, &mut spans)?;
            if target == Some(at.txn) {
                return Ok(Some((at, spans)));
            }
            if !spans.is_empty() && *oldest.get_or_insert(at.generation) < at.generation {
                return Ok(None); // P30: the next log lies where the oldest spans do
            }
            let next = self.open_log((at.generation + 1) & 1)?;
            match next.filter(|next| next.header.generation == at.generation + 1) {
                Some(next) if next.header.after_txn == at.txn => {
                    at = next.start();
                    book.logs[(at.generation & 1) as usize] = Some(next);
                }
                None if target.is_none() && self.still(&log)? => return Ok(Some((at, spans))),
                _ => return Ok(None),
            }
        }
    }

    pub(super) fn read_frames(
        &self,
        log: &LogFile,
        at: Cursor,
        target: Option<u64>,
        spans: &mut Vec<Span>,
    ) -> Result<Cursor> {
        let fail = |error| self.os_error("cannot read the log", error);
        let mut scan = FrameScan::new(&*log.file, at).map_err(fail)?;
        while target.is_none_or(|target| scan.cursor().txn < target) {
            if scan.next(spans).map_err(fail)?.is_none() {
                break;
            }
        }
        Ok(scan.cursor())
    }

    /// Starts over: drops every private page and reads both logs from their beginnings.
    fn reload(&self, book: &mut Book, target: Option<u64>) -> Result<()> {
        let place = |book: &Book| {
            let generation = self.bulletin().log_generation.load(SeqCst);
            (self.checkpointed(book), generation)
        };
        let mut quiet = 0;
        loop {
            if self.slot.is_none() {
                self.refresh_superblock(book)?;
                self.demand_log(book)?;
            }
            let before = place(book);
            match self.reload_once(book, target) {
                Ok(true) => return Ok(()),
                // While the writer moves on, what we read may have been reused under our eyes.
                _ if place(book) != before => quiet = 0,
                Err(error) if quiet > RELOAD_TRIES => return Err(error),
                Ok(false) if quiet > RELOAD_TRIES => break,
                _ => {
                    quiet += 1;
                    std::thread::sleep(RELOAD_PAUSE);
                }
            }
        }
        Err(self.no_trail(target.unwrap_or_else(|| self.checkpointed(book))))
    }

    /// Why the logs do not lead to a transaction that is published.
    fn no_trail(&self, target: u64) -> Error {
        let generation = self.bulletin().log_generation.load(SeqCst);
        let log = self.open_log(generation & 1).ok().flatten();
        if log.is_none_or(|log| log.header.generation != generation) {
            let text = "the log that the heap's processes write to is not beside this name";
            return Error::new(ErrorKind::LogMissing, text)
                .at(self.host.path())
                .advice("it is open under another name: use that one, or close it there first");
        }
        let text = format!("the logs do not lead to transaction {target}");
        Error::new(ErrorKind::Corrupt, text)
            .at(self.host.path())
            .advice("close the heap in all processes and open it again")
    }

    /// One attempt; false if the logs changed meanwhile or do not lead to the target.
    fn reload_once(&self, book: &mut Book, target: Option<u64>) -> Result<bool> {
        let (logs, cursor, spans) = self.read_logs(book, target)?;
        let reached = cursor.map_or(self.checkpointed(book), |cursor| cursor.txn);
        let mut stable = target.is_none_or(|target| target == reached);
        for log in &logs {
            stable &= self.still(log)?;
        }
        if !stable {
            return Ok(false);
        }
        if self.slot.is_none() && self.seen() == u64::MAX {
            // Nobody without a slot recovered. A living writer may have gone on meanwhile.
            if let Some(damage) = self.damage(book, &logs, cursor)? {
                if self.read_logs(book, target)?.1 == cursor {
                    return Err(damage);
                }
            }
        }
        // Until all is copied in the mapping shows no state at all.
        self.set_seen(u64::MAX);
        let whole = PREAMBLE_BYTES..self.mapped_bytes();
        self.view.discard(whole).map_err(|e| self.os_error("cannot drop pages", e))?;
        book.private_bytes = 0;
        book.drop_due = false;
        book.shadows.clear();
        book.index.clear();
        book.index.add(&spans);
        book.cursor = cursor;
        book.keep_logs(logs);
        book.writer = None;
        if !self.copy_in(book, 0, reached)? {
            return Ok(false);
        }
        self.set_seen(reached);
        self.count_refresh();
        Ok(true)
    }

    /// O3: all that both logs hold beyond the checkpoint, in order, up to `target`.
    pub(super) fn read_logs(
        &self,
        book: &Book,
        target: Option<u64>,
    ) -> Result<(Vec<LogFile>, Option<Cursor>, Vec<Span>)> {
        let checkpoint = self.checkpointed(book);
        let mut logs = Vec::new();
        for which in 0..2 {
            logs.extend(self.open_log(which)?);
        }
        logs.sort_by_key(|log| log.header.generation);
        let mut spans = Vec::new();
        let mut at: Option<Cursor> = None;
        for log in &logs {
            let start = log.start();
            if at.is_some_and(|at| start.txn < at.txn) {
                continue; // a successor whose first frame was never written
            }
            if target.is_some_and(|target| start.txn > target) {
                break; // what we look for lies before it
            }
            let reached = at.map_or(checkpoint, |at| at.txn.max(checkpoint));
            if start.txn > reached {
                if self.accept_loss && at.is_some_and(|at| at.txn >= checkpoint) {
                    break;
                }
                return Err(self.gap(reached, start.txn));
            }
            at = Some(self.read_frames(log, start, target, &mut spans)?);
        }
        spans.retain(|span| span.txn > checkpoint);
        let at = at.filter(|at| at.txn >= checkpoint);
        Ok((logs, at, spans))
    }

    fn gap(&self, reached: u64, next: u64) -> Error {
        let text =
            format!("the log ends with transaction {reached}, its successor begins after {next}");
        Error::new(ErrorKind::Corrupt, text).at(self.host.path()).advice(super::damage::ADVICE)
    }

    pub(super) fn still(&self, log: &LogFile) -> Result<bool> {
        log.is_current().map_err(|error| self.os_error("cannot read the log", error))
    }

    pub(super) fn open_log(&self, which: u64) -> Result<Option<LogFile>> {
        let fail = |error| self.os_error("cannot open the log", error);
        match self.host.log(which as usize, false).map_err(fail)? {
            Some(file) => LogFile::open(file, &self.identity().uuid).map_err(fail),
            None => Ok(None),
        }
    }

    /// The checkpoint as the bulletin (or, for who may not rely on it, the superblock) says.
    pub(super) fn checkpointed(&self, book: &Book) -> u64 {
        if self.slot.is_none() {
            return book.superblock.checkpoint_txn;
        }
        self.bulletin().checkpoint_txn.load(SeqCst)
    }

    /// Maps what the file has grown by.
    fn map_whole_file(&self) -> Result<()> {
        let len =
            self.host.data().len().map_err(|e| self.os_error("cannot measure the file", e))?;
        let whole = (len & !(PAGE_BYTES - 1)).min(self.view.reserved_bytes());
        if whole > self.mapped_bytes() {
            self.view.extend(whole).map_err(|e| self.os_error("cannot map the heap", e))?;
            self.set_mapped(whole);
        }
        Ok(())
    }

    /// Everything above relies on it that what the header counts is mapped.
    fn check_page_count(&self) -> Result<()> {
        // SAFETY: the header page is mapped; the gate keeps writers of this process away.
        let (used, mapped) = (unsafe { self.used_bytes() }, self.mapped_bytes());
        if used <= mapped {
            return Ok(());
        }
        let text = format!("the header claims {used} bytes, the heap file has {mapped}");
        Err(Error::new(ErrorKind::Corrupt, text).at(self.host.path()).offset(HEADER_OFFSET))
    }

    /// Copies in what transactions `after < t <= upto` wrote. False if a log that it came from was
    /// begun anew meanwhile: then it may be anything.
    fn copy_in(&self, book: &mut Book, after: u64, upto: u64) -> Result<bool> {
        let from_file = merged(book.index.file_ranges(after, upto).collect(), 0);
        book.shadows.forget(&from_file);
        for range in from_file {
            let range = range.start..range.end.min(self.mapped_bytes());
            self.view.discard(range).map_err(|e| self.os_error("cannot drop pages", e))?;
        }
        // P28
        let windows = merged(book.windows.clone(), 0);
        let outside = split(&[0..u64::MAX], &windows).1;
        let mut pieces = book.index.plan(after, upto, Some(&outside));
        self.copy_pieces(book, &pieces)?;
        pieces.extend(self.drop_stale_windows(book, after, upto)?);
        for (which, log) in book.logs.iter().enumerate() {
            let used = pieces.iter().any(|piece| piece.log == which);
            if let Some(log) = log.as_ref().filter(|_| used) {
                if !self.still(log)? {
                    return Ok(false);
                }
            }
        }
        self.check_page_count()?;
        Ok(true)
    }

    /// Copies pieces of the logs into the mapping.
    pub(super) fn copy_pieces(&self, book: &mut Book, pieces: &[Piece]) -> Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        book.baseline_stale = true;
        book.shadows.clear();
        let fail = |error| self.os_error("cannot read the log", error);
        self.view.set_writable(true).map_err(fail)?;
        let mut contents = Contents::new(&book.logs, pieces);
        for piece in pieces {
            let inside = piece.lies_in(PREAMBLE_BYTES..self.mapped_bytes());
            if !inside {
                let text = format!(
                    "the log names {} bytes there, the heap file has {}",
                    piece.bytes,
                    self.mapped_bytes()
                );
                return Err(Error::new(ErrorKind::Corrupt, text)
                    .at(self.host.path())
                    .offset(piece.offset)
                    .advice("open it for writing once, or restore a backup"));
            }
            // SAFETY: the range lies in the mapped part (checked above) and behind the preamble;
            // the gate keeps every reader and writer of this process away while the book is held
            // by who catches up.
            let into = unsafe {
                let at = self.view.base().add(piece.offset as usize);
                std::slice::from_raw_parts_mut(at, piece.bytes as usize)
            };
            self.view.note_stores(piece.offset..piece.offset + piece.bytes);
            if !contents.read(piece, into).map_err(fail)? {
                let text = "the log is shorter than it was";
                return Err(Error::new(ErrorKind::Truncated, text).at(self.host.path()));
            }
        }
        self.view.set_writable(false).map_err(fail)
    }
}
