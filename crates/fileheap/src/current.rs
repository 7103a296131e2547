//! The thread's one open write transaction: what `Here` allocates from, and how it is doomed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::panic::resume_unwind;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use fileheap_core::{Error, ErrorKind, Result, WriteTxn};

use crate::space::{Space, enter_stray, leave_stray};

thread_local! {
    /// Has no destructor, so that it answers while other thread-locals are dropped.
    static CURRENT: Cell<*const Current> = const { Cell::new(ptr::null()) };
}

/// What unwinds out of a container that found no space, for `Write::run` to catch.
pub(crate) struct OutOfSpace;

/// An open write transaction of this thread. It lies at one address until it ends.
pub(crate) struct Current {
    base: usize,
    bytes: usize,
    txn: UnsafeCell<WriteTxn>,
    pub(crate) space: Arc<Space>,
    /// Why this transaction can only abort.
    doom: RefCell<Option<Error>>,
    is_doomed: Cell<bool>,
    /// Memory that containers got when there was none in the heap and they could not be stopped.
    strays: RefCell<Vec<(NonNull<u8>, Layout)>>,
    /// Calls of `Write::run` that are under way.
    catchers: Cell<u32>,
}

/// The current transaction, if this thread has one.
#[inline]
pub(crate) fn current<'x>() -> Option<&'x Current> {
    // SAFETY: set by `begin`, cleared by `end` before the value goes; who holds what this returns
    // holds it within a call made by this very thread, which does not end the transaction.
    unsafe { CURRENT.get().as_ref() }
}

/// Refuses a second transaction on this thread, before anything is waited for.
pub(crate) fn none_yet(space: &Space) -> Result<()> {
    match current() {
        None => Ok(()),
        Some(open) => {
            let text =
                format!("this very thread is writing to {}", open.space.core.path().display());
            Err(Error::new(ErrorKind::Nested, text)
                .at(space.core.path())
                .advice("one write guard at a time on a thread: end the other one first"))
        }
    }
}

impl Current {
    /// Makes `txn` this thread's transaction. `none_yet` was asked: it has no other one.
    pub(crate) fn begin(space: Arc<Space>, txn: WriteTxn) -> NonNull<Self> {
        let current = Box::new(Self {
            base: space.core.base() as usize,
            bytes: space.bytes,
            txn: UnsafeCell::new(txn),
            space,
            doom: RefCell::new(None),
            is_doomed: Cell::new(false),
            strays: RefCell::new(Vec::new()),
            catchers: Cell::new(0),
        });
        let current = NonNull::from(Box::leak(current));
        CURRENT.set(current.as_ptr());
        current
    }

    /// Takes it out of the thread.
    ///
    /// # Safety
    /// `current` is from `begin`, is ended once, and nothing that it allocated is used afterwards.
    pub(crate) unsafe fn end(current: NonNull<Self>) -> WriteTxn {
        CURRENT.set(ptr::null());
        // SAFETY: made by Box in `begin`; ours alone, as promised.
        let ended = unsafe { Box::from_raw(current.as_ptr()) };
        for (stray, layout) in ended.strays.take() {
            leave_stray(stray.as_ptr() as usize);
            // SAFETY: from `stray` with this layout, and not used any more, as promised.
            unsafe { System.dealloc(stray.as_ptr(), layout) };
        }
        ended.txn.into_inner()
    }

    /// The engine's transaction.
    #[inline]
    pub(crate) fn txn(&self) -> &WriteTxn {
        // SAFETY: unique references live only within calls of `with_txn`, which calls nobody who
        // could come here.
        unsafe { &*self.txn.get() }
    }

    /// The engine's transaction, to change names.
    ///
    /// # Safety
    /// `action` calls nothing of this crate, and no other thread is inside `txn`.
    pub(crate) unsafe fn with_txn<T>(&self, action: impl FnOnce(&mut WriteTxn) -> T) -> T {
        // SAFETY: as promised.
        action(unsafe { &mut *self.txn.get() })
    }

    /// The heap's offset of an address inside its space.
    #[inline]
    pub(crate) fn offset(&self, address: usize) -> Option<u64> {
        let offset = address.wrapping_sub(self.base);
        (offset < self.bytes).then_some(offset as u64)
    }

    /// Whether a container's field without size can have this address: see `is_in_a_heap`.
    #[inline]
    pub(crate) fn may_hold(&self, address: usize) -> bool {
        address.wrapping_sub(self.base + 1) < self.bytes
    }

    /// Whether this address is in memory of the process that stands in for the heap's.
    #[cold]
    pub(crate) fn has_stray(&self, address: usize) -> bool {
        let is_in = |&(stray, layout): &(NonNull<u8>, Layout)| {
            address.wrapping_sub(stray.as_ptr() as usize) <= layout.size()
        };
        self.strays.borrow().iter().any(is_in)
    }

    /// From now on the transaction can only abort.
    pub(crate) fn doom(&self, error: Error) {
        self.is_doomed.set(true);
        self.doom.borrow_mut().get_or_insert(error);
    }

    /// Why it is doomed; a second question gets a shorter answer.
    pub(crate) fn take_doom(&self) -> Option<Error> {
        if !self.is_doomed.get() {
            return None;
        }
        let told = || {
            let text = "this transaction failed to allocate, as was told, and cannot be committed";
            let error = Error::new(ErrorKind::LimitReached, text).at(self.space.core.path());
            error.advice("abort it; nothing committed was lost")
        };
        Some(self.doom.borrow_mut().take().unwrap_or_else(told))
    }

    /// Counts a `Write::run` in or out.
    pub(crate) fn catch(&self, is_in: bool) {
        let catchers = self.catchers.get();
        self.catchers.set(if is_in { catchers + 1 } else { catchers - 1 });
    }

    /// There is no memory in the heap: unwinds, or hands out memory that the transaction's end
    /// frees, where unwinding would end the process.
    #[cold]
    pub(crate) fn refuse(&self, error: Error, layout: Layout) -> NonNull<u8> {
        if std::thread::panicking() || cfg!(panic = "abort") {
            self.doom(error);
            return self.stray(layout);
        }
        if self.catchers.get() > 0 {
            self.doom(error);
            resume_unwind(Box::new(OutOfSpace));
        }
        let text = error.to_string();
        self.doom(error);
        panic!("{text} (Heap::update and Write::run return this as an error)");
    }

    /// Memory of the process in place of memory of the heap: for callers that cannot be stopped.
    #[cold]
    pub(crate) fn stray(&self, layout: Layout) -> NonNull<u8> {
        // SAFETY: who asks for nothing does not come here.
        let memory = unsafe { System.alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { std::alloc::handle_alloc_error(layout) };
        enter_stray(memory.as_ptr() as usize, layout.size());
        self.strays.borrow_mut().push((memory, layout));
        memory
    }
}
