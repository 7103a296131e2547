//! Writing: the one open transaction; allocation, catalog, touch; commit or abort.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use super::{Shared, read};
use crate::alloc::{Freed, Ground, Mapped};
use crate::catalog::{Catalog, Cells, Memory};
use crate::format::{EXTENT_BYTES, HEADER_OFFSET, Header, PAGE_BYTES};
use crate::os::Wait;
use crate::txn::{Changes, Durability};
use crate::{Error, ErrorKind, Result};

/// The open write transaction. Dropping it aborts.
///
/// Allocation takes `&self` and works from several threads at once; commit and abort take the
/// transaction itself, so no allocation can be under way.
pub struct WriteTxn {
    shared: Arc<Shared>,
    /// At hand: every allocation asks for it.
    base: Base,
    changes: Changes,
    number: u64,
    durability: Durability,
    ended: bool,
}

/// The address of offset 0: a pointer, since one made of a number would have no provenance.
struct Base(*mut u8);

// SAFETY: an address and nothing else; who stores there from which thread is up to the users.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

/// From this size on an allocation is filled in place: mapped shared until the commit, so that it
/// takes no anonymous memory. Below it two system calls cost more than a copy.
const SHARED_BYTES: u64 = 8 * EXTENT_BYTES;

/// What was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alloc {
    /// Where it begins.
    pub offset: u64,
    /// Bytes that may be used.
    pub bytes: u64,
    /// They are known to be zero.
    pub zero: bool,
}

impl WriteTxn {
    pub(super) fn begin(shared: &Arc<Shared>, wait: Wait, tracked: bool) -> Result<Self> {
        let number = shared.engine.begin_write(wait)?;
        let changes = shared.engine.begin_changes(tracked).inspect_err(|_| {
            shared.engine.end_write();
        })?;
        let refreshes = shared.engine.refreshes();
        let txn = Self {
            shared: shared.clone(),
            base: Base(shared.engine.view().base()),
            changes,
            number,
            durability: shared.durability,
            ended: false,
        };
        if shared.known_refreshes.swap(refreshes, Relaxed) != refreshes {
            // SAFETY: the gate admits one writer, and it has not begun to allocate.
            unsafe { shared.allocator.reset(number - 1) };
        }
        Ok(txn)
    }

    /// The number this transaction commits as.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What this commit is to survive, if not what the heap's options say.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// The address of offset 0.
    #[must_use]
    #[inline]
    pub fn base(&self) -> *mut u8 {
        self.base.0
    }

    /// The address of an offset.
    #[must_use]
    #[inline]
    pub fn resolve(&self, offset: u64) -> *mut u8 {
        self.base().wrapping_add(offset as usize)
    }

