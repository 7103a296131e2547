//! Checkpoint: carries the log home, retires it, and finds a dead writer's last words.

use std::io::IoSlice;
use std::sync::atomic::Ordering::SeqCst;

use super::book::Book;
use super::commit::{Changes, whole_pages};
use super::engine::Engine;
use super::pins;
use crate::format::{HEADER_OFFSET, Header, LogHeader, PAGE_BYTES, Plain, Superblock};
use crate::log::{Contents, Cursor, LogFile, Piece, synced_bytes};
use crate::os::Wait;
use crate::{Error, ErrorKind, Result};

const BLOCK_BYTES: usize = 1024 * 1024;
/// Up to this size a search for dirty pages looks at every page.
const SMALL_HEAP_BYTES: u64 = 1 << 30;

impl Engine {
    /// Carries home what no pin forbids. Waits for other writers.
    pub fn checkpoint(&self, wait: Wait) -> Result<()> {
        self.begin_write(wait)?;
        let mut book = self.book();
        let mut done = self.checkpoint_held(&mut book, true);
        if book.drop_due {
            done = done.and_then(|()| self.map_anew(&mut book));
        }
        drop(book);
        self.end_write();
        done
    }

    /// The same for the writer, between two of its transactions.
    pub fn checkpoint_between(&self, changes: &mut Changes) -> Result<()> {
        self.checkpoint_held(&mut self.book(), true)?;
        *changes = self.begin_changes(changes.tracked)?;
        Ok(())
    }

    /// K1-K6, with the writer word held and no transaction open.
    pub(super) fn checkpoint_held(&self, book: &mut Book, switch: bool) -> Result<()> {
        self.sync_log()?;
        let bulletin = self.bulletin();
        let published = bulletin.published_txn.load(SeqCst);
        let slot = self.slot.unwrap_or(u32::MAX);
        let limit = match self.is_frozen() {
            true => 0,
            false => pins::limit(self.host.board(), slot, published)
                .map_err(|error| self.os_error("cannot read the pins", error))?,
        };
        let before = bulletin.checkpoint_txn.load(SeqCst);
        if limit > before {
            let pieces = book.index.plan_home(before, limit);
            self.write_pieces(book, &pieces)?;
            self.sync_data()?;
            // SAFETY: the header page is mapped, and at rest while the writer word is held.
            let file_bytes = unsafe { self.used_bytes() };
            self.write_superblock(book, |superblock| {
                superblock.checkpoint_txn = limit;
                superblock.file_bytes = file_bytes;
            })?;
            bulletin.checkpoint_txn.store(limit, SeqCst);
            book.index.forget(limit);
            if limit == published {
                self.count_private(book, &pieces);
            }
        }
        if switch { self.switch_log(book, limit) } else { Ok(()) }
    }

    /// K5: everything is home: private pages are copies now, good for speed only. They go where no
    /// thread can be storing to them: when the next transaction begins.
    fn count_private(&self, book: &mut Book, pieces: &[Piece]) {
        let homed = pieces.iter().map(|piece| piece.offset..piece.offset + piece.bytes);
        let homed = whole_pages(homed.collect());
        book.private_bytes += homed.iter().map(|range| range.end - range.start).sum::<u64>();
        book.drop_due |= book.private_bytes > self.private_max(book);
    }

    /// How many private pages may stay. Where dirty pages are searched for, the search is the
    /// faster the fewer there are.
    fn private_max(&self, book: &Book) -> u64 {
        let searched = !book.last_tracked && self.mapped_bytes() > SMALL_HEAP_BYTES;
        if searched || self.view.wants_few_private() { 0 } else { self.private_bytes }
    }

    /// K6.
    fn switch_log(&self, book: &mut Book, checkpoint: u64) -> Result<()> {
        let published = self.bulletin().published_txn.load(SeqCst);
        let Some(tail) = self.live_tail(book) else { return Ok(()) };
        let empty = tail.position <= LogHeader::FIRST_FRAME;
        // The other log's last transaction is the one this log begins after.
        let this = book.logs[(tail.generation & 1) as usize].as_ref();
        let other_retired = this.is_some_and(|log| log.header.after_txn <= checkpoint);
        let short = self.should_leave(book, tail)?;
        let due = short || tail.position > self.log_bytes || (!empty && checkpoint == published);
        if !other_retired || !due {
            return Ok(());
        }
        match self.begin_log(book, tail.generation + 1) {
            // On a full disk the log there is goes on.
            Err(error) if error.kind() == ErrorKind::DiskFull => Ok(()),
            done => done,
        }
    }

    /// K2: from the logs into the heap file, neighbours together.
    pub(super) fn write_pieces(&self, book: &Book, pieces: &[Piece]) -> Result<()> {
        let fail = |error| self.os_error("cannot carry the log home", error);
        let mut contents = Contents::new(&book.logs, pieces);
        let mut block: Vec<u8> = Vec::with_capacity(BLOCK_BYTES);
        let mut start = 0;
        for piece in pieces {
            let follows = start + block.len() as u64 == piece.offset;
            if !follows || block.len() + piece.bytes as usize > BLOCK_BYTES {
                if !block.is_empty() {
                    self.host.data().write_at(start, &[IoSlice::new(&block)]).map_err(fail)?;
                }
                block.clear();
                start = piece.offset;
            }
            let from = block.len();
            block.resize(from + piece.bytes as usize, 0);
            if !contents.read(piece, &mut block[from..]).map_err(fail)? {
                return Err(self.lost_log());
            }
        }
        if !block.is_empty() {
            self.host.data().write_at(start, &[IoSlice::new(&block)]).map_err(fail)?;
        }
        Ok(())
    }

