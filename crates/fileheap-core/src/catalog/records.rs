//! Records of live vectors: numbered, so that a reference can outlive what it refers to.

use std::mem::offset_of;

use super::Cells;
use super::inspect::{Inspector, report};
use super::memory::{Memory, corrupt, store};
use super::tree::{ByNumber, Tree, TreeView};
use crate::format::{HEADER_OFFSET, Header, Plain, RecordState, VectorRecord};
use crate::{Error, ErrorKind, Result};

const RECORD_BYTES: u64 = size_of::<VectorRecord>() as u64;
const NEXT_OFFSET: u64 = HEADER_OFFSET + offset_of!(Header, next_record) as u64;

/// A record before it has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordNew {
    /// The owner's count of changes.
    pub generation: u64,
    /// How far its life has come.
    pub state: RecordState,
    /// The owner's number for the type of the elements.
    pub element: u32,
    /// Number of elements.
    pub length: u64,
    /// Where the elements lie, or 0.
    pub payload_offset: u64,
    /// Bytes that they occupy.
    pub payload_bytes: u64,
    /// The owner's.
    pub flags: u64,
    /// The owner's, such as the offset of attributes.
    pub extra: [u64; 2],
}

impl RecordNew {
    fn with_id(self, id: u64) -> VectorRecord {
        VectorRecord {
            id,
            generation: self.generation,
            state: self.state as u32,
            element: self.element,
            length: self.length,
            payload_offset: self.payload_offset,
            payload_bytes: self.payload_bytes,
            flags: self.flags,
            extra: self.extra,
            reserved: [0; 3],
        }
    }
}

/// The record that the tree keeps at `offset` under `id`.
fn read_record(memory: Memory<'_>, offset: u64, id: u64) -> Result<VectorRecord> {
    let record: VectorRecord = memory.read(offset)?;
    if record.id != id || RecordState::from_stored(record.state).is_none() {
        let (found, state) = (record.id, record.state);
        let what = format!("record {id} expected, found id {found} in state {state}");
        return Err(corrupt(offset, what));
    }
    Ok(record)
}

#[cold]
fn missing(id: u64) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no record {id}"))
}

/// The records of a heap to read from.
#[derive(Debug, Clone, Copy)]
pub struct RecordsView<'a> {
    pub(super) tree: TreeView<'a, ByNumber>,
}

impl RecordsView<'_> {
    /// The record with this id.
    pub fn get(&self, id: u64) -> Result<Option<VectorRecord>> {
        let Some(offset) = self.tree.get(&id)? else { return Ok(None) };
        read_record(self.tree.memory, offset, id).map(Some)
    }

    /// Up to `limit` records by ascending id, those above `after_id` (0: from the first).
    pub fn list(&self, after_id: u64, limit: usize) -> Result<Vec<VectorRecord>> {
        let cursor = self.tree.after(&after_id)?.take(limit);
        cursor
            .map(|entry| entry.and_then(|it| read_record(self.tree.memory, it.value, it.key)))
            .collect()
    }

    /// Number of records.
    pub fn count(&self) -> Result<u64> {
        self.tree.count()
    }

    /// Checks tree and cells. What records point at is the caller's.
    pub fn check(&self, inspector: &mut dyn Inspector) {
        let memory = self.tree.memory;
        let next = match memory.read::<u64>(NEXT_OFFSET) {
            Ok(next) => next,
            Err(error) => return report(inspector, NEXT_OFFSET, &error),
        };
        self.tree.check(inspector, &mut |inspector, entry| {
            match read_record(memory, entry.value, entry.key) {
                Ok(_) => inspector.cell(entry.value, RECORD_BYTES),
                Err(error) => report(inspector, entry.value, &error),
            }
            if entry.key == 0 || entry.key >= next {
                let what = format!("id {} was never given: the next is {next}", entry.key);
                inspector.finding(entry.value, what);
            }
        });
    }
}

/// The records of a heap to write to.
#[derive(Debug)]
pub struct Records<'a, C: Cells> {
    pub(super) tree: Tree<'a, C, ByNumber>,
}

impl<C: Cells> Records<'_, C> {
    /// The records as they are now.
    #[must_use]
    pub fn view(&self) -> RecordsView<'_> {
        RecordsView { tree: self.tree.view() }
    }

    /// Adds a record; returns its id, which is above all ids given before, and never 0.
    pub fn add(&mut self, new: RecordNew) -> Result<u64> {
        let (cells, memory) = (self.tree.cells, self.tree.memory());
        let id = memory.read::<u64>(NEXT_OFFSET)?.max(1);
        let Some(next) = id.checked_add(1) else {
            return Err(Error::new(ErrorKind::LimitReached, "all ids of records are used up"));
        };
        let offset = cells.alloc(RECORD_BYTES)?;
        store(cells, self.tree.memory(), offset, new.with_id(id))?;
        match self.tree.insert(&id, offset) {
            Ok(None) => store(cells, self.tree.memory(), NEXT_OFFSET, next).map(|()| id),
            Ok(Some(there)) => {
                self.tree.insert(&id, there)?;
                cells.free(offset)?;
                Err(corrupt(NEXT_OFFSET, format!("id {id} is the next and in use")))
            }
            Err(error) => {
                cells.free(offset)?;
                Err(error)
            }
        }
    }

    /// Lets `change` change a record, except its id; returns the changed record.
    pub fn update(
        &mut self,
        id: u64,
        change: impl FnOnce(&mut VectorRecord),
    ) -> Result<VectorRecord> {
        let (offset, old) = self.find(id)?;
        let mut record = old;
        change(&mut record);
        record.id = id;
        if RecordState::from_stored(record.state).is_none() {
            let what = format!("{} is no state of a record", record.state);
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        self.store_words(offset, &old, &record)?;
        Ok(record)
    }

    /// Sets how far a record's life has come.
    pub fn set_state(&mut self, id: u64, state: RecordState) -> Result<()> {
        self.update(id, |record| record.state = state as u32).map(|_| ())
    }

    /// Takes a record out; returns it. What it points at stays where it is.
    pub fn remove(&mut self, id: u64) -> Result<VectorRecord> {
        let (offset, record) = self.find(id)?;
        self.tree.remove(&id)?;
        self.tree.cells.free(offset)?;
        Ok(record)
    }

    fn find(&self, id: u64) -> Result<(u64, VectorRecord)> {
        let offset = self.tree.view().get(&id)?.ok_or_else(|| missing(id))?;
        Ok((offset, read_record(self.tree.memory(), offset, id)?))
    }

    /// Stores only the words that differ: a change of state costs the log eight bytes.
    fn store_words(&self, offset: u64, old: &VectorRecord, new: &VectorRecord) -> Result<()> {
        let words = old.as_bytes().chunks_exact(8).zip(new.as_bytes().chunks_exact(8));
        for (word, (old, new)) in (0..).zip(words) {
            if old != new {
                let value = u64::from_le_bytes(new.try_into().expect("chunks of 8"));
                store(self.tree.cells, self.tree.memory(), offset + word * 8, value)?;
            }
        }
        Ok(())
    }
}
