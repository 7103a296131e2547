//! Names of roots: bind, look up, rename, list.

use std::cmp::Ordering;

use super::Cells;
use super::inspect::{Inspector, report};
use super::memory::{Memory, corrupt, store};
use super::tree::{Order, Tree, TreeView};
use crate::format::{NAME_MAX_BYTES, NameCell, Plain};
use crate::{Error, ErrorKind, Result};

const HEAD_BYTES: u64 = size_of::<NameCell>() as u64;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Root {
    /// The face's number for this sort of root.
    pub kind: u32,
    /// Hash of the layout of its type.
    pub fingerprint: u64,
    /// Where it lies.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
}

/// Names in byte order. The key is the first eight bytes, filled up with zeros, read as a
/// big-endian number; a name has no zeros, so keys never contradict the names.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByName;

impl Order for ByName {
    type Probe = str;
    const UNIQUE_KEYS: bool = false;

    fn key(name: &str) -> u64 {
        let mut first = [0; 8];
        let len = name.len().min(8);
        first[..len].copy_from_slice(&name.as_bytes()[..len]);
        u64::from_be_bytes(first)
    }

    fn tie(self, memory: Memory<'_>, cell: u64, name: &str) -> Result<Ordering> {
        Ok(read_cell(memory, cell)?.1.cmp(name))
    }

    fn tie_between(self, memory: Memory<'_>, left: u64, right: u64) -> Result<Ordering> {
        Ok(read_cell(memory, left)?.1.cmp(read_cell(memory, right)?.1))
    }
}

/// The cell of a bound name, and the name.
fn read_cell(memory: Memory<'_>, offset: u64) -> Result<(NameCell, &str)> {
    let cell: NameCell = memory.read(offset)?;
    let length = cell.name_bytes as usize;
    if cell.tag != NameCell::TAG || length == 0 || length > NAME_MAX_BYTES {
        return Err(corrupt(offset, format!("no bound name: {cell:?}")));
    }
    let name = memory.slice(offset + HEAD_BYTES, length as u64)?;
    match std::str::from_utf8(name) {
        Ok(name) if !name.contains('\0') => Ok((cell, name)),
        _ => Err(corrupt(offset, "a bound name is not UTF-8 or contains NUL")),
    }
}

fn root_of(cell: NameCell) -> Root {
    let NameCell { kind, fingerprint, offset, bytes, .. } = cell;
    Root { kind, fingerprint, offset, bytes }
}

fn cell_of(name: &str, root: Root) -> NameCell {
    let Root { kind, fingerprint, offset, bytes } = root;
    let name_bytes = name.len() as u32;
    NameCell {
        tag: NameCell::TAG,
        name_bytes,
        kind,
        flags: 0,
        fingerprint,
        offset,
        bytes,
        reserved: 0,
    }
}

/// Refuses what cannot be a name.
fn vet(name: &str) -> Result<()> {
    let length = name.len();
    if length == 0 || length > NAME_MAX_BYTES {
        let what = format!("a name of {length} bytes; 1 to {NAME_MAX_BYTES} are allowed");
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    if name.contains('\0') {
        let what = format!("the name {name:?} contains a NUL byte");
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    Ok(())
}

#[cold]
fn exists(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("the name {name:?} is bound already"))
        .advice("unbind or rename it first, or rebind it")
}

#[cold]
fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("no root has the name {name:?}"))
}

/// The names of a heap to read from.
#[derive(Debug, Clone, Copy)]
pub struct NamesView<'a> {
    pub(super) tree: TreeView<'a, ByName>,
}

