//! Which lane the calling thread has in which heap, and what becomes of it when the thread ends.

use std::cell::{Cell, RefCell};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::lane::Lane;

/// The lanes of one heap.
pub(super) struct Lanes {
    /// Never used by another heap of this process.
    pub(super) id: u64,
    // Boxed: a lane must stay where it is.
    #[allow(clippy::vec_box)]
    all: Mutex<Vec<Box<Lane>>>,
    /// Lanes whose threads have ended.
    idle: Mutex<Vec<usize>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes {
    pub(super) fn new() -> Arc<Self> {
        let id = NEXT_ID.fetch_add(1, Relaxed);
        Arc::new(Self { id, all: Mutex::default(), idle: Mutex::default() })
    }

    /// All lanes. They are never freed before the heap is.
    pub(super) fn all(&self) -> Vec<*mut Lane> {
        lock(&self.all).iter().map(|lane| std::ptr::from_ref(&**lane).cast_mut()).collect()
    }

    /// Takes all lanes whose threads have ended.
    pub(super) fn take_all_idle(&self) -> Vec<*mut Lane> {
        let idle = std::mem::take(&mut *lock(&self.idle));
        let all = lock(&self.all);
        idle.iter().map(|&index| std::ptr::from_ref(&*all[index]).cast_mut()).collect()
    }

    pub(super) fn give_idle(&self, index: usize) {
        lock(&self.idle).push(index);
    }

    fn take(&self) -> *mut Lane {
        let idle = lock(&self.idle).pop();
        let mut all = lock(&self.all);
        if let Some(index) = idle {
            return std::ptr::from_ref(&*all[index]).cast_mut();
        }
        let index = all.len();
        all.push(Box::new(Lane::new(index)));
        std::ptr::from_ref(&*all[index]).cast_mut()
    }
}

struct Held(Vec<(u64, Weak<Lanes>, *mut Lane, usize)>);

thread_local! {
    /// The heap this thread used last, and its lane there. Has no destructor: quick to reach.
    static LAST: Cell<(u64, *mut Lane)> = const { Cell::new((0, null_mut())) };
    static HELD: RefCell<Held> = const { RefCell::new(Held(Vec::new())) };
}

impl Drop for Held {
    fn drop(&mut self) {
        LAST.set((0, null_mut()));
        for (_, lanes, _, index) in self.0.drain(..) {
            if let Some(lanes) = lanes.upgrade() {
                lanes.give_idle(index);
            }
        }
    }
}

/// This thread's lane in the heap `id`, if it used that heap last.
#[inline]
pub(super) fn current(id: u64) -> Option<*mut Lane> {
    let (last, lane) = LAST.get();
    (last == id).then_some(lane)
}

/// This thread's lane in a heap; it gets one if it has none.
#[cold]
pub(super) fn enter(lanes: &Arc<Lanes>) -> *mut Lane {
    let found = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        if let Some(it) = held.0.iter().find(|it| it.0 == lanes.id) {
            return it.2;
        }
        held.0.retain(|it| it.1.strong_count() > 0);
        let lane = lanes.take();
        // SAFETY: lanes live as long as `lanes` does; the index never changes.
        let index = unsafe { (*lane).index };
        held.0.push((lanes.id, Arc::downgrade(lanes), lane, index));
        lane
    });
    // A thread that is past its destructors keeps its lane for good; the heap's end frees it.
    let lane = found.unwrap_or_else(|_| lanes.take());
    LAST.set((lanes.id, lane));
    lane
}
