//! Backup: a consistent copy of the heap while others go on writing.

use std::io::IoSlice;
use std::path::Path;

use super::{Heap, identity};
use crate::format::{HEADER_OFFSET, Header, PAGE_BYTES, PREAMBLE_BYTES, Plain, Superblock};
use crate::os::{File, Host, SystemHost};
use crate::{Error, ErrorKind, Result};

const BLOCK_BYTES: usize = 1024 * 1024;

impl Heap {
    /// Copies the newest committed state to a new file, by reflink where the filesystem can. The
    /// copy has the same identity and needs no log. While it is made, commits go on and the log
    /// grows. A handle for writing waits for a transaction that is open when it begins. One for
    /// reading does not, nor does it need the right to write; where a thread of its process reads
    /// an older state, that is the one that is copied. Bytes of direct extents are copied as they
    /// are.
    pub fn backup(&self, target: impl AsRef<Path>) -> Result<()> {
        self.backup_with_progress(target, &mut |_, _| ())
    }

    /// The same; `progress` is told how many bytes are copied, and how many there are.
    pub fn backup_with_progress(
        &self,
        target: impl AsRef<Path>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        self.still_open()?;
        self.copy_to(target.as_ref(), progress)
    }

    /// P21: without the name until it is whole and synced.
    pub(super) fn copy_to(&self, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let copy = SystemHost::create(target, 0, 0o600)?;
        self.fill_copy(&copy, progress)?;
        copy.publish().map_err(|error| Error::os("cannot name the copy", error).at(target))
    }

    fn fill_copy(&self, copy: &SystemHost, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let engine = &self.shared.engine;
        let txn = engine.freeze_newest()?;
        let done = self.copy_frozen(txn, copy, progress);
        engine.thaw_newest()?;
        done
    }

    /// U2-U4.
    fn copy_frozen(
        &self,
        txn: u64,
        copy: &SystemHost,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let engine = &self.shared.engine;
        let to = &**copy.data();
        let fail = |error| Error::os("cannot write the copy", error).at(copy.path());
        let from = &**engine.host().data();
        loop {
            let snapshot = engine.read_frozen(txn)?;
            let len = from.len().map_err(fail)?;
            if to.clone_from(from).is_err() {
                copy_blocks(from, to, len, progress).map_err(fail)?;
            }
            if engine.replay_onto(&snapshot, to)? {
                let done = finish(to, &snapshot.superblock, txn);
                return done.map_err(|error| error.at(copy.path()));
            }
            // What was copied from the wrong places must not stay: all of it is copied again.
            to.truncate(0).map_err(fail)?;
        }
    }
}

fn copy_blocks(
    from: &dyn File,
    to: &dyn File,
    len: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> std::io::Result<()> {
    to.reserve(0..len)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = PREAMBLE_BYTES;
    while at < len {
        let want = (len - at).min(BLOCK_BYTES as u64) as usize;
        let got = from.read_at(at, &mut block[..want])?;
        // What was just reserved reads as zeros already.
        if block[..got].iter().any(|&byte| byte != 0) {
            to.write_at(at, &[IoSlice::new(&block[..got])])?;
        }
        at += want as u64;
        progress(at, len);
    }
    Ok(())
}

/// Makes the copy a heap of its own that was closed cleanly at `txn`.
fn finish(copy: &dyn File, source: &Superblock, txn: u64) -> Result<()> {
    let fail = |error| Error::os("cannot finish the copy", error);
    let mut header = [0; size_of::<Header>()];
    copy.read_at(HEADER_OFFSET, &mut header).map_err(fail)?;
    let used = Header::from_bytes(&header).page_count.saturating_mul(PAGE_BYTES);
    let len = copy.len().map_err(fail)?;
    if used > len || used < PREAMBLE_BYTES {
        let text = format!("the header speaks of {used} bytes, the file has {len}");
        return Err(Error::new(ErrorKind::Corrupt, text).offset(HEADER_OFFSET));
    }
    copy.truncate(used).map_err(fail)?;
    let zeros = vec![0; PREAMBLE_BYTES as usize];
    copy.write_at(0, &[IoSlice::new(&zeros)]).map_err(fail)?;
    copy.sync().map_err(fail)?;
    let superblock = Superblock {
        sequence: source.sequence + 1,
        checkpoint_txn: txn,
        file_bytes: used,
        flags: 0,
        ..*source
    }
    .sealed();
    debug_assert!(identity::sound(&superblock, 0).is_ok());
    for which in [1, 0] {
        let part = IoSlice::new(superblock.as_bytes());
        copy.write_at(Superblock::offset(which), &[part]).map_err(fail)?;
    }
    copy.sync().map_err(fail)
}
