//! Appends transactions to a log: frames, chained checksums, growth ahead of need.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;

use super::plan::Span;
use super::reader::{Cursor, LogFile};
use crate::format::{
    FRAME_COMMIT, FrameHeader, LogHeader, PAGE_BYTES, Plain, Record, RecordKind, checksum,
};
use crate::os::File;

/// What one record is to say.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// These bytes stand at this offset.
    Bytes(u64, &'a [u8]),
    /// This range is in the heap file.
    Home(u64, u64),
    /// This range was free, and is in use now.
    Taken(u64, u64),
}

impl Payload<'_> {
    fn record(&self) -> Record {
        match *self {
            Payload::Bytes(offset, bytes) => {
                Record::new(RecordKind::Bytes, offset, bytes.len() as u64)
            }
            Payload::Home(offset, bytes) => Record::new(RecordKind::Home, offset, bytes),
            Payload::Taken(offset, bytes) => Record::new(RecordKind::Taken, offset, bytes),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Payload::Bytes(_, bytes) => bytes,
            Payload::Home(..) | Payload::Taken(..) => &[],
        }
    }
}

/// Why a transaction could not be appended.
#[derive(Debug)]
pub struct AppendError {
    /// What the system said.
    pub error: io::Error,
    /// Whether what had been written was made void; if not, nobody may write on.
    pub wiped: bool,
}

/// The log being written.
pub struct LogWriter {
    file: Arc<dyn File>,
    uuid: [u8; 16],
    tail: Cursor,
    file_bytes: u64,
    windowed: bool,
    window: Range<u64>,
    window_at: *mut u8,
    small: Vec<u8>,
}

// SAFETY: the raw pointer is a mapping owned by `file`, which is kept alive and is Send + Sync;
// stores to it happen through &mut self only.
unsafe impl Send for LogWriter {}
// SAFETY: as above; no method of &self uses the pointer.
unsafe impl Sync for LogWriter {}

/// Length of a new log, zeros written ahead.
pub const FIRST_BYTES: u64 = 256 * 1024;
const GROW_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Room for small frames that is there before anybody needs it.
pub const AHEAD_BYTES: u64 = SMALL_BYTES;
const FRAME_PAYLOAD_MAX: u64 = 8 * 1024 * 1024;
const FRAME_RECORDS_MAX: usize = 64 * 1024;
/// Frames up to this size are assembled in one buffer.
const SMALL_BYTES: u64 = 64 * 1024;

impl LogWriter {
    /// Goes on behind `tail` in an existing log.
    pub fn resume(log: &LogFile, tail: Cursor) -> io::Result<Self> {
        let file = log.file.clone();
        let file_bytes = file.len()?;
        let mut writer = Self {
            file,
            uuid: log.header.uuid,
            tail,
            file_bytes,
            windowed: false,
            window: 0..0,
            window_at: std::ptr::null_mut(),
            small: Vec::new(),
        };
        // Copied by other programs it may have holes: no plain stores to those (A3).
        let whole = writer.file.disk_bytes()? >= file_bytes;
        writer.windowed = whole || writer.file.reserve(0..file_bytes).is_ok();
        writer.open_window();
        Ok(writer)
    }

    /// Begins a generation in a file that is prepared: writes the header. Not synced: the first
    /// frame's sync carries it along.
    pub fn begin(
        file: Arc<dyn File>,
        uuid: [u8; 16],
        generation: u64,
        after_txn: u64,
        salt: u64,
    ) -> io::Result<(Self, LogFile)> {
        let header = LogHeader {
            magic: LogHeader::MAGIC,
            uuid,
            generation,
            after_txn,
            salt,
            reserved: 0,
            crc: 0,
        }
        .sealed();
        let mut first = [0; PAGE_BYTES as usize];
        first[..size_of::<LogHeader>()].copy_from_slice(header.as_bytes());
        file.write_at(0, &[IoSlice::new(&first)])?;
        let log = LogFile { file, header };
        Ok((Self::resume(&log, log.start())?, log))
    }

