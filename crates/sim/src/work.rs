//! Generated operations inside a write transaction, on the heap and on the model alike.

use fileheap_core::catalog::{RecordNew, Root};
use fileheap_core::format::RecordState;
use fileheap_core::{Error, WriteTxn};

use crate::model::{Contents, Model, Note, Piece, STAMP_ROOT};
use crate::random::{Random, fill};

/// What sorts of work there are to be.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// The largest ordinary allocation.
    pub bytes_max: u64,
    /// An allocation is an extent once in so many; 0: never.
    pub extent_in: u64,
    /// The heap is not to hold more than this.
    pub total_max: u64,
}

impl Mix {
    /// Small heaps: for many crash images.
    pub const SMALL: Self = Self { bytes_max: 6 * 1024, extent_in: 0, total_max: 150 * 1024 };
    /// Up to medium runs of pages.
    pub const MIDDLE: Self = Self { bytes_max: 64 * 1024, extent_in: 0, total_max: 2 << 20 };
    /// With extents, direct ones too.
    pub const LARGE: Self = Self { bytes_max: 64 * 1024, extent_in: 25, total_max: 24 << 20 };
}

/// Why generated work stopped.
#[derive(Debug)]
pub enum Stop {
    /// The heap said no.
    Error(Error),
    /// The heap did something wrong.
    Wrong(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Error(error) => format!("unexpected error: {error}"),
            Self::Wrong(what) => what.clone(),
        }
    }
}

/// One transaction's work: the open transaction, and the model that its commit is to make true.
pub struct Work<'a> {
    /// The open transaction.
    pub txn: &'a mut WriteTxn,
    /// What it makes of the heap.
    pub draft: &'a mut Model,
    /// Whence decisions come.
    pub random: &'a mut Random,
    /// What sorts of work.
    pub mix: Mix,
}

