//! How long a heap may get: what a new one records, and what opening may change that to.

use super::Options;
use crate::format::{HEAP_MAX_BYTES, INITIAL_BYTES, PAGE_BYTES, Superblock};
use crate::os::File;
use crate::{Error, ErrorKind, Result};

/// The limit of a new heap, unless one says otherwise.
pub const DEFAULT_BYTES: u64 = 1 << 40;

/// The limit that a caller who may write asks for, in whole pages.
pub fn asked(options: &Options) -> Result<Option<u64>> {
    let Some(bytes) = options.limit_bytes.filter(|_| options.writable) else { return Ok(None) };
    if (INITIAL_BYTES..=HEAP_MAX_BYTES).contains(&bytes) {
        return Ok(Some(bytes & !(PAGE_BYTES - 1)));
    }
    let text = format!(
        "a heap's limit must be from {INITIAL_BYTES} to {HEAP_MAX_BYTES} bytes, not {bytes}"
    );
    Err(Error::new(ErrorKind::InvalidArgument, text).advice("give another limit_bytes"))
}

/// The limit that opening is to record, if it asks for another one than the heap has.
pub fn change(
    options: &Options,
    superblock: &Superblock,
    file: &dyn File,
    alone: bool,
) -> Result<Option<u64>> {
    let recorded = superblock.limit_bytes;
    let Some(limit) = asked(options)?.filter(|&limit| limit != recorded) else { return Ok(None) };
    if !alone {
        // They reserved their addresses for the limit they found, and grow the file up to it.
        return Err(differs(limit, recorded, "another process has the heap open"));
    }
    let len = file.len().map_err(|error| Error::os("cannot measure the file", error))?;
    if limit < len {
        let text =
            format!("a limit of {limit} bytes was asked for, but the file has {len} already");
        return Err(Error::new(ErrorKind::InvalidArgument, text)
            .advice("give a larger limit_bytes or none, or trim the heap first"));
    }
    Ok(Some(limit))
}

/// What this process has open already must have the limit that is asked for.
pub fn agree(options: &Options, recorded: u64) -> Result<()> {
    match asked(options)? {
        Some(limit) if limit != recorded => {
            Err(differs(limit, recorded, "this process has the heap open already"))
        }
        _ => Ok(()),
    }
}

fn differs(limit: u64, recorded: u64, who: &str) -> Error {
    let text = format!("{who} with a limit of {recorded} bytes; {limit} were asked for");
    Error::new(ErrorKind::Busy, text)
        .advice("a limit changes when nobody else has the heap open: close it there, or give none")
}
