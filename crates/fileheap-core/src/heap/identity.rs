//! Who a heap is: judging superblocks, making up a new one.

use crate::format::{PAGE_BYTES, Plain, Superblock};
use crate::os::File;
use crate::{Error, ErrorKind, Result};

/// O2: reads both superblocks and judges the file. Nothing is written.
pub fn judge(file: &dyn File) -> Result<(Superblock, u64)> {
    let len = file.len().map_err(|error| Error::os("cannot measure the file", error))?;
    if len == 0 {
        return Err(not_a_heap("the file is empty: an unfinished file, by the look of it"));
    }
    let mut bytes = vec![0; (2 * PAGE_BYTES) as usize];
    let got = file.read_at(0, &mut bytes);
    let got = got.map_err(|error| Error::os("cannot read the superblock", error))?;
    bytes.truncate(got);
    let copies: Vec<_> = (0..2_u64).filter_map(|copy| superblock_at(&bytes, copy)).collect();
    if copies.is_empty() && bytes.starts_with(&Superblock::MAGIC) {
        return Err(cut(format!("the file has {len} bytes, less than the head of a heap")));
    }
    if copies.iter().all(|(copy, _)| copy.magic != Superblock::MAGIC) {
        return Err(strange(&bytes));
    }
    let mut first_defect = None;
    let mut best: Option<(Superblock, u64)> = None;
    for (copy, which) in copies {
        if let Err(defect) = sound(&copy, which) {
            first_defect.get_or_insert(defect);
        } else if best.as_ref().is_none_or(|(other, _)| copy.sequence > other.sequence) {
            best = Some((copy, which));
        }
    }
    let Some((superblock, which)) = best else {
        let fallback = || Error::new(ErrorKind::Corrupt, "both superblocks are damaged");
        return Err(first_defect.unwrap_or_else(fallback));
    };
    if len < superblock.file_bytes {
        let text =
            format!("the file has {len} bytes, {} belong to the heap", superblock.file_bytes);
        return Err(cut(text));
    }
    Ok((superblock, which))
}

fn cut(text: String) -> Error {
    Error::new(ErrorKind::Truncated, text)
        .advice("it was cut or copied incompletely: restore it from a backup")
}

/// The copy at its place, if the file reaches that far.
pub fn superblock_at(bytes: &[u8], copy: u64) -> Option<(Superblock, u64)> {
    let from = Superblock::offset(copy) as usize;
    let bytes = bytes.get(from..from + size_of::<Superblock>())?;
    Some((Superblock::from_bytes(bytes), copy))
}

/// Judges one copy.
pub fn sound(superblock: &Superblock, copy: u64) -> Result<()> {
    let at = Superblock::offset(copy);
    if superblock.magic != Superblock::MAGIC {
        return Err(
            Error::new(ErrorKind::Corrupt, "this superblock copy lost its magic").offset(at)
        );
    }
    let order = superblock.byte_order;
    if order == Superblock::BYTE_ORDER.swap_bytes() {
        let text = "the heap was written on a machine of the other byte order";
        return Err(Error::new(ErrorKind::ForeignMachine, text)
            .offset(at)
            .advice("export it there and import it here"));
    }
    if superblock.version > Superblock::VERSION && order == Superblock::BYTE_ORDER {
        let text = format!(
            "the heap has format {}, this library reads up to {}",
            superblock.version,
            Superblock::VERSION
        );
        return Err(Error::new(ErrorKind::NewerFormat, text)
            .offset(at)
            .advice("use a newer fileheap"));
    }
    if !superblock.is_sealed() {
        let text = "the checksum of this superblock copy does not hold";
        return Err(Error::new(ErrorKind::Corrupt, text)
            .offset(at)
            .advice("restore a backup, or try repair"));
    }
    let expected =
        [("page", PAGE_BYTES, superblock.page_bytes), ("pointer", 8, superblock.pointer_bytes)];
    for (what, ours, found) in expected {
        if u64::from(found) != ours {
            let text = format!("the heap has {what}s of {found} bytes, this library of {ours}");
            return Err(Error::new(ErrorKind::ForeignMachine, text).offset(at));
        }
    }
    if superblock.is_plausible() {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Corrupt, "the superblock holds impossible values").offset(at))
    }
}

fn not_a_heap(what: &str) -> Error {
    Error::new(ErrorKind::NotAHeap, what)
        .advice("it was left as it is; give another path, or remove it if nobody needs it")
}

fn strange(bytes: &[u8]) -> Error {
    let head: String = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if bytes.iter().all(|&byte| byte == 0) {
        return not_a_heap("the file begins with zeros: an unfinished file, by the look of it");
    }
    not_a_heap(&format!("the file is no heap: it begins with {head}, not with \"FILEHEAP\""))
}

/// The superblock of a heap to be.
pub fn invent(base: u64, limit_bytes: u64, file_bytes: u64, uuid: [u8; 16]) -> Superblock {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Superblock {
        magic: Superblock::MAGIC,
        version: Superblock::VERSION,
        byte_order: Superblock::BYTE_ORDER,
        page_bytes: PAGE_BYTES as u32,
        pointer_bytes: 8,
        uuid,
        base,
        limit_bytes,
        created_unix_s: since_1970.map_or(0, |duration| duration.as_secs()),
        sequence: 1,
        checkpoint_txn: 0,
        file_bytes,
        log_generation: 0,
        flags: 0,
        crc: 0,
    }
}

/// A random (version 4) UUID.
pub fn new_uuid() -> [u8; 16] {
    use std::hash::{BuildHasher, Hasher};
    let mut uuid = [0; 16];
    for half in uuid.chunks_exact_mut(8) {
        // Keys of RandomState come from the operating system's random source.
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        hasher.write_u128(time.map_or(0, |time| time.as_nanos()));
        hasher.write_u32(std::process::id());
        half.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}
