//! Reads a log: headers, and frames from a cursor on until the first bad one.

use std::io;
use std::sync::Arc;

use super::plan::Span;
use crate::format::{COUNTER_MAX, FRAME_COMMIT, FrameHeader, LogHeader, Plain, Record, checksum};
use crate::os::File;

/// A position between two transactions in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Generation of the log.
    pub generation: u64,
    /// Salt that its frames carry.
    pub salt: u64,
    /// Where the next frame begins.
    pub position: u64,
    /// Checksum of the frame before (of the log header at the beginning).
    pub crc: u32,
    /// The transaction before.
    pub txn: u64,
}

/// An open log file with a valid header.
#[derive(Clone)]
pub struct LogFile {
    /// The file.
    pub file: Arc<dyn File>,
    /// Its header as read or written.
    pub header: LogHeader,
}

/// What lies where the header of a log belongs.
pub enum Head {
    /// Nothing: no bytes, or zeros.
    Blank,
    /// A whole header.
    Whole(LogHeader),
    /// One whose checksum does not hold: P9, or damage.
    Torn(LogHeader),
    /// Something else.
    Strange,
}

impl Head {
    /// Reads what is there.
    pub fn read(file: &dyn File) -> io::Result<Self> {
        let mut bytes = [0; size_of::<LogHeader>()];
        let got = file.read_at(0, &mut bytes)?;
        let header = LogHeader::from_bytes(&bytes);
        Ok(match header.magic {
            _ if bytes.iter().all(|&byte| byte == 0) => Self::Blank,
            LogHeader::MAGIC if got == bytes.len() && header.is_sealed() => Self::Whole(header),
            LogHeader::MAGIC => Self::Torn(header),
            _ => Self::Strange,
        })
    }
}

impl LogFile {
    /// Reads the header; None when the file holds no log of this heap.
    pub fn open(file: Arc<dyn File>, uuid: &[u8; 16]) -> io::Result<Option<Self>> {
        let Head::Whole(header) = Head::read(&*file)? else { return Ok(None) };
        let ours = header.uuid == *uuid
            && header.generation < COUNTER_MAX
            && header.after_txn < COUNTER_MAX;
        Ok(ours.then_some(Self { file, header }))
    }

    /// Before the first frame.
    #[must_use]
    pub fn start(&self) -> Cursor {
        Cursor {
            generation: self.header.generation,
            salt: self.header.salt,
            position: LogHeader::FIRST_FRAME,
            crc: self.header.crc,
            txn: self.header.after_txn,
        }
    }

    /// Whether the header on disk is still the one that was read.
    pub fn is_current(&self) -> io::Result<bool> {
        let mut bytes = [0; size_of::<LogHeader>()];
        let got = self.file.read_at(0, &mut bytes)?;
        Ok(got == bytes.len() && bytes == self.header.as_bytes())
    }
}

/// Walks over whole transactions of one log.
pub struct FrameScan<'a> {
    file: &'a dyn File,
    cursor: Cursor,
    file_bytes: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
    ahead: usize,
}

const AHEAD_MIN: usize = 4 * 1024;
const AHEAD_MAX: usize = 1024 * 1024;

impl<'a> FrameScan<'a> {
    /// A scan from `cursor` on.
    pub fn new(file: &'a dyn File, cursor: Cursor) -> io::Result<Self> {
        let file_bytes = file.len()?;
        Ok(Self { file, cursor, file_bytes, buffer: Vec::new(), buffer_at: 0, ahead: AHEAD_MIN })
    }

    /// Behind the last whole transaction.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next whole transaction: appends its spans and returns its number. None at the end,
    /// or at the first frame that is not whole, not chained, or not committed.
    pub fn next(&mut self, spans: &mut Vec<Span>) -> io::Result<Option<u64>> {
        let kept = spans.len();
        let mut at = self.cursor;
        at.txn += 1;
        while let Some(header) = self.frame(at)? {
            self.spans(at, &header, spans);
            at.position += header.frame_bytes;
            at.crc = header.crc;
            if header.flags & FRAME_COMMIT != 0 {
                self.cursor = at;
                return Ok(Some(at.txn));
            }
        }
        spans.truncate(kept);
        Ok(None)
    }

    fn frame(&mut self, at: Cursor) -> io::Result<Option<FrameHeader>> {
        let head = size_of::<FrameHeader>();
        if !self.fill(at.position, head)? {
            return Ok(None);
        }
        let header = FrameHeader::from_bytes(self.bytes(at.position, head));
        let records = u64::from(header.record_count) * size_of::<Record>() as u64;
        let plausible = header.salt == at.salt
            && header.txn == at.txn
            && header.frame_bytes % 8 == 0
            && header.frame_bytes >= records + head as u64
            && header.frame_bytes <= self.file_bytes.saturating_sub(at.position);
        if !plausible || !self.fill(at.position, header.frame_bytes as usize)? {
            return Ok(None);
        }
        let bytes = self.bytes(at.position, header.frame_bytes as usize);
        if checksum(at.crc, &bytes[4..]) != header.crc {
            return Ok(None);
        }
        let contents: u64 = records_of(bytes, &header)
            .fold(head as u64 + records, |sum, record| sum.saturating_add(record.payload_bytes()));
        Ok((contents <= header.frame_bytes).then_some(header))
    }

    fn spans(&self, at: Cursor, header: &FrameHeader, spans: &mut Vec<Span>) {
        let head = size_of::<FrameHeader>() as u64;
        let records = u64::from(header.record_count) * size_of::<Record>() as u64;
        let mut position = at.position + head + records;
        for record in records_of(self.bytes(at.position, header.frame_bytes as usize), header) {
            spans.push(Span::new(at.txn, record, at.generation, position));
            position += record.payload_bytes();
        }
    }

    fn fill(&mut self, from: u64, len: usize) -> io::Result<bool> {
        let end = self.buffer_at + self.buffer.len() as u64;
        if from >= self.buffer_at && from + len as u64 <= end {
            return Ok(true);
        }
        let left = self.file_bytes.saturating_sub(from);
        if left < len as u64 {
            return Ok(false);
        }
        let want = len.max(self.ahead).min(left as usize);
        self.ahead = (self.ahead * 4).min(AHEAD_MAX);
        self.buffer.resize(want, 0);
        self.buffer_at = from;
        let got = self.file.read_at(from, &mut self.buffer)?;
        self.buffer.truncate(got);
        Ok(got >= len)
    }

    fn bytes(&self, from: u64, len: usize) -> &[u8] {
        let start = (from - self.buffer_at) as usize;
        &self.buffer[start..start + len]
    }
}

fn records_of<'b>(frame: &'b [u8], header: &FrameHeader) -> impl Iterator<Item = Record> + 'b {
    let head = size_of::<FrameHeader>();
    let size = size_of::<Record>();
    (0..header.record_count as usize).map(move |i| Record::from_bytes(&frame[head + i * size..]))
}
