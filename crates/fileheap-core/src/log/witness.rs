//! Looks behind the last whole transaction of a log for a frame which says that more was durable.

use std::io;
use std::mem::offset_of;

use crate::format::{COUNTER_MAX, FrameHeader, LogHeader, Plain};
use crate::os::File;

/// A frame that speaks of durable transactions which cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Where it lies in the log.
    pub position: u64,
    /// So far everything was on the disk before it was written.
    pub durable_txn: u64,
}

const HEAD: usize = size_of::<FrameHeader>();
const BLOCK: usize = 64 * 1024;
/// Where these fields lie in a frame's header.
const DURABLE: usize = offset_of!(FrameHeader, durable_txn);
const LENGTH: usize = offset_of!(FrameHeader, frame_bytes);

/// P24: the frame at or behind `from` that vouches for most, if it vouches for more than `reached`.
/// Headers believe nobody but themselves: neither chain nor salt is needed. What an earlier life
/// of the file left there vouches for nothing that is not home.
pub fn find_witness(
    file: &dyn File,
    uuid: &[u8; 16],
    from: u64,
    reached: u64,
) -> io::Result<Option<Witness>> {
    let file_bytes = file.len()?;
    let mut best: Option<Witness> = None;
    let mut at = from.max(LogHeader::FIRST_FRAME).next_multiple_of(8);
    let mut block = vec![0; BLOCK];
    while at + HEAD as u64 <= file_bytes {
        let got = file.read_at(at, &mut block)?;
        if got < HEAD {
            break;
        }
        let bytes = &block[..got];
        for start in candidates(bytes, reached, file_bytes - at) {
            let position = at + start as u64;
            let header = FrameHeader::from_bytes(&bytes[start..]);
            let durable_txn = header.durable_txn;
            let plausible = durable_txn < header.txn
                && header.txn < COUNTER_MAX
                && header.frame_bytes % 8 == 0
                && (HEAD as u64..=file_bytes - position).contains(&header.frame_bytes)
                && best.is_none_or(|best| best.durable_txn < durable_txn);
            if plausible && header.head_crc == header.head_checksum(uuid, position) {
                best = Some(Witness { position, durable_txn });
            }
        }
        // Headers that begin in this block but end in the next are looked at there.
        at += ((got - HEAD) / 8 * 8 + 8) as u64;
    }
    Ok(best)
}

/// Places where a header might begin that vouches for more than `reached`. In most data one look
/// at the word that would be `frame_bytes` is enough.
fn candidates(bytes: &[u8], reached: u64, most: u64) -> impl Iterator<Item = usize> + '_ {
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    let lengths = bytes[LENGTH..bytes.len() - (HEAD - LENGTH - 8)].chunks_exact(8);
    let fits = move |bytes: &[u8]| {
        let length = u64::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
        length.wrapping_sub(HEAD as u64) <= most
    };
    let fitting = lengths.enumerate().filter(move |(_, length)| fits(length));
    fitting.map(|(index, _)| index * 8).filter(move |at| word(at + DURABLE) > reached)
}
