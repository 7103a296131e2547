//! `Read`: one committed state, to look at.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use fileheap_core::{ErrorKind, ReadTxn, Result};

use crate::space::Space;
use crate::{Persist, roots};

/// The newest committed state as it was when this was made, for as long as it lives. It derefs to
/// the root.
///
/// Threads share it by reference (`&Read` is `Send`), each looking at the root through it. While it
/// lives no thread of this process can write to the heap; other processes can.
pub struct Read<R: Persist> {
    root: NonNull<R::At<'static>>,
    txn: ReadTxn,
    space: Arc<Space>,
    life: PhantomData<fn() -> R>,
}

// SAFETY: what can be reached through a shared guard is read only: the root, whose types have no
// interior mutability and may be looked at by several threads (the law of Persist), and bytes of a
// mapping that nobody stores to while the guard lives.
unsafe impl<R: Persist> Sync for Read<R> {}

impl<R: Persist> Read<R> {
    pub(crate) fn new(space: &Arc<Space>, txn: ReadTxn) -> Result<Self> {
        let placed = |error: fileheap_core::Error| error.at(space.core.path());
        let entry = roots::entry(txn.catalog(), roots::MAIN).map_err(placed)?;
        let entry = entry.ok_or_else(|| rootless(space))?;
        let root = roots::value::<R>(&space.core, txn.memory(), roots::MAIN, entry);
        let root = root.map_err(placed)?;
        Ok(Self { root, txn, space: space.clone(), life: PhantomData })
    }

    /// The value of a named root, if the name is bound. [`ErrorKind::WrongType`] if it has another
    /// type.
    pub fn named<T: Persist>(&self, name: &str) -> Result<Option<&T::At<'static>>> {
        let placed = |error: fileheap_core::Error| error.at(self.space.core.path());
        roots::vet(name).map_err(placed)?;
        let Some(entry) = roots::entry(self.txn.catalog(), name).map_err(placed)? else {
            return Ok(None);
        };
        let value = roots::value::<T>(&self.space.core, self.txn.memory(), name, entry);
        // SAFETY: a T of the shape it should have, in a state at rest while we live.
        value.map(|value| Some(unsafe { value.as_ref() })).map_err(placed)
    }

    /// The names of all named roots, in byte order.
    pub fn names(&self) -> Result<Vec<String>> {
        roots::list(self.txn.catalog())
    }

    /// The number of the transaction whose state this is.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.txn.number()
    }

    pub(crate) fn txn(&self) -> &ReadTxn {
        &self.txn
    }

    pub(crate) fn space(&self) -> &Space {
        &self.space
    }
}

/// The error for a heap that another face made.
#[cold]
pub(crate) fn rootless(space: &Space) -> fileheap_core::Error {
    let text = "this heap has no root of the Rust face: another face, or the engine, made it";
    fileheap_core::Error::new(ErrorKind::NotFound, text)
        .at(space.core.path())
        .advice("open_or_create gives it one")
}

impl<R: Persist> Deref for Read<R> {
    type Target = R::At<'static>;

    #[inline]
    fn deref(&self) -> &R::At<'static> {
        // SAFETY: checked when the guard was made; at rest while it lives. Only a shared reference
        // is given, from which nothing that owns file memory can be made: see DESIGN.md.
        unsafe { self.root.as_ref() }
    }
}

impl<R: Persist> fmt::Debug for Read<R>
where
    R::At<'static>: fmt::Debug,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Read").field(&**self).finish()
    }
}
