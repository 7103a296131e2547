//! Which heap files are open in this process: the same file opened twice is one heap.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, Weak};

use super::Shared;
use super::own::Own;
use crate::Result;

type Open = HashMap<(u64, u64), Weak<Shared>>;

static OPEN: Own<Open> = Own::new();

fn lock() -> MutexGuard<'static, Open> {
    OPEN.lock()
}

/// The open heap of that identity, or the one that `open` makes.
pub fn find_or_open(key: (u64, u64), open: impl FnOnce() -> Result<Shared>) -> Result<Arc<Shared>> {
    let mut table = lock();
    if let Some(shared) = table.get(&key).and_then(Weak::upgrade) {
        // A forked child does not share its parent's heaps: it opens them anew.
        if shared.engine.host().board().is_mine() {
            return Ok(shared);
        }
    }
    let shared = Arc::new(open()?);
    table.insert(key, Arc::downgrade(&shared));
    Ok(shared)
}

/// Whether this process has that heap open.
pub fn knows(key: (u64, u64)) -> bool {
    let known = lock().get(&key).and_then(Weak::upgrade);
    known.is_some_and(|shared| shared.engine.host().board().is_mine())
}

/// Whether nobody in this process has a heap but the caller, who has one handle. If so it is
/// forgotten: who opens the file from now on attaches to it as another process would.
pub fn forget_if_only(key: (u64, u64), shared: &Arc<Shared>) -> bool {
    let mut table = lock();
    // Nobody finds it in the table while that is locked.
    let only = Arc::strong_count(shared) == 1;
    if only {
        table.remove(&key);
    }
    only
}

/// Forgets a heap that is being closed, unless its file was opened anew meanwhile.
pub fn forget(key: (u64, u64), shared: &Shared) {
    let mut table = lock();
    if table.get(&key).is_some_and(|known| std::ptr::eq(known.as_ptr(), shared)) {
        table.remove(&key);
    }
}
