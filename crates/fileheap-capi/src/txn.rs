//! Transactions: one that writes, any number that read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fileheap_core::{Error, ErrorKind, ReadTxn, Result};

use crate::arguments::{self, invalid};
use crate::border::{fheap_status, status, value};
use crate::heap::{durability, fheap};
use crate::state::State;
use crate::table;

/// A transaction. A handle, not an address: NULL, ended and made-up ones are errors.
#[allow(non_camel_case_types)]
pub struct fheap_txn {
    _private: [u8; 0],
}

/// A promise: every store to the heap is named by fheap_touch. Nothing is searched at commit.
pub const FHEAP_TRACKED: u32 = 1;
/// Wait as long as it takes.
pub const FHEAP_FOREVER: i64 = -1;

/// Handles are odd, no addresses, and never used again.
static NEXT: AtomicUsize = AtomicUsize::new((0x5478 << 48) + 1);
static WRITES: Mutex<BTreeMap<usize, Arc<State>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// Readers stay on their thread, and end with it.
    static READS: RefCell<BTreeMap<usize, ReadTxn>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn writes() -> MutexGuard<'static, BTreeMap<usize, Arc<State>>> {
    WRITES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
fn ended() -> Error {
    let text = "the transaction is NULL, has ended, or reads on another thread";
    Error::new(ErrorKind::Closed, text)
}

fn write(handle: usize) -> Result<Arc<State>> {
    writes().get(&handle).cloned().ok_or_else(ended)
}

pub(crate) fn is_open(handle: usize) -> bool {
    write(handle).is_ok()
}

fn end_read(handle: usize) -> bool {
    // Taken out first: the end of the last reader carries the log home, which takes its time.
    let read = READS.try_with(|reads| reads.borrow_mut().remove(&handle));
    let is_one = read.ok().flatten().is_some();
    if is_one {
        table::close_late();
    }
    is_one
}

/// In a forked child: what its thread read in are the parent's heaps. Not even given up here.
pub(crate) fn forget_reads() {
    let _ = READS.try_with(|reads| std::mem::forget(reads.take()));
}

pub(crate) fn begin(state: &Arc<State>, tracked: bool, wait_ms: i64) -> Result<usize> {
    state.is_ours()?;
    let wait = arguments::wait(wait_ms);
    let inner = match tracked {
        true => state.heap.begin_tracked(wait)?,
        false => state.heap.begin_write_wait(wait)?,
    };
    let handle = NEXT.fetch_add(2, Relaxed);
    writes().insert(handle, state.clone());
    state.install(inner, handle);
    Ok(handle)
}

pub(crate) fn end(handle: usize, commits: bool) -> Result<()> {
    let state = write(handle)?;
    let txn = state.take(handle)?;
    writes().remove(&handle);
    let verdict = txn.verdict(&state.heap);
    let done = if commits && verdict.is_ok() {
        txn.inner.commit().map(|_| ())
    } else {
        txn.inner.abort().and(if commits { verdict } else { Ok(()) })
    };
    drop(state);
    table::close_late();
    done
}

/// Commits what is open and goes on, while other threads that allocate wait.
pub(crate) fn go_on(state: &State, handle: usize) -> Result<()> {
    state.alone(|txn| {
        if txn.id != handle {
            return Err(ended());
        }
        txn.verdict(&state.heap)?;
        txn.inner.commit_and_continue()?;
        txn.renew();
        state.uncommitted.store(0, Relaxed);
        Ok(())
    })
}

/// Begins to write: waits for other writers, of this process and of others, and for readers among
/// this process's threads; `wait_ms` milliseconds at most, FHEAP_FOREVER, or 0: not at all
/// (FHEAP_BUSY). `flags` are 0 or FHEAP_TRACKED. All threads may then allocate in the heap and
/// store to it; any of them may end the transaction, once.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_begin(
    heap: *mut fheap,
    flags: u32,
    wait_ms: i64,
    txn: *mut *mut fheap_txn,
) -> fheap_status {
    status(|| {
        arguments::store(arguments::place(txn)?, null_mut());
        if flags & !FHEAP_TRACKED != 0 {
            return Err(invalid(format!("unknown flags {flags:#x}")));
        }
        let state = table::state(heap as usize)?;
        let handle = begin(&state, flags & FHEAP_TRACKED != 0, wait_ms)?;
        arguments::store(txn, handle as *mut fheap_txn);
        Ok(())
    })
}

/// Begins to read the newest committed state, which stays as it is until the transaction ends, on
/// this thread. Threads of the process that writes wait until that is done.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_begin_read(
    heap: *mut fheap,
    wait_ms: i64,
    txn: *mut *mut fheap_txn,
) -> fheap_status {
    status(|| {
        arguments::store(arguments::place(txn)?, null_mut());
        let state = table::usable(heap as usize)?;
        let read = state.heap.begin_read_wait(arguments::wait(wait_ms))?;
        let handle = NEXT.fetch_add(2, Relaxed);
        let kept = READS.try_with(|reads| reads.borrow_mut().insert(handle, read));
        kept.map_err(|_| invalid("this thread is ending"))?;
        arguments::store(txn, handle as *mut fheap_txn);
        Ok(())
    })
}

/// Makes all of the transaction last, and ends it. On an error none of it does, and it has ended
/// all the same. A reader just ends. No thread may allocate in the transaction meanwhile: its
/// call would fail.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_commit(txn: *mut fheap_txn) -> fheap_status {
    status(|| if end_read(txn as usize) { Ok(()) } else { end(txn as usize, true) })
}

/// Makes all so far last and goes on with the next transaction under the same handle; no other
/// writer gets in between. Threads that allocate meanwhile wait; none may store. After an error
/// everything is as it was before the call.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_commit_and_continue(txn: *mut fheap_txn) -> fheap_status {
    status(|| go_on(&*write(txn as usize)?, txn as usize))
}

/// Undoes the transaction and ends it. A reader just ends.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_abort(txn: *mut fheap_txn) -> fheap_status {
    status(|| if end_read(txn as usize) { Ok(()) } else { end(txn as usize, false) })
}

/// The number of the state that is read, or that a commit will make; 0 on failure.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_txn_number(txn: *mut fheap_txn) -> u64 {
    value(0, || {
        let handle = txn as usize;
        let read = READS.try_with(|reads| reads.borrow().get(&handle).map(ReadTxn::number));
        match read.ok().flatten() {
            Some(number) => Ok(number),
            None => write(handle)?.alone(|txn| Ok(txn.inner.number())),
        }
    })
}

/// What this transaction's commits are to survive: FHEAP_POWER, FHEAP_BACKGROUND, FHEAP_PROCESS.
#[unsafe(no_mangle)]
pub extern "C" fn fheap_set_durability(txn: *mut fheap_txn, level: u32) -> fheap_status {
    status(|| {
        let level = durability(level)?.ok_or_else(|| invalid("name a durability"))?;
        write(txn as usize)?.alone(|txn| {
            txn.inner.set_durability(level);
            Ok(())
        })
    })
}
