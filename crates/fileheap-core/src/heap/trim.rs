//! Trim: gives disk space that nothing uses back to the filesystem.

use super::Heap;
use crate::Result;
use crate::alloc::Ground;
use crate::format::PAGE_BYTES;
use crate::os::Wait;
use crate::txn::Durability;

/// What trim gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrimReport {
    /// Bytes cut off the end of the file.
    pub cut_bytes: u64,
    /// Bytes of holes punched into it.
    pub punched_bytes: u64,
    /// A reader of an older state kept free pages between small allocations from being given
    /// back: trim again when it is done.
    pub hindered: bool,
}

/// Smaller free runs are not worth a hole.
const PUNCH_MIN_PAGES: u64 = 16;

impl Heap {
    /// Cuts the free tail off the file where no other process is attached, and punches holes
    /// where free runs are, and free pages between small allocations. What is punched is reserved
    /// again before it is handed out.
    pub fn trim(&self) -> Result<TrimReport> {
        self.trim_with_progress(&mut |_, _| ())
    }

    /// The same; `progress` is told how many bytes of holes are punched, and how many will be.
    pub fn trim_with_progress(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<TrimReport> {
        let mut report = TrimReport::default();
        let mut txn = self.begin_write()?;
        let (engine, allocator) = (&self.shared.engine, &self.shared.allocator);
        txn.set_durability(Durability::Power);
        // SAFETY: the transaction is ours alone, and nobody allocates through it now.
        unsafe { allocator.return_spare(&txn)? };
        // What is free then is free in a durable state, and nothing of it waits in the log.
        txn.commit_and_continue()?;
        txn.checkpoint()?;
        let pages = allocator.shrink_tail(&txn)?;
        // SAFETY: as above.
        let holes = unsafe { allocator.punch(&txn, PUNCH_MIN_PAGES)? };
        report.hindered = holes.zones_kept;
        let in_bytes = |hole: &std::ops::Range<u64>| hole.start * PAGE_BYTES..hole.end * PAGE_BYTES;
        let holes_bytes: Vec<_> = holes.pages.iter().map(in_bytes).collect();
        // Whoever has private copies of those pages must not take them for what the file has; and
        // ours must not pass for stores to what is claimed (P26).
        engine.drop_private(&holes_bytes)?;
        holes.pages.iter().for_each(|hole| Ground::claimed(&txn, hole.clone()));
        // P22: what is given up must be committed and durable before it goes, and no other writer
        // may take it again in between.
        txn.commit_and_continue()?;
        report.punched_bytes = engine.punch(&holes_bytes, progress)?;
        txn.abort()?;
        report.cut_bytes = engine.cut_tail(pages * PAGE_BYTES, Wait::Forever)?;
        Ok(report)
    }
}