impl NamesView<'_> {
    /// What `name` stands for.
    pub fn lookup(&self, name: &str) -> Result<Option<Root>> {
        vet(name)?;
        let Some(offset) = self.tree.get(name)? else { return Ok(None) };
        Ok(Some(root_of(read_cell(self.tree.memory, offset)?.0)))
    }

    /// Up to `limit` names in byte order, those above `after` if it is given (bound or not).
    pub fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Root)>> {
        let cursor = match after {
            None => self.tree.iter(),
            Some(after) => self.tree.after(after),
        }?;
        let mut names: Vec<(String, Root)> = Vec::new();
        for entry in cursor.take(limit) {
            let offset = entry?.value;
            let (cell, name) = read_cell(self.tree.memory, offset)?;
            // Pages end where the next begins only if names ascend; a lister must not circle.
            let last = names.last().map(|(name, _)| name.as_str()).or(after);
            if last.is_some_and(|last| last >= name) {
                return Err(corrupt(offset, format!("{name:?} does not lie above {last:?}")));
            }
            names.push((name.to_owned(), root_of(cell)));
        }
        Ok(names)
    }

    /// Number of names.
    pub fn count(&self) -> Result<u64> {
        self.tree.count()
    }

    /// Checks tree and cells.
    pub fn check(&self, inspector: &mut dyn Inspector) {
        let memory = self.tree.memory;
        self.tree.check(inspector, &mut |inspector, entry| match read_cell(memory, entry.value) {
            Err(error) => report(inspector, entry.value, &error),
            Ok((_, name)) => {
                inspector.cell(entry.value, HEAD_BYTES + name.len() as u64);
                if ByName::key(name) != entry.key {
                    let what = format!("the name {name:?} has key {:#x}", entry.key);
                    inspector.finding(entry.value, what);
                }
            }
        });
    }
}

/// The names of a heap to write to.
#[derive(Debug)]
pub struct Names<'a, C: Cells> {
    pub(super) tree: Tree<'a, C, ByName>,
}

impl<C: Cells> Names<'_, C> {
    /// The names as they are now.
    #[must_use]
    pub fn view(&self) -> NamesView<'_> {
        NamesView { tree: self.tree.view() }
    }

    /// Gives `root` a name that is not in use.
    pub fn bind(&mut self, name: &str, root: Root) -> Result<()> {
        vet(name)?;
        if self.tree.view().get(name)?.is_some() {
            return Err(exists(name));
        }
        self.bind_new(name, cell_of(name, root))
    }

    /// Lets a bound name stand for `root`; returns what it stood for.
    pub fn rebind(&mut self, name: &str, root: Root) -> Result<Root> {
        vet(name)?;
        let offset = self.tree.view().get(name)?.ok_or_else(|| missing(name))?;
        let (old, _) = read_cell(self.tree.memory(), offset)?;
        store(self.tree.cells, self.tree.memory(), offset, cell_of(name, root))?;
        Ok(root_of(old))
    }

    /// Gives a root another name, not in use either.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        vet(old)?;
        vet(new)?;
        let offset = self.tree.view().get(old)?.ok_or_else(|| missing(old))?;
        if old == new {
            return Ok(());
        }
        if self.tree.view().get(new)?.is_some() {
            return Err(exists(new));
        }
        let (cell, _) = read_cell(self.tree.memory(), offset)?;
        self.bind_new(new, NameCell { name_bytes: new.len() as u32, ..cell })?;
        self.unbind(old).map(|_| ())
    }

    /// Forgets a name; returns what it stood for. The root stays where it is.
    pub fn unbind(&mut self, name: &str) -> Result<Root> {
        vet(name)?;
        let offset = self.tree.view().get(name)?.ok_or_else(|| missing(name))?;
        let (cell, _) = read_cell(self.tree.memory(), offset)?;
        self.tree.remove(name)?;
        self.tree.cells.free(offset)?;
        Ok(root_of(cell))
    }

    fn bind_new(&mut self, name: &str, cell: NameCell) -> Result<()> {
        let bytes = HEAD_BYTES + name.len() as u64;
        let offset = self.tree.cells.alloc(bytes)?;
        let at = self.tree.memory().address(offset, bytes, 8)?;
        // SAFETY: the new cell is ours to fill: NameCell first, then the name, in bounds.
        unsafe {
            at.copy_from_nonoverlapping(cell.as_bytes().as_ptr(), HEAD_BYTES as usize);
            at.add(HEAD_BYTES as usize).copy_from_nonoverlapping(name.as_ptr(), name.len());
        }
        self.tree.cells.touch(offset, bytes);
        if let Err(error) = self.tree.insert(name, offset) {
            self.tree.cells.free(offset)?;
            return Err(error);
        }
        Ok(())
    }
}