    /// The bytes of the heap as they are now.
    #[must_use]
    pub fn memory(&self) -> Memory<'_> {
        // SAFETY: only this transaction stores to the heap; who calls this does not do so on
        // another thread at the same time, as `Memory::new` says.
        unsafe { read::memory(&self.shared) }
    }

    /// Names and records, to change them.
    pub fn catalog(&mut self) -> Catalog<'_, Self> {
        // SAFETY: &mut self: no other thread allocates or stores through this transaction.
        unsafe { Catalog::new(self) }
    }

    /// Allocates. Large allocations are not logged: they go home at commit, from 16 MiB on as they
    /// are filled.
    #[inline(always)]
    pub fn alloc(&self, bytes: u64, align: u64) -> Result<u64> {
        match self.shared.allocator.alloc_quick(self, bytes, align) {
            Some(offset) => Ok(offset),
            None => self.alloc_slow(bytes, align),
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, bytes: u64, align: u64) -> Result<u64> {
        if bytes >= SHARED_BYTES {
            return self.alloc_extent(bytes, align, false).map(|made| made.offset);
        }
        self.placed(self.shared.allocator.alloc_slow(self, bytes, align))
    }

    /// Allocates memory that reads as zeros.
    pub fn alloc_zeroed(&self, bytes: u64, align: u64) -> Result<u64> {
        if bytes < SHARED_BYTES {
            return self.placed(self.shared.allocator.alloc_zeroed(self, bytes, align));
        }
        self.zeroed_extent(bytes, align, false).map(|made| made.offset)
    }

    /// Allocates a direct extent: its stores go straight to the file, at once visible to other
    /// processes. Its existence is transactional, its bytes are not. Whole pages.
    pub fn alloc_direct(&self, bytes: u64, zeroed: bool) -> Result<Alloc> {
        if zeroed {
            return self.zeroed_extent(bytes, PAGE_BYTES, true);
        }
        self.alloc_extent(bytes, PAGE_BYTES, true)
    }

    fn alloc_extent(&self, bytes: u64, align: u64, direct: bool) -> Result<Alloc> {
        self.shared.engine.may_write()?; // a forked child would store to the file
        let mapped = if direct { Mapped::Direct } else { Mapped::Shared };
        let run = self.placed(self.shared.allocator.alloc_run(self, bytes, align, mapped))?;
        let range = run.offset..run.offset + run.bytes;
        let engine = &self.shared.engine;
        // A copy made by other programs may have holes where the heap has reserved space (A3).
        let ready = engine.reserve(range.clone()).and_then(|()| match run.claimed {
            true => engine.share_fresh(&self.changes, range, direct),
            false => Ok(()),
        });
        if let Err(error) = ready {
            self.shared.allocator.free(self, run.offset)?;
            return Err(error);
        }
        Ok(Alloc { offset: run.offset, bytes: run.bytes, zero: run.zero })
    }

    fn zeroed_extent(&self, bytes: u64, align: u64, direct: bool) -> Result<Alloc> {
        let made = self.alloc_extent(bytes, align, direct)?;
        if !made.zero {
            let range = made.offset..made.offset + made.bytes;
            if self.shared.engine.zero_fresh(&self.changes, range)? {
                return Ok(Alloc { zero: true, ..made });
            }
            // SAFETY: the run was just allocated: mapped, writable, nobody else's.
            unsafe { self.resolve(made.offset).write_bytes(0, made.bytes as usize) };
            self.touch(made.offset, made.bytes);
        }
        Ok(Alloc { zero: true, ..made })
    }

    /// Frees an allocation.
    #[inline(always)]
    pub fn free(&self, offset: u64) -> Result<()> {
        match self.shared.allocator.free_quick(self, offset) {
            Some(_) => Ok(()),
            None => self.free_slow(offset),
        }
    }

    #[cold]
    #[inline(never)]
    fn free_slow(&self, offset: u64) -> Result<()> {
        // Its mapping comes first: freed, the space may be another thread's at once.
        let piece = match offset % PAGE_BYTES {
            0 => self.shared.allocator.piece(offset).ok(), // what is wrong with it `free` says
            _ => None,
        };
        let mapped = |run: &Freed| run.direct || run.run && run.bytes >= SHARED_BYTES;
        if let Some(run) = piece.filter(mapped) {
            if run.direct {
                self.changes.unsynced.store(true, Relaxed);
            }
            self.shared.engine.forget_run(&self.changes, offset..offset + run.bytes)?;
        }
        self.placed(self.shared.allocator.free_slow(self, offset)).map(drop)
    }

    /// Bytes that may be used of an allocation.
    pub fn usable_bytes(&self, offset: u64) -> Result<u64> {
        self.placed(self.shared.allocator.usable_bytes(offset))
    }

    /// Makes an allocation longer or shorter without moving it, as far as possible; says whether
    /// `bytes` fit now.
    pub fn resize_in_place(&self, offset: u64, bytes: u64) -> Result<bool> {
        let allocator = &self.shared.allocator;
        let old = self.placed(allocator.piece(offset))?;
        let shared =
            old.run && self.shared.engine.is_shared(&self.changes, &(offset..offset + old.bytes));
        if shared {
            // A window's length is fixed: only what fits stays in place.
            return Ok(bytes <= old.bytes);
        }
        let fits = self.placed(allocator.resize_in_place(self, offset, bytes))?;
        if old.direct {
            let now = self.placed(allocator.piece(offset))?.bytes;
            self.shared.engine.resize_enlisted(&self.changes, offset..offset + now);
        }
        Ok(fits)
    }

    /// Makes an allocation longer or shorter; moves it if it must. Returns where it is now.
    pub fn realloc(&self, offset: u64, bytes: u64, align: u64) -> Result<u64> {
        let old = self.placed(self.shared.allocator.piece(offset))?;
        if offset & (align.max(1) - 1) == 0 && self.resize_in_place(offset, bytes)? {
            return Ok(offset);
        }
        let new = if old.direct {
            self.alloc_extent(bytes, align, true)?.offset
        } else {
            self.alloc(bytes, align)?
        };
        let copied = old.bytes.min(bytes);
        // SAFETY: two different live allocations, at least `copied` bytes each.
        unsafe {
            let to = self.resolve(new);
            std::ptr::copy_nonoverlapping(self.resolve(offset), to, copied as usize);
        }
        self.touch(new, copied);
        self.free(offset)?;
        Ok(new)
    }

    /// Says that bytes were stored to. Only tracked transactions need it.
    #[inline]
    pub fn touch(&self, offset: u64, bytes: u64) {
        if self.changes.tracked {
            self.note(offset, bytes);
        }
    }

    // Apart: allocation is inlined into its callers, and this would make them save registers.
    #[inline(never)]
    fn note(&self, offset: u64, bytes: u64) {
        let set = self.changes.touched.lock();
        set.unwrap_or_else(PoisonError::into_inner).add(offset, bytes);
    }

    /// Whether an allocation is a direct extent.
    pub fn is_direct(&self, offset: u64) -> Result<bool> {
        self.placed(self.shared.allocator.piece(offset)).map(|piece| piece.direct)
    }

    /// Lets this process store to a direct extent in place. Without it stores to the extent are
    /// part of the transaction like any other; those made before in this one are lost, so it comes
    /// first. What is enlisted stays so until the commit.
    pub fn open_direct(&self, offset: u64) -> Result<()> {
        self.shared.engine.open_window(&self.changes, self.direct_range(offset)?)
    }

    /// Makes this transaction's later stores to a direct extent atomic: committed or undone as a
    /// whole. Until then other processes see the old bytes.
    pub fn enlist(&self, offset: u64) -> Result<()> {
        self.shared.engine.enlist(&self.changes, self.direct_range(offset)?)
    }

    fn direct_range(&self, offset: u64) -> Result<Range<u64>> {
        let piece = self.placed(self.shared.allocator.piece(offset))?;
        if piece.direct {
            return Ok(offset..offset + piece.bytes);
        }
        let text = "expected a direct extent, found another allocation";
        self.placed(Err(Error::new(ErrorKind::BadPointer, text).offset(offset)))
    }

    /// One of the eight roots of the faces.
    #[must_use]
    pub fn face_root(&self, index: usize) -> u64 {
        // SAFETY: the header page is mapped and only this transaction stores to it.
        unsafe { (*self.header()).face_roots[index] }
    }

    /// Sets it.
    pub fn set_face_root(&mut self, index: usize, offset: u64) {
        // SAFETY: as above, and &mut self keeps other threads away.
        let slot = unsafe { &raw mut (*self.header()).face_roots[index] };
        // SAFETY: in the header page.
        unsafe { slot.write(offset) };
        let at = slot as u64 - self.base() as u64;
        self.touch(at, 8);
    }

    fn header(&self) -> *mut Header {
        // SAFETY: the header page lies inside the mapping.
        unsafe { self.base().add(HEADER_OFFSET as usize).cast() }
    }

    /// Commits and ends. On an error the transaction is aborted, except that `NoSpace`-like
    /// failures can be retried with `commit_and_continue`, which keeps it open.
    pub fn commit(mut self) -> Result<u64> {
        self.commit_open()?;
        self.ended = true;
        self.shared.engine.end_write();
        Ok(self.number)
    }

    /// Commits and goes on with the next transaction, without letting another writer in.
    /// On an error other than `Poisoned` everything is as it was before the call.
    pub fn commit_and_continue(&mut self) -> Result<u64> {
        self.commit_open()?;
        let committed = self.number;
        // Not the next number: nothing to commit takes none, enlisted extents take two. And before
        // what follows, which forgets what was seen if it fails.
        self.number = self.shared.engine.seen() + 1;
        self.changes = self.shared.engine.next_changes(self.changes.tracked);
        Ok(committed)
    }

    /// Carries the log home; nothing was done in this transaction yet.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.shared.engine.checkpoint_between(&mut self.changes)
    }

    fn commit_open(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        // SAFETY: &mut self: no thread allocates through this transaction now.
        self.placed(unsafe { shared.allocator.settle(self) })?;
        shared.engine.commit(&mut self.changes, self.durability)?;
        if self.durability == Durability::Background {
            shared.flusher.ring(&shared.engine);
        }
        Ok(())
    }

    /// Undoes everything and ends. In a forked child it does nothing: the transaction is the
    /// parent's.
    pub fn abort(mut self) -> Result<()> {
        if !self.shared.engine.host().board().is_mine() {
            return self.shared.engine.may_write();
        }
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        self.ended = true;
        let done = self.shared.engine.abort(&mut self.changes);
        // SAFETY: &mut self, as above.
        unsafe { self.shared.allocator.reset(self.number - 1) };
        self.shared.engine.end_write();
        done
    }

    fn placed<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.at(self.shared.engine.host().path()))
    }
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        if !self.ended && self.shared.engine.host().board().is_mine() {
            // An error has poisoned the engine: the next call says so.
            let _ = self.undo();
        }
    }
}

