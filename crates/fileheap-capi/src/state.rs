//! An open heap as the C ABI sees it: the engine's handle, and the one open write transaction.

use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fileheap_core::catalog::Root;
use fileheap_core::{Error, ErrorKind, Heap, Result, WriteTxn};

use super::{fork, seats, table};

/// The name whose presence says: the bytes of this heap hold addresses, so it is of use at its
/// recorded base only.
pub const ADDRESSES: &str = "fileheap.addresses";

/// An open heap; handles that mean the same file share it.
pub struct State {
    pub heap: Heap,
    pub base: usize,
    pub reserved_bytes: usize,
    /// The open transaction while it may be allocated in, else null.
    open: AtomicPtr<Txn>,
    /// The open transaction; locked while it begins, ends, or is used by one thread alone.
    own: Mutex<Own>,
    /// Forks that led to the process that opened it.
    generation: u32,
    /// Bytes allocated by `fmalloc` since the last commit.
    pub uncommitted: AtomicU64,
}

struct Own(*mut Txn);

// SAFETY: the transaction may be sent and shared; who gets at it follows `State`'s rules.
unsafe impl Send for Own {}

/// A write transaction and what the C ABI remembers with it.
pub struct Txn {
    pub inner: WriteTxn,
    /// `ADDRESSES` is known to be bound.
    marked: AtomicBool,
    /// It holds addresses that will be wrong the next time: it must not be committed.
    doomed: bool,
    pub id: usize,
}

/// Makes the transaction open to all again.
struct Reopen<'a>(&'a State, *mut Txn);

impl Drop for Reopen<'_> {
    fn drop(&mut self) {
        self.0.open.store(self.1, SeqCst);
    }
}

#[cold]
fn no_transaction(heap: &Heap) -> Error {
    Error::new(ErrorKind::InvalidArgument, "no write transaction is open in this process")
        .at(heap.path())
        .advice("begin one first")
}

#[cold]
fn inherited(heap: &Heap) -> Error {
    let text = "this process is a forked child: the heap and its transaction are the parent's";
    Error::new(ErrorKind::ForkedChild, text)
        .at(heap.path())
        .advice("close it in the child and open it anew, or leave the work to the parent")
}

impl State {
    pub fn new(heap: Heap) -> Self {
        let (base, reserved_bytes) = (heap.base() as usize, heap.reserved_bytes() as usize);
        let (open, own) = (AtomicPtr::new(null_mut()), Mutex::new(Own(null_mut())));
        let (generation, uncommitted) = (fork::generation(), AtomicU64::new(0));
        Self { heap, base, reserved_bytes, open, own, generation, uncommitted }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transaction to allocate in, for a thread that is inside.
    #[inline]
    pub fn current(&self) -> Option<&Txn> {
        // SAFETY: whoever ends it stores null first and then waits until nobody is inside.
        unsafe { self.open.load(Acquire).as_ref() }
    }

    /// Waits for whoever has the transaction to himself; fails if there is none then.
    #[cold]
    pub fn settle(&self) -> Result<()> {
        self.is_ours()?;
        if self.own().0.is_null() { Err(no_transaction(&self.heap)) } else { Ok(()) }
    }

    /// Takes in a transaction that began.
    pub fn install(&self, inner: WriteTxn, id: usize) {
        let marked = AtomicBool::new(false);
        let txn = Box::into_raw(Box::new(Txn { inner, marked, doomed: false, id }));
        let mut own = self.own();
        own.0 = txn;
        self.open.store(txn, SeqCst);
    }

    /// In a forked child: the transaction is the parent's, and so is the memory in it that goes
    /// to the file as it is.
    pub fn orphan(&self) {
        self.open.store(null_mut(), SeqCst);
    }

    /// An error in a child of the process that opened it: whatever other threads of the parent did
    /// when it forked, they will never end here, and to wait for them is to hang.
    pub fn is_ours(&self) -> Result<()> {
        if self.generation == fork::generation() { Ok(()) } else { Err(inherited(&self.heap)) }
    }

    /// Uses the open transaction alone: other threads wait until that is done.
    pub fn alone<R>(&self, work: impl FnOnce(&mut Txn) -> Result<R>) -> Result<R> {
        self.alone_if_open(work)?.ok_or_else(|| no_transaction(&self.heap))
    }

    /// The same; None if no transaction is open.
    pub fn alone_if_open<R>(&self, work: impl FnOnce(&mut Txn) -> Result<R>) -> Result<Option<R>> {
        self.is_ours()?;
        let own = self.own();
        let txn = own.0;
        if txn.is_null() {
            return Ok(None);
        }
        self.open.store(null_mut(), SeqCst);
        let _reopen = Reopen(self, txn);
        seats::wait_until_left(|inside| table::may_use(inside, self));
        // SAFETY: nobody is inside, nobody gets in while `open` is null, and we hold the lock.
        work(unsafe { &mut *txn }).map(Some)
    }

    /// Takes the open transaction away, if it is this one.
    pub fn take(&self, id: usize) -> Result<Box<Txn>> {
        self.is_ours()?;
        let mut own = self.own();
        // SAFETY: not null means it lives, and the lock keeps it.
        if own.0.is_null() || unsafe { (*own.0).id } != id {
            let text = "this transaction has ended";
            return Err(Error::new(ErrorKind::Closed, text).at(self.heap.path()));
        }
        self.open.store(null_mut(), SeqCst);
        seats::wait_until_left(|inside| table::may_use(inside, self));
        let txn = std::mem::replace(&mut own.0, null_mut());
        self.uncommitted.store(0, Relaxed);
        // SAFETY: from `install`; nobody is inside, so nobody has a reference to it.
        Ok(unsafe { Box::from_raw(txn) })
    }
}

impl Txn {
    /// Whether it may be committed.
    pub fn verdict(&self, heap: &Heap) -> Result<()> {
        if self.doomed { Err(misplaced(heap)) } else { Ok(()) }
    }

    /// A new transaction follows in place of the one committed.
    pub fn renew(&mut self) {
        *self.marked.get_mut() = false;
    }

    /// Whether it is noted already that the heap holds addresses.
    #[inline]
    pub fn is_marked(&self) -> bool {
        self.marked.load(Relaxed)
    }

    /// Notes that the heap holds addresses from now on. Where it lies elsewhere than at its
    /// recorded base they would be wrong the next time: the transaction cannot be committed then.
    pub fn mark(&mut self, heap: &Heap) -> Result<()> {
        if !heap.is_at_recorded_base() {
            self.doomed = true;
            return Err(misplaced(heap));
        }
        let mut catalog = self.inner.catalog();
        let mut names = catalog.names();
        if names.view().lookup(ADDRESSES)?.is_none() {
            names.bind(ADDRESSES, Root::default())?;
        }
        *self.marked.get_mut() = true;
        Ok(())
    }
}

/// The error for addresses in a heap that lies elsewhere.
#[cold]
pub fn misplaced(heap: &Heap) -> Error {
    let text = format!(
        "structures that hold addresses need the heap at {:#x}; it lies at {:p}",
        heap.recorded_base(),
        heap.base()
    );
    Error::new(ErrorKind::AddressTaken, text)
        .at(heap.path())
        .advice("open it first thing in the program, or keep offset pointers only")
}

impl Drop for State {
    fn drop(&mut self) {
        let own = self.own.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !own.0.is_null() {
            // SAFETY: from `install`, and nobody else has the state any more. Aborts.
            drop(unsafe { Box::from_raw(own.0) });
        }
    }
}
