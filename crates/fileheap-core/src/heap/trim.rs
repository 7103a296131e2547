//! Trim: gives disk space of free runs back to the filesystem.

use std::ops::Range;

use super::Heap;
use crate::Result;
use crate::format::PAGE_BYTES;
use crate::os::Wait;

/// What trim gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrimReport {
    /// Bytes cut off the end of the file.
    pub cut_bytes: u64,
    /// Bytes of holes punched into it.
    pub punched_bytes: u64,
}

/// Smaller free runs are not worth a hole.
const PUNCH_MIN_PAGES: u64 = 16;

impl Heap {
    /// Cuts the free tail off the file where no other process is attached, and punches holes
    /// where free runs are. What is punched is reserved again before it is handed out.
    pub fn trim(&self) -> Result<TrimReport> {
        let mut report = TrimReport::default();
        let mut holes: Vec<Range<u64>> = Vec::new();
        let mut txn = self.begin_write()?;
        let allocator = &self.shared.allocator;
        // SAFETY: the transaction is ours alone, and nobody allocates through it now.
        unsafe { allocator.return_spare(&txn)? };
        let pages = allocator.shrink_tail(&txn)?;
        allocator.punch(&txn, PUNCH_MIN_PAGES, &mut |hole| {
            holes.push(hole);
            Ok(())
        })?;
        // P22: what is given up must be committed and durable before it goes.
        txn.set_durability(crate::txn::Durability::Power);
        txn.commit()?;
        let engine = &self.shared.engine;
        for hole in &holes {
            let bytes = hole.start * PAGE_BYTES..hole.end * PAGE_BYTES;
            engine.punch(bytes.clone())?;
            report.punched_bytes += bytes.end - bytes.start;
        }
        if !holes.is_empty() {
            // A hole that a power cut undid would show what lay there instead of zeros.
            engine.sync_file()?;
        }
        report.cut_bytes = engine.cut_tail(pages * PAGE_BYTES, Wait::Forever)?;
        Ok(report)
    }
}
