//! What fork would break: locks that other threads hold, the seats of threads that the child does
//! not have, and the parent's transactions, which a child must not use.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::{fmalloc, seats, table, txn};

/// How many forks lead to this process.
static GENERATION: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Our locks, while this thread forks.
    static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

pub fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

extern "C" fn before() {
    // In the order in which they are taken elsewhere.
    let locks: Vec<Box<dyn Any>> = vec![
        Box::new(fmalloc::open_files()),
        Box::new(table::owned()),
        Box::new(txn::writes()),
        Box::new(seats::seats()),
    ];
    let _ = HELD.try_with(|held| *held.borrow_mut() = locks);
}

extern "C" fn after() {
    let _ = HELD.try_with(|held| held.borrow_mut().clear());
}

extern "C" fn in_child() {
    after();
    GENERATION.fetch_add(1, Relaxed);
    seats::keep_only_mine();
    table::orphan_all();
    txn::forget_reads();
}

/// Sees to it that forks are seen.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handlers live as long as the library and let nothing unwind.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) };
    });
}