impl Ground for WriteTxn {
    #[inline]
    fn base(&self) -> *mut u8 {
        Self::base(self)
    }

    #[inline]
    fn touch(&self, offset: u64, bytes: u64) {
        Self::touch(self, offset, bytes);
    }

    fn extend(&self, total_pages: u64) -> Result<bool> {
        self.shared.engine.extend(total_pages.saturating_mul(PAGE_BYTES))
    }

    fn reserve(&self, pages: Range<u64>) -> Result<()> {
        self.shared.engine.reserve(pages.start * PAGE_BYTES..pages.end * PAGE_BYTES)
    }

    fn txn(&self) -> u64 {
        self.number
    }

    fn safe_txn(&self) -> u64 {
        if let Some(known) = self.changes.safe.load(Relaxed).checked_sub(1) {
            return known;
        }
        let safe = self.shared.engine.safe_txn();
        // Another thread may have secured more meanwhile.
        self.changes.safe.fetch_max(safe + 1, Relaxed);
        safe
    }

    fn secure(&self) -> Result<bool> {
        let secured = self.shared.engine.secure()? + 1;
        Ok(self.changes.safe.fetch_max(secured, Relaxed) < secured)
    }

    fn claimed(&self, pages: Range<u64>) {
        let mut claimed = self.changes.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.add(pages.start * PAGE_BYTES..pages.end * PAGE_BYTES);
    }

    fn taken(&self, pages: Range<u64>) {
        let mut taken = self.changes.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.add(pages.start * PAGE_BYTES..pages.end * PAGE_BYTES);
    }

    fn is_claimed(&self, pages: Range<u64>) -> bool {
        let claimed = self.changes.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.cover(&(pages.start * PAGE_BYTES..pages.end * PAGE_BYTES))
    }
}

impl Cells for WriteTxn {
    #[inline]
    fn base(&self) -> *mut u8 {
        Self::base(self)
    }

    fn file_bytes(&self) -> u64 {
        self.shared.engine.mapped_bytes()
    }

    fn alloc(&self, bytes: u64) -> Result<u64> {
        Self::alloc(self, bytes, if bytes >= 64 { 64 } else { 16 })
    }

    fn free(&self, offset: u64) -> Result<()> {
        Self::free(self, offset)
    }

    fn touch(&self, offset: u64, bytes: u64) {
        Self::touch(self, offset, bytes);
    }
}