    /// Makes a file long enough for a generation to begin in it. On a full disk less will do.
    pub fn prepare(file: &dyn File) -> io::Result<()> {
        let bytes = file.len()?;
        if bytes >= FIRST_BYTES {
            return Ok(());
        }
        let done = write_zeros(file, bytes..FIRST_BYTES);
        if file.len()? >= LogHeader::FIRST_FRAME + PAGE_BYTES { Ok(()) } else { done }
    }

    /// Bytes behind the last transaction that are there already.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.file_bytes.saturating_sub(self.tail.position)
    }

    /// Behind the last transaction.
    #[must_use]
    pub fn tail(&self) -> Cursor {
        self.tail
    }

    /// Moves behind what a dead writer left.
    pub fn set_tail(&mut self, tail: Cursor) {
        self.tail = tail;
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Appends one transaction; its spans go to `spans`. `durable` is the last one that is on the
    /// disk. With `sync` it is written by `write_at` (the caller syncs), without by plain stores
    /// where the log has a window. If `more` is to come for its sake, there is room for that. On
    /// failure nothing counts: the tail stays, and the head of what was written is wiped.
    pub fn append(
        &mut self,
        payloads: &[Payload<'_>],
        (durable, sync, more): (u64, bool, bool),
        spans: &mut Vec<Span>,
    ) -> Result<(), AppendError> {
        let end = self.tail.position + frames_bytes(payloads);
        let large = end - self.tail.position > SMALL_BYTES;
        let room = if large || more { self.reserve(end) } else { self.make_room(end) };
        if let Err(error) = room {
            return Err(AppendError { error, wiped: true });
        }
        let mut at = self.tail;
        at.txn += 1;
        let kept = spans.len();
        let mut rest = payloads;
        loop {
            let (frame, after) = rest.split_at(frame_len(rest));
            rest = after;
            let flags = if rest.is_empty() { FRAME_COMMIT } else { 0 };
            let done = self.frame(&mut at, (flags, durable), frame, sync, spans);
            if let Err(error) = done {
                spans.truncate(kept);
                let wiped = self.wipe(self.tail.position).is_ok();
                return Err(AppendError { error, wiped });
            }
            if rest.is_empty() {
                self.tail = at;
                return Ok(());
            }
        }
    }

    fn wipe(&self, position: u64) -> io::Result<()> {
        let zeros = [0; size_of::<FrameHeader>()];
        // Not beyond the end: there may be no room.
        let there = self.file.len()?.saturating_sub(position).min(zeros.len() as u64);
        self.file.write_at(position, &[IoSlice::new(&zeros[..there as usize])])
    }

    fn frame(
        &mut self,
        at: &mut Cursor,
        (flags, durable_txn): (u32, u64),
        payloads: &[Payload<'_>],
        sync: bool,
        spans: &mut Vec<Span>,
    ) -> io::Result<()> {
        let (head_bytes, padding, frame_bytes) = lengths(payloads);
        let mut header = FrameHeader {
            crc: 0,
            flags,
            salt: at.salt,
            txn: at.txn,
            durable_txn,
            frame_bytes,
            record_count: payloads.len() as u32,
            head_crc: 0,
        };
        header.head_crc = header.head_checksum(&self.uuid, at.position);
        let mut head = std::mem::take(&mut self.small);
        head.clear();
        head.extend_from_slice(header.as_bytes());
        let mut position = at.position + head_bytes;
        for payload in payloads {
            let record = payload.record();
            head.extend_from_slice(record.as_bytes());
            spans.push(Span::new(at.txn, record, at.generation, position));
            position += record.payload_bytes();
        }
        let small = frame_bytes <= SMALL_BYTES;
        if small {
            payloads.iter().for_each(|payload| head.extend_from_slice(payload.bytes()));
            head.resize(frame_bytes as usize, 0);
            header.crc = checksum(at.crc, &head[4..]);
        } else {
            let parts = payloads.iter().map(Payload::bytes);
            let crc = parts.fold(checksum(at.crc, &head[4..]), checksum);
            header.crc = checksum(crc, &[0; 8][..padding as usize]);
        }
        head[..4].copy_from_slice(&header.crc.to_le_bytes());
        let done = if small {
            self.put(at.position, &head, sync)
        } else {
            let zeros = [0; 8];
            let mut parts = Vec::with_capacity(payloads.len() + 2);
            parts.push(IoSlice::new(&head));
            parts.extend(payloads.iter().map(|payload| IoSlice::new(payload.bytes())));
            parts.push(IoSlice::new(&zeros[..padding as usize]));
            self.file.write_at(at.position, &parts)
        };
        self.small = head;
        done?;
        at.position += frame_bytes;
        at.crc = header.crc;
        Ok(())
    }

    /// A frame that nobody waits for goes in by plain stores: no system call.
    fn put(&mut self, position: u64, bytes: &[u8], sync: bool) -> io::Result<()> {
        let end = position + bytes.len() as u64;
        if sync || end > self.window.end {
            return self.file.write_at(position, &[IoSlice::new(bytes)]);
        }
        // SAFETY: the window maps the log's first window.end bytes, all of them written before,
        // and lives as long as self.file.
        unsafe {
            let to = self.window_at.add(position as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
        Ok(())
    }

    /// Writes zeros ahead, so that the sync of a small frame changes no metadata, and small frames
    /// still find room when the disk is full.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        if end + AHEAD_BYTES <= self.file_bytes {
            return Ok(());
        }
        let grown = self.grow(end);
        if end <= self.file_bytes { Ok(()) } else { grown }
    }

    /// Makes the log longer by a good step, `end` and some room at least. What was written before
    /// an error is room as well.
    pub fn grow(&mut self, end: u64) -> io::Result<()> {
        let step = (self.file_bytes / 2).clamp(FIRST_BYTES, GROW_MAX_BYTES);
        let grown = (self.file_bytes + step).max(end + AHEAD_BYTES).next_multiple_of(PAGE_BYTES);
        let done = write_zeros(&*self.file, self.file_bytes..grown);
        let there = if done.is_ok() { grown } else { self.file.len()? & !(PAGE_BYTES - 1) };
        self.file_bytes = self.file_bytes.max(there);
        self.open_window();
        done
    }

    /// Room for large frames, all of it or none, and for small ones behind them.
    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let enough = (end + AHEAD_BYTES).next_multiple_of(PAGE_BYTES);
        if enough <= self.file_bytes {
            return Ok(());
        }
        self.file.reserve(self.file_bytes..enough)?;
        write_zeros(&*self.file, end.max(self.file_bytes)..enough)?;
        self.file_bytes = enough;
        self.open_window();
        Ok(())
    }

    fn open_window(&mut self) {
        if !self.windowed {
            return;
        }
        if let Some(at) = self.file.window(self.file_bytes) {
            self.window = 0..self.file_bytes;
            self.window_at = at;
        }
    }
}

/// Of a frame of these payloads: its header with the records, the padding, and all of it.
fn lengths(payloads: &[Payload<'_>]) -> (u64, u64, u64) {
    let head = (size_of::<FrameHeader>() + payloads.len() * size_of::<Record>()) as u64;
    let contents: u64 = payloads.iter().map(|payload| payload.bytes().len() as u64).sum();
    let frame = (head + contents).next_multiple_of(8);
    (head, frame - head - contents, frame)
}

/// Length of all the frames of a transaction.
fn frames_bytes(payloads: &[Payload<'_>]) -> u64 {
    let (mut bytes, mut rest) = (0, payloads);
    loop {
        let (frame, after) = rest.split_at(frame_len(rest));
        bytes += lengths(frame).2;
        rest = after;
        if rest.is_empty() {
            return bytes;
        }
    }
}

/// How many payloads fit one frame.
fn frame_len(payloads: &[Payload<'_>]) -> usize {
    let mut bytes = 0;
    for (count, payload) in payloads.iter().enumerate() {
        bytes += payload.bytes().len() as u64;
        if count > 0 && (bytes > FRAME_PAYLOAD_MAX || count == FRAME_RECORDS_MAX) {
            return count;
        }
    }
    payloads.len()
}

fn write_zeros(file: &dyn File, range: Range<u64>) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut at = range.start;
    while at < range.end {
        let part = &zeros[..(range.end - at).min(zeros.len() as u64) as usize];
        file.write_at(at, &[IoSlice::new(part)])?;
        at += part.len() as u64;
    }
    Ok(())
}
