//! `Write`: the one open transaction of a thread, and access to the root in it.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use fileheap_core::catalog::CatalogView;
use fileheap_core::{Durability, Result};

use crate::here::Alloc;
use crate::read::rootless;
use crate::session::Session;
use crate::{Persist, roots};

/// An open write transaction. Dropping it aborts.
///
/// It does not deref to the root: what is moved out of the root must be gone before the transaction
/// ends, so each access is a call that borrows the guard. See [`root`](Self::root) and
/// [`split`](Self::split).
///
/// The guard stays on its thread, and a thread has one at a time, whatever the heap. Other threads
/// can look through a reference to it with [`peek`](Self::peek).
///
/// A guard that is leaked (`std::mem::forget`) keeps its transaction open until the process ends:
/// other threads of this process and other processes wait for it, or get
/// [`ErrorKind::Busy`](crate::ErrorKind::Busy) with a `Wait` that ends. Then it is as if it had
/// been aborted.
///
/// In a forked child a guard it inherited does nothing: stores stay in the child's memory, and
/// `commit` is [`ErrorKind::ForkedChild`](crate::ErrorKind::ForkedChild).
pub struct Write<R: Persist> {
    root: NonNull<R::At<'static>>,
    session: Session,
    life: PhantomData<fn() -> R>,
}

// SAFETY: what a shared guard gives to other threads is read only, as for `Read`: while they have
// it, its own thread has a shared reference, too, and cannot store. (It is not Send: it holds a
// pointer.)
unsafe impl<R: Persist> Sync for Write<R> {}

impl<R: Persist> Write<R> {
    pub(crate) fn new(session: Session) -> Result<Self> {
        let space = session.space();
        let memory = session.txn().memory();
        let root = roots::entry(CatalogView::new(memory), roots::MAIN).and_then(|entry| {
            let entry = entry.ok_or_else(|| rootless(space))?;
            roots::value::<R>(&space.core, memory, roots::MAIN, entry)
        });
        let root = root.map_err(|error| error.at(space.core.path()))?;
        Ok(Self { root, session, life: PhantomData })
    }

    /// The root, to change it.
    #[inline]
    pub fn root(&mut self) -> &mut R::At<'_> {
        // SAFETY: checked when the guard was made; `&mut self` is the only way to it. The lifetime
        // given to the type is that of the borrow: nothing that owns file memory outlives it.
        unsafe { self.root.cast().as_mut() }
    }

    /// The root and the right to allocate, both at once.
    #[inline]
    pub fn split(&mut self) -> (&mut R::At<'_>, Alloc<'_>) {
        // SAFETY: the transaction ends only when this borrow has.
        let alloc = unsafe { self.session.alloc() };
        (self.root(), alloc)
    }

    /// The root, to look at it.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> &R::At<'_> {
        // SAFETY: as in `root`, shared.
        unsafe { self.root.cast().as_ref() }
    }

    /// Calls `change` with the root. Where it finds no space left - which containers do not tell,
    /// since their methods are those of std - the call ends there and returns that error. The
    /// transaction can then only be aborted; what it did not change in memory is as it was.
    pub fn run<T>(
        &mut self,
        change: impl for<'x> FnOnce(&mut R::At<'x>, Alloc<'x>) -> T,
    ) -> Result<T> {
        let root = self.root;
        self.session.run(|alloc| {
            // SAFETY: as in `root`: the session, and so the guard, is borrowed for the call.
            change(unsafe { root.cast().as_mut() }, alloc)
        })
    }

    /// The value of a named root, if the name is bound.
    pub fn named<T: Persist>(&self, name: &str) -> Result<Option<&T::At<'_>>> {
        let value = self.find::<T>(name)?;
        // SAFETY: a T of the shape it should have; changed only through `&mut self`.
        Ok(value.map(|value| unsafe { value.cast().as_ref() }))
    }

    /// The same, to change it.
    pub fn named_mut<T: Persist>(&mut self, name: &str) -> Result<Option<&mut T::At<'_>>> {
        let value = self.find::<T>(name)?;
        // SAFETY: a T of the shape it should have; `&mut self` is the only way to it. The main
        // root has a name that `find` refuses.
        Ok(value.map(|value| unsafe { value.cast().as_mut() }))
    }

    fn find<T: Persist>(&self, name: &str) -> Result<Option<NonNull<T::At<'static>>>> {
        let core = &self.session.space().core;
        let memory = self.session.txn().memory();
        let found = roots::vet(name).and_then(|()| {
            let entry = roots::entry(CatalogView::new(memory), name)?;
            entry.map(|entry| roots::value::<T>(core, memory, name, entry)).transpose()
        });
        found.map_err(|error| error.at(core.path()))
    }

    /// The names of all named roots, in byte order.
    pub fn names(&self) -> Result<Vec<String>> {
        roots::list(CatalogView::new(self.session.txn().memory()))
    }

    /// What this commit is to survive, if not what the heap's options say.
    pub fn set_durability(&mut self, durability: Durability) {
        self.session.with_txn(|txn| txn.set_durability(durability));
    }

    /// The number this transaction commits as.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.session.txn().number()
    }

    /// Commits and ends; returns the transaction's number. On an error it is aborted.
    pub fn commit(self) -> Result<u64> {
        self.session.commit()
    }

    /// Commits and goes on with the next transaction, without letting another writer in.
    pub fn commit_and_continue(&mut self) -> Result<u64> {
        self.session.commit_and_continue()
    }

    /// Undoes everything and ends. Dropping the guard does the same, but cannot tell of an error.
    pub fn abort(self) -> Result<()> {
        self.session.abort()
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }
}

impl<R: Persist> fmt::Debug for Write<R>
where
    for<'x> R::At<'x>: fmt::Debug,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Write").field(self.peek()).finish()
    }
}