    fn lost_log(&self) -> Error {
        Error::new(ErrorKind::Truncated, "the log is shorter than it was")
            .at(self.host.path())
            .advice("somebody changed the log files while the heap was open: restore a backup")
    }

    /// Bytes that the header says belong to the heap.
    ///
    /// # Safety
    /// The header page is mapped and nobody stores to it meanwhile.
    pub(super) unsafe fn used_bytes(&self) -> u64 {
        // SAFETY: the caller's promise.
        let header =
            unsafe { self.view.base().add(HEADER_OFFSET as usize).cast::<Header>().read() };
        header.page_count.saturating_mul(PAGE_BYTES)
    }

    /// The ruling superblock as it is now: other processes write it, too.
    pub(super) fn refresh_superblock(&self, book: &mut Book) -> Result<()> {
        for copy in 0..2 {
            let newer = |found: &Superblock| found.sequence > book.superblock.sequence;
            if let Some(found) = self.superblock_at(copy)?.filter(newer) {
                book.superblock = found;
                book.superblock_copy = copy;
            }
        }
        Ok(())
    }

    /// Whether a copy is whole and ours.
    pub(super) fn superblock_is_sound(&self, copy: u64) -> Result<bool> {
        self.superblock_at(copy).map(|found| found.is_some())
    }

    fn superblock_at(&self, copy: u64) -> Result<Option<Superblock>> {
        let mut bytes = [0; size_of::<Superblock>()];
        let got = self.host.data().read_at(Superblock::offset(copy), &mut bytes);
        let got = got.map_err(|error| self.os_error("cannot read the superblock", error))?;
        let found = Superblock::from_bytes(&bytes);
        // As judged at opening: a copy that was no good then is none now.
        let sound = found.is_sealed() && found.is_plausible();
        let ours = sound && found.uuid == self.identity().uuid;
        Ok((got == bytes.len() && ours).then_some(found))
    }

    /// K4: the other copy, with the next sequence number, synced.
    pub(super) fn write_superblock(
        &self,
        book: &mut Book,
        change: impl FnOnce(&mut Superblock),
    ) -> Result<()> {
        self.refresh_superblock(book)?;
        let mut superblock = book.superblock;
        change(&mut superblock);
        superblock.sequence += 1;
        let superblock = superblock.sealed();
        let copy = book.superblock_copy ^ 1;
        let part = IoSlice::new(superblock.as_bytes());
        let written = self.host.data().write_at(Superblock::offset(copy), &[part]);
        written.map_err(|error| self.os_error("cannot write the superblock", error))?;
        self.sync_data()?;
        book.superblock = superblock;
        book.superblock_copy = copy;
        Ok(())
    }

    /// Both copies say that the heap was closed: it opens from either. Not synced: should this one
    /// tear, the other rules.
    pub(super) fn write_superblock_again(&self, book: &mut Book) -> Result<()> {
        let again = Superblock { sequence: book.superblock.sequence + 1, ..book.superblock };
        let (again, copy) = (again.sealed(), book.superblock_copy ^ 1);
        let part = IoSlice::new(again.as_bytes());
        let written = self.host.data().write_at(Superblock::offset(copy), &[part]);
        written.map_err(|error| self.os_error("cannot write the superblock", error))?;
        (book.superblock, book.superblock_copy) = (again, copy);
        Ok(())
    }

    /// B4: the last writer died with the log unsettled. A whole transaction at its tail counts.
    pub(super) fn adopt_tail(&self, book: &mut Book) -> Result<()> {
        // What the dead one stored to free pages of the file may be in the page cache only.
        // Refining compares with it, so it must not vanish in a power cut.
        self.sync_data()?;
        let bulletin = self.bulletin();
        let published = bulletin.published_txn.load(SeqCst);
        self.catch_up(book, Some(published))?;
        let generation = bulletin.log_generation.load(SeqCst);
        let log = self.open_log(generation & 1)?;
        if let Some(log) = log.filter(|log| log.header.generation == generation) {
            let from = book.cursor.filter(|at| at.generation == generation).unwrap_or(log.start());
            let mut spans = Vec::new();
            let tail = self.read_frames(&log, from, None, &mut spans)?;
            // What is published may have been found by a recovery that could not write.
            let durable = bulletin.durable_txn.load(SeqCst);
            // Older spans lie in an earlier life of the log's file.
            book.index.forget(bulletin.checkpoint_txn.load(SeqCst));
            if tail.txn > durable {
                self.rewrite(&log, synced_bytes(book.index.spans(), generation, durable), tail)?;
                bulletin.durable_txn.store(tail.txn, SeqCst);
                bulletin.published_txn.store(tail.txn, SeqCst);
            }
        }
        book.writer = None;
        bulletin.log_unsettled.store(0, SeqCst);
        Ok(())
    }

    /// O3: writes the same bytes again and syncs: the disk may lack what the page cache has. That
    /// may be the header, and what lies behind the first `synced` bytes.
    pub(super) fn rewrite(&self, log: &LogFile, synced: u64, to: Cursor) -> Result<()> {
        let fail = |error| self.os_error("cannot rewrite the log", error);
        let mut block = vec![0; BLOCK_BYTES.min(to.position as usize)];
        let mut part = 0..LogHeader::FIRST_FRAME;
        while !part.is_empty() {
            let bytes = &mut block[..(part.end - part.start) as usize];
            log.file.read_at(part.start, bytes).map_err(fail)?;
            log.file.write_at(part.start, &[IoSlice::new(bytes)]).map_err(fail)?;
            let next = part.end.max(synced);
            part = next..to.position.min(next + BLOCK_BYTES as u64);
        }
        log.file.sync().map_err(|error| self.poison("syncing the log", error))
    }
}
