//! A session: the one open transaction of a thread from begin to end, whatever the root.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use fileheap_core::{Result, Wait, WriteTxn};

use crate::current::{Current, OutOfSpace, none_yet};
use crate::here::Alloc;
use crate::space::Space;

/// Owns the thread's `Current`. Dropping it aborts. It stays on its thread: it is not Send.
pub(crate) struct Session {
    current: NonNull<Current>,
}

impl Session {
    pub(crate) fn begin(space: &Arc<Space>, wait: Wait) -> Result<Self> {
        none_yet(space)?;
        let txn = space.core.begin_write_wait(wait)?;
        Ok(Self { current: Current::begin(space.clone(), txn) })
    }

    fn current(&self) -> &Current {
        // SAFETY: lives until `end`, which takes the session.
        unsafe { self.current.as_ref() }
    }

    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.current().space
    }

    pub(crate) fn txn(&self) -> &WriteTxn {
        self.current().txn()
    }

    /// `action` calls nothing but the engine.
    pub(crate) fn with_txn<T>(&mut self, action: impl FnOnce(&mut WriteTxn) -> T) -> T {
        // SAFETY: only the engine is called; `&mut self` keeps other threads away.
        unsafe { self.current().with_txn(action) }
    }

    /// The right to allocate.
    ///
    /// # Safety
    /// The session is borrowed mutably for all of `'x`.
    pub(crate) unsafe fn alloc<'x>(&self) -> Alloc<'x> {
        // SAFETY: a session that is borrowed does not end.
        unsafe { Alloc::new(self.current) }
    }

    /// Calls `change`; where it runs out of space the call ends and returns that error.
    pub(crate) fn run<T>(&mut self, change: impl for<'x> FnOnce(Alloc<'x>) -> T) -> Result<T> {
        // SAFETY: `&mut self` outlasts the call, and `change` cannot keep the Alloc any longer.
        let alloc = unsafe { self.alloc() };
        self.current().catch(true);
        let done = catch_unwind(AssertUnwindSafe(|| change(alloc)));
        self.current().catch(false);
        match done {
            Err(payload) if !payload.is::<OutOfSpace>() => resume_unwind(payload),
            done => match (self.current().take_doom(), done) {
                (Some(error), _) => Err(error),
                (None, Ok(value)) => Ok(value),
                // Another thread's, passed on by the closure.
                (None, Err(payload)) => resume_unwind(payload),
            },
        }
    }

    pub(crate) fn commit(self) -> Result<u64> {
        let doom = self.current().take_doom();
        let txn = self.end();
        match doom {
            None => txn.commit(),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn commit_and_continue(&mut self) -> Result<u64> {
        match self.current().take_doom() {
            None => self.with_txn(WriteTxn::commit_and_continue),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn abort(self) -> Result<()> {
        self.end().abort()
    }

    fn end(self) -> WriteTxn {
        let session = ManuallyDrop::new(self);
        // SAFETY: once, since the session is gone; all that it gave access to borrowed it.
        unsafe { Current::end(session.current) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: once; all that it gave access to borrowed it. The transaction aborts.
        drop(unsafe { Current::end(self.current) });
    }
}
