//! Compact: a dense copy of the heap takes its place, atomically.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Heap, Options, WriteTxn, open, registry};
use crate::format::{RECORD_RELOCATABLE, VectorRecord};
use crate::{Error, ErrorKind, Result};

/// What compaction won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactReport {
    /// Bytes on disk before.
    pub before_bytes: u64,
    /// Bytes on disk after.
    pub after_bytes: u64,
    /// Payloads of records that were moved.
    pub moved_count: u64,
}

/// So many records are looked at in one transaction.
const PAGE: usize = 1000;

impl Heap {
    /// Rewrites the heap at `path` into a dense file, which then replaces it. Nobody may have it
    /// open. Payloads of records marked relocatable move to where they fit best; everything else
    /// keeps its offset, since pointers to it are the user's. Free runs become holes, the free
    /// tail goes.
    pub fn compact(path: impl AsRef<Path>, options: &Options) -> Result<CompactReport> {
        Self::compact_with_progress(path, options, &mut |_, _| ())
    }

    /// The same; `progress` is told how many bytes are copied, and how many there are.
    pub fn compact_with_progress(
        path: impl AsRef<Path>,
        options: &Options,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<CompactReport> {
        let path = std::fs::canonicalize(path.as_ref())
            .map_err(|error| Error::os("cannot find the heap", error).at(path.as_ref()))?;
        let known = std::fs::metadata(&path)
            .map_err(|error| Error::os("cannot look at the heap file", error).at(&path))?;
        if registry::knows((known.dev(), known.ino())) {
            let text = "a heap that is open in this process cannot be compacted";
            return Err(Error::new(ErrorKind::Busy, text).at(&path).advice("close it there"));
        }
        // Apart: commits of another thread must not be lost with the old file.
        let heap = open::open_apart(&path, options)?;
        if !heap.shared.engine.seize()? {
            let text = "a heap that is open elsewhere cannot be compacted";
            return Err(Error::new(ErrorKind::Busy, text).at(&path).advice("close it there"));
        }
        let before_bytes = heap.stat()?.disk_bytes;
        let mut name = path.clone().into_os_string();
        name.push(".compact");
        let dense = Path::new(&name);
        let _ = std::fs::remove_file(dense);
        let made = heap
            .copy_to(dense, progress)
            .and_then(|()| same_rights(&path, dense))
            .and_then(|()| rewrite(dense, options));
        let moved = made.and_then(|report| {
            // The door stays locked until the new file has the name: who waits at it looks again.
            heap.close_then(&|| std::fs::rename(dense, &path))?;
            Ok(report)
        });
        if moved.is_err() {
            let _ = std::fs::remove_file(dense);
        }
        let (moved_count, after_bytes) = moved?;
        Ok(CompactReport { before_bytes, after_bytes, moved_count })
    }
}

/// The new file belongs to whom the old one did, and lets the same people in.
fn same_rights(old: &Path, new: &Path) -> Result<()> {
    use std::os::unix::fs::chown;
    let give = || {
        let (old, made) = (std::fs::metadata(old)?, std::fs::metadata(new)?);
        if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
            chown(new, Some(old.uid()), Some(old.gid()))?;
        }
        std::fs::set_permissions(new, old.permissions())
    };
    give().map_err(|error| {
        Error::os("cannot give the dense copy the heap's owner and mode", error)
            .at(new)
            .advice("compact as the heap's owner, or as root")
    })
}

fn rewrite(dense: &Path, options: &Options) -> Result<(u64, u64)> {
    let heap = open::open_apart(dense, options)?;
    let mut moved = 0;
    let mut after = 0;
    loop {
        let page = heap.begin_read()?.catalog().records().list(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let mut txn = heap.begin_write()?;
        for record in page.iter().filter(|record| record.flags & RECORD_RELOCATABLE != 0) {
            moved += u64::from(move_down(&mut txn, record)?);
        }
        txn.commit()?;
    }
    heap.trim()?;
    heap.trim()?; // what the first one gave back may have been the new tail's neighbour
    let bytes = heap.stat()?.disk_bytes;
    heap.close()?;
    Ok((moved, bytes))
}

/// Moves a payload if a place before it is free.
fn move_down(txn: &mut WriteTxn, record: &VectorRecord) -> Result<bool> {
    let (from, bytes) = (record.payload_offset, record.payload_bytes);
    if from == 0 || bytes == 0 {
        return Ok(false);
    }
    let direct = txn.is_direct(from)?;
    let to = if direct { txn.alloc_direct(bytes, false)?.offset } else { txn.alloc(bytes, 64)? };
    if to > from {
        txn.free(to)?;
        return Ok(false);
    }
    // SAFETY: two different live allocations of at least `bytes` bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(txn.resolve(from), txn.resolve(to), bytes as usize);
    }
    txn.touch(to, bytes);
    txn.catalog().records().update(record.id, |moved| moved.payload_offset = to)?;
    txn.free(from)?;
    Ok(true)
}
