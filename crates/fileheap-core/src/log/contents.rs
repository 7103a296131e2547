//! Reads contents of pieces from the logs: many small ones from one copy of their part of a log.

use std::io;
use std::ops::Range;

use super::plan::Piece;
use super::reader::LogFile;

/// A part of a log that is read whole is no longer than this.
const WHOLE_MAX: u64 = 64 << 20;
/// Pieces that are longer than this on average are read one by one: a copy more costs as much.
const SMALL_BYTES: u64 = 1024;

/// Reads pieces of a plan.
pub struct Contents<'l> {
    logs: &'l [Option<LogFile>; 2],
    whole: [Option<(u64, Vec<u8>)>; 2],
    wanted: [Range<u64>; 2],
}

impl<'l> Contents<'l> {
    /// Prepares to read these pieces.
    #[must_use]
    pub fn new(logs: &'l [Option<LogFile>; 2], pieces: &[Piece]) -> Self {
        let mut wanted = [0..0, 0..0];
        for (which, part) in wanted.iter_mut().enumerate() {
            let here = || pieces.iter().filter(|piece| piece.log == which);
            let start = here().map(|piece| piece.position).min().unwrap_or(0);
            let end = here().map(|piece| piece.position.saturating_add(piece.bytes)).max();
            let end = end.unwrap_or(0);
            let (count, bytes) = here().fold((0, 0), |(n, sum), piece| (n + 1, sum + piece.bytes));
            let dense = end - start <= count * SMALL_BYTES;
            if count > 1 && bytes <= count * SMALL_BYTES && dense && end - start <= WHOLE_MAX {
                *part = start..end;
            }
        }
        Self { logs, whole: [None, None], wanted }
    }

    /// Reads all of a piece; false if its log is gone or shorter than that.
    pub fn read(&mut self, piece: &Piece, out: &mut [u8]) -> io::Result<bool> {
        let Some(log) = self.logs[piece.log].as_ref() else { return Ok(false) };
        let part = &self.wanted[piece.log];
        if part.is_empty() {
            return Ok(log.file.read_at(piece.position, out)? == out.len());
        }
        let whole = &mut self.whole[piece.log];
        if whole.is_none() {
            let mut bytes = vec![0; (part.end - part.start) as usize];
            let got = log.file.read_at(part.start, &mut bytes)?;
            bytes.truncate(got);
            *whole = Some((part.start, bytes));
        }
        let Some((start, bytes)) = whole else { return Ok(false) };
        let from = (piece.position - *start) as usize;
        let Some(found) = bytes.get(from..from + out.len()) else { return Ok(false) };
        out.copy_from_slice(found);
        Ok(true)
    }
}