impl Work<'_> {
    /// Sets the number that tells the state from others.
    pub fn stamp(&mut self, stamp: u64) {
        self.draft.stamp = stamp;
        self.txn.set_face_root(STAMP_ROOT, stamp);
    }

    /// Does one thing.
    pub fn step(&mut self) -> Result<(), Stop> {
        let total: u64 = self.draft.pieces.values().map(|piece| piece.bytes).sum();
        let full = total > self.mix.total_max;
        match self.random.below(20) {
            0..=5 if !full => self.alloc(),
            6 if !full => self.alloc_zeroed(),
            7 if !full => self.realloc(),
            8 => self.resize(),
            9..=11 => self.overwrite(),
            12 => self.bind(),
            13 => self.rename_or_unbind(),
            14 => self.add_record(),
            15 => self.change_record(),
            _ => self.free(),
        }
    }

    fn pick(&mut self) -> Option<(u64, Piece)> {
        let count = self.draft.pieces.len() as u64;
        let at = (count > 0).then(|| self.random.below(count) as usize)?;
        self.draft.pieces.iter().nth(at).map(|(&offset, &piece)| (offset, piece))
    }

    /// The bytes of a piece in memory.
    #[expect(clippy::mut_from_ref, reason = "memory of the heap, not of this struct")]
    fn bytes(&self, offset: u64, bytes: u64) -> &mut [u8] {
        // SAFETY: a live allocation of at least so many bytes, and we are the only thread.
        unsafe { std::slice::from_raw_parts_mut(self.txn.resolve(offset), bytes as usize) }
    }

    /// Stores that an abort undoes: without the enlisting those to a direct extent would stay.
    fn write_undoably(&mut self, offset: u64, piece: Piece) -> Result<Contents, Stop> {
        if piece.direct {
            self.txn.enlist(offset)?;
        }
        Ok(self.write(offset, piece.bytes))
    }

    /// Often zeros: what lay there before may have been the same.
    fn write(&mut self, offset: u64, bytes: u64) -> Contents {
        self.txn.touch(offset, bytes);
        if self.random.once_in(3) {
            self.bytes(offset, bytes).fill(0);
            return Contents::Zero;
        }
        let seed = self.random.word();
        fill(seed, self.bytes(offset, bytes));
        Contents::Seed(seed)
    }

    fn verify(&self, offset: u64, piece: Piece, bytes: u64, what: &str) -> Result<(), Stop> {
        match piece.contents.defect(self.bytes(offset, bytes)) {
            Some(at) => Err(Stop::Wrong(format!("{what}: {offset} {piece:?} differs at +{at}"))),
            None => Ok(()),
        }
    }

    fn add(&mut self, offset: u64, piece: Piece) -> Result<(), Stop> {
        let before = self.draft.pieces.range(..offset + piece.bytes).next_back();
        if let Some((&at, other)) = before.filter(|(at, other)| *at + other.bytes > offset) {
            return Err(Stop::Wrong(format!("{offset} {piece:?} overlaps {at} {other:?}")));
        }
        self.draft.pieces.insert(offset, piece);
        Ok(())
    }

    fn is_extent(&mut self) -> bool {
        self.mix.extent_in > 0 && self.random.once_in(self.mix.extent_in)
    }

    fn alloc(&mut self) -> Result<(), Stop> {
        if self.is_extent() {
            return self.alloc_extent();
        }
        let bytes = self.random.size(1, self.mix.bytes_max);
        let align = 1 << self.random.below(13);
        let offset = self.txn.alloc(bytes, align)?;
        if offset % align != 0 {
            return Err(Stop::Wrong(format!("{offset} is not aligned to {align}")));
        }
        let contents = self.write(offset, bytes);
        self.add(offset, Piece { bytes, contents, direct: false })
    }

    fn alloc_extent(&mut self) -> Result<(), Stop> {
        let bytes = (2 << 20) + self.random.below(4 << 20);
        let direct = self.random.once_in(2);
        let zeroed = self.random.once_in(2);
        let offset = match (direct, zeroed) {
            (true, _) => self.txn.alloc_direct(bytes, zeroed)?.offset,
            (false, true) => self.txn.alloc_zeroed(bytes, 4096)?,
            (false, false) => self.txn.alloc(bytes, 4096)?,
        };
        let mut piece = Piece { bytes, contents: Contents::Zero, direct };
        if zeroed {
            self.verify(offset, piece, bytes, "a zeroed extent")?;
        }
        if !zeroed || self.random.once_in(2) {
            piece.contents = self.write(offset, bytes);
        }
        self.add(offset, piece)
    }

    fn alloc_zeroed(&mut self) -> Result<(), Stop> {
        let bytes = self.random.size(1, self.mix.bytes_max);
        let offset = self.txn.alloc_zeroed(bytes, 16)?;
        let piece = Piece { bytes, contents: Contents::Zero, direct: false };
        self.verify(offset, piece, bytes, "zeroed memory")?;
        self.add(offset, piece)
    }

    fn realloc(&mut self) -> Result<(), Stop> {
        let Some((offset, piece)) = self.pick() else { return Ok(()) };
        let bytes = match piece.bytes >= 2 << 20 {
            true => (2 << 20) + self.random.below(3 << 20),
            false => self.random.size(1, self.mix.bytes_max),
        };
        let moved = self.txn.realloc(offset, bytes, 16)?;
        self.verify(moved, piece, bytes.min(piece.bytes), "after realloc")?;
        self.draft.pieces.remove(&offset);
        let direct = self.txn.is_direct(moved)?;
        if direct != piece.direct {
            return Err(Stop::Wrong(format!("realloc of {offset} {piece:?} made direct {direct}")));
        }
        let contents = self.write_undoably(moved, Piece { bytes, ..piece })?;
        self.add(moved, Piece { bytes, contents, direct })?;
        self.retarget(offset, moved)
    }

    fn resize(&mut self) -> Result<(), Stop> {
        let Some((offset, piece)) = self.pick() else { return Ok(()) };
        let wanted = (piece.bytes / 2).max(1) + self.random.below(piece.bytes + 64);
        let fits = self.txn.resize_in_place(offset, wanted)?;
        let usable = self.txn.usable_bytes(offset)?;
        let bytes = if fits { wanted } else { piece.bytes };
        if usable < bytes {
            return Err(Stop::Wrong(format!("{offset}: {usable} usable of {bytes}")));
        }
        self.verify(offset, piece, bytes.min(piece.bytes), "after resize")?;
        self.draft.pieces.remove(&offset);
        let contents = match piece.direct && bytes <= piece.bytes {
            true => piece.contents,
            false => self.write_undoably(offset, Piece { bytes, ..piece })?,
        };
        self.add(offset, Piece { bytes, contents, ..piece })?;
        self.retarget(offset, offset)
    }

    fn overwrite(&mut self) -> Result<(), Stop> {
        let Some((offset, piece)) = self.pick() else { return Ok(()) };
        self.verify(offset, piece, piece.bytes, "before overwriting")?;
        let contents = self.write_undoably(offset, piece)?;
        self.draft.pieces.insert(offset, Piece { contents, ..piece });
        Ok(())
    }

    fn free(&mut self) -> Result<(), Stop> {
        let Some((offset, piece)) = self.pick() else { return Ok(()) };
        self.verify(offset, piece, piece.bytes, "before freeing")?;
        self.draft.pieces.remove(&offset);
        self.retarget(offset, 0)?;
        Ok(self.txn.free(offset)?)
    }

    /// Frees a block and unbinds its name.
    pub fn free_block(&mut self, offset: u64) -> Result<(), Stop> {
        let names: Vec<String> =
            self.draft.names.iter().filter(|it| *it.1 == offset).map(|it| it.0.clone()).collect();
        for name in names {
            self.txn.catalog().names().unbind(&name)?;
            self.draft.names.remove(&name);
        }
        if self.draft.pieces.remove(&offset).is_none() {
            return Ok(());
        }
        self.retarget(offset, 0)?;
        Ok(self.txn.free(offset)?)
    }

    /// Allocates a block and binds it.
    pub fn bind_block(&mut self, name: &str, bytes: u64) -> Result<(), Stop> {
        let offset = self.txn.alloc(bytes, 16)?;
        let contents = self.write(offset, bytes);
        self.add(offset, Piece { bytes, contents, direct: false })?;
        let root = self.root(offset);
        self.txn.catalog().names().bind(name, root)?;
        self.draft.names.insert(name.to_owned(), offset);
        Ok(())
    }

    /// Allocates a direct extent of this length, or stores to it atomically if it is there.
    pub fn direct_block(&mut self, name: &str, bytes: u64) -> Result<(), Stop> {
        let bound = self.draft.names.get(name).copied();
        if let Some(offset) = bound {
            let piece = self.draft.pieces.get(&offset);
            if piece.is_some_and(|piece| piece.direct && piece.bytes == bytes) {
                self.txn.enlist(offset)?;
                let contents = self.write(offset, bytes);
                self.draft.pieces.insert(offset, Piece { bytes, contents, direct: true });
                return Ok(());
            }
            // Generated work freed it, or bound the name to something else.
            self.txn.catalog().names().unbind(name)?;
            self.draft.names.remove(name);
        }
        let offset = self.txn.alloc_direct(bytes, false)?.offset;
        let contents = self.write(offset, bytes);
        self.add(offset, Piece { bytes, contents, direct: true })?;
        let root = self.root(offset);
        self.txn.catalog().names().bind(name, root)?;
        self.draft.names.insert(name.to_owned(), offset);
        Ok(())
    }

    fn root(&self, target: u64) -> Root {
        Root { kind: 3, fingerprint: 4, offset: target, bytes: self.draft.bytes_at(target) }
    }

    /// Points at `new` whatever pointed at `old`.
    fn retarget(&mut self, old: u64, new: u64) -> Result<(), Stop> {
        let names: Vec<String> =
            self.draft.names.iter().filter(|it| *it.1 == old).map(|it| it.0.clone()).collect();
        let root = self.root(new);
        for name in names {
            self.txn.catalog().names().rebind(&name, root)?;
            self.draft.names.insert(name, new);
        }
        for (&id, note) in self.draft.records.iter_mut().filter(|it| it.1.target == old) {
            let change = |record: &mut fileheap_core::format::VectorRecord| {
                record.payload_offset = new;
                record.payload_bytes = root.bytes;
            };
            self.txn.catalog().records().update(id, change)?;
            note.target = new;
        }
        Ok(())
    }

    fn target(&mut self) -> u64 {
        if self.random.once_in(4) { 0 } else { self.pick().map_or(0, |it| it.0) }
    }

    fn bind(&mut self) -> Result<(), Stop> {
        let name = format!("n{}-{}", self.random.below(30), "x".repeat(self.draft.names.len() % 9));
        let target = self.target();
        let root = self.root(target);
        let mut catalog = self.txn.catalog();
        match self.draft.names.contains_key(&name) {
            true => drop(catalog.names().rebind(&name, root)?),
            false => catalog.names().bind(&name, root)?,
        }
        self.draft.names.insert(name, target);
        Ok(())
    }

    fn rename_or_unbind(&mut self) -> Result<(), Stop> {
        let count = self.draft.names.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let at = self.random.below(count) as usize;
        let Some(old) = self.draft.names.keys().nth(at).cloned() else { return Ok(()) };
        let new = format!("renamed-{}", self.random.below(1000));
        if self.random.once_in(2) && !self.draft.names.contains_key(&new) {
            self.txn.catalog().names().rename(&old, &new)?;
            if let Some(target) = self.draft.names.remove(&old) {
                self.draft.names.insert(new, target);
            }
            return Ok(());
        }
        self.txn.catalog().names().unbind(&old)?;
        self.draft.names.remove(&old);
        Ok(())
    }

    fn add_record(&mut self) -> Result<(), Stop> {
        if self.draft.records.len() > 60 {
            return self.change_record();
        }
        let target = self.target();
        let (generation, state) = (self.random.below(1000), RecordState::Committed);
        let payload_bytes = self.draft.bytes_at(target);
        let new = RecordNew {
            generation,
            state,
            element: 1,
            length: 2,
            payload_offset: target,
            payload_bytes,
            flags: 0,
            extra: [0; 2],
        };
        let id = self.txn.catalog().records().add(new)?;
        match self.draft.records.insert(id, Note { target, generation }) {
            None => Ok(()),
            Some(_) => Err(Stop::Wrong(format!("record id {id} was given twice"))),
        }
    }

    fn change_record(&mut self) -> Result<(), Stop> {
        let count = self.draft.records.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let at = self.random.below(count) as usize;
        let Some((&id, &note)) = self.draft.records.iter().nth(at) else { return Ok(()) };
        if self.random.once_in(3) {
            self.txn.catalog().records().remove(id)?;
            self.draft.records.remove(&id);
            return Ok(());
        }
        let generation = note.generation + 1;
        self.txn.catalog().records().update(id, |record| record.generation = generation)?;
        self.draft.records.insert(id, Note { generation, ..note });
        Ok(())
    }
}
