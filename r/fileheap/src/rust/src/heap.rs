//! A heap as R has it open: its mode, its one transaction, the bodies of its live vectors.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use fileheap_core::catalog::{CatalogView, Memory};
use fileheap_core::{Heap, Keeper, WriteTxn};
use fileheap_r_layout::{PERSISTENT, SCRATCH};

use crate::body::{ACCOMPANIED, Body, BodyPointer, MUTABLE, TEMPORARY_BODY};
use crate::edit::Parted;
use crate::fault::{Fault, Outcome, Problem, calm, guard};
use crate::spares::Spares;

/// One open heap file; handles and vectors of R share it.
pub struct RHeap {
    pub heap: Heap,
    pub mode: u32,
    pub pid: u32,
    /// What the file is to the system.
    pub place: Option<(u64, u64)>,
    pub state: Mutex<State>,
}

/// The device and number of the file at a path.
pub fn place_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// What changes.
#[derive(Default)]
pub struct State {
    pub open: Option<Open>,
    pub bodies: HashMap<u64, Vec<BodyPointer>>,
    /// Records whose last body went, or the one that stored to them.
    pub released: Vec<u64>,
    /// Records buried by this process that could not be freed yet.
    pub buried: Vec<u64>,
    /// Extents made ahead.
    pub spares: Spares,
    pub keeper: Option<Keeper>,
    /// Records that were given new elements in the open transaction, in order.
    pub parted: Vec<Parted>,
    /// The vectors that `edit` gave in it.
    pub begun: Vec<BodyPointer>,
    /// Bytes freed by the open transaction.
    pub freed_bytes: u64,
}

/// The open transaction: of one entry, or of `with_transaction`.
pub struct Open {
    pub txn: WriteTxn,
    pub explicit: bool,
    /// Entries that are not left yet.
    pub depth: u32,
    /// What was pending when it began: an abort brings it back.
    pub before: Before,
}

/// What is to be done with records, as it was before a transaction.
#[derive(Default)]
pub struct Before {
    pub released: Vec<u64>,
    pub buried: Vec<u64>,
    pub spares: Spares,
}

/// Heaps open in this process.
static HEAPS: Mutex<Vec<Weak<RHeap>>> = Mutex::new(Vec::new());

pub fn heaps() -> MutexGuard<'static, Vec<Weak<RHeap>>> {
    HEAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The transaction that C entered before.
    pub fn txn(&mut self) -> Outcome<&mut WriteTxn> {
        let open = self.open.as_mut();
        open.map(|open| &mut open.txn)
            .ok_or_else(|| Problem::new("internal", "no transaction is open"))
    }

    /// How many vectors of this session store to the record.
    pub fn editing(&self, id: u64) -> usize {
        let all = self.bodies.get(&id).into_iter().flatten();
        // SAFETY: bodies are taken out of the map before they are freed.
        all.filter(|body| unsafe { (*body.0).flags & MUTABLE != 0 }).count()
    }

    /// Whether a vector of this session stores to the record.
    pub fn is_edited(&self, id: u64) -> bool {
        self.editing(id) > 0
    }

    /// How many vectors of this session show the record. Those of an older life of it are dead.
    pub fn showing(&self, id: u64) -> usize {
        let all = self.bodies.get(&id).into_iter().flatten();
        // SAFETY: bodies are taken out of the map before they are freed.
        all.filter(|body| unsafe { !(*body.0).is_dead() }).count()
    }

    /// Whether a vector of this session shows the record as a value.
    pub fn is_looked_at(&self, id: u64) -> bool {
        self.showing(id) > self.editing(id) // those that store to it are not dead
    }

    /// Makes those bodies of a record bodies of another one.
    pub fn rename_bodies(&mut self, from: u64, to: u64, which: impl Fn(&Body) -> bool) {
        let Some(bodies) = self.bodies.remove(&from) else { return };
        for pointer in bodies {
            // SAFETY: in the map until now, so not freed.
            let body = unsafe { &mut *pointer.0 };
            if which(body) {
                body.id = to;
            }
            self.bodies.entry(body.id).or_default().push(pointer);
        }
    }

    /// Every live body.
    pub fn each_body(&self) -> Vec<*mut Body> {
        self.bodies.values().flatten().map(|body| body.0).collect()
    }
}

impl RHeap {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `look` see the heap as it is: in the open transaction, or newly committed.
    pub fn look<T>(
        &self,
        state: &State,
        look: impl FnOnce(CatalogView<'_>, Memory<'_>) -> Outcome<T>,
    ) -> Outcome<T> {
        if let Some(open) = &state.open {
            let memory = open.txn.memory();
            return look(CatalogView::new(memory), memory);
        }
        let read = self.heap.begin_read()?;
        look(read.catalog(), read.memory())
    }

    /// From now on what is allocated is kept for this session's vectors. Comes before the look at
    /// what they are going to point at.
    pub fn hold(&self, state: &mut State) -> Outcome<()> {
        if state.keeper.is_none() {
            state.keeper = Some(self.heap.keep()?);
        }
        Ok(())
    }

    /// Remembers a new body.
    pub fn add_body(&self, state: &mut State, body: *mut Body) {
        // SAFETY: made by the caller just now.
        let id = unsafe { (*body).id };
        let all = state.bodies.entry(id).or_default();
        all.push(BodyPointer(body));
        if all.len() > 1 {
            for body in all {
                // SAFETY: in the map, so not freed.
                unsafe { (*body.0).flags |= ACCOMPANIED };
            }
        }
    }

    /// A body that R collected.
    pub fn forget_body(&self, body: &Body) {
        let mut state = self.lock();
        let gone = BodyPointer(std::ptr::from_ref(body).cast_mut());
        state.begun.retain(|known| *known != gone);
        let Some(all) = state.bodies.get_mut(&body.id) else { return };
        all.retain(|known| *known != gone);
        let was_last = all.is_empty();
        if was_last {
            state.bodies.remove(&body.id);
        }
        let is_temporary = was_last && body.flags & TEMPORARY_BODY != 0;
        if !body.is_dead() && (is_temporary || body.flags & MUTABLE != 0) {
            state.released.push(body.id);
        }
        if state.bodies.is_empty() {
            state.keeper = None;
        }
    }

    /// Whether another process has the heap open.
    pub fn is_alone(&self) -> bool {
        self.heap.attached().is_ok_and(|all| all.len() == 1)
    }
}

impl Drop for RHeap {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            return;
        }
        heaps().retain(|known| known.strong_count() > 0);
        {
            let mut state = self.lock();
            let spares = state.spares.close();
            state.released.extend(spares);
        }
        // Nobody is left to hear of an error: what is not freed now the next opening looks after.
        if self.heap.is_writable() && self.mode == PERSISTENT && self.enter(0, false).is_ok() {
            let _ = self.leave(true, false);
        }
        if self.mode == SCRATCH && self.heap.is_writable() && self.is_alone() {
            let _ = std::fs::remove_file(self.heap.path());
        }
        *self.lock() = State::default();
    }
}

/// # Safety
/// `text` is a C string.
pub unsafe fn text<'a>(text: *const c_char) -> &'a str {
    // SAFETY: the caller's promise. C passes UTF-8 or plain bytes of a path.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("\u{fffd}")
}

/// # Safety
/// `heap` is a heap that an entry gave out and that was not freed.
pub unsafe fn shared(heap: *const RHeap) -> Arc<RHeap> {
    // SAFETY: the caller's promise; the count is the caller's, ours is one more.
    unsafe {
        Arc::increment_strong_count(heap);
        Arc::from_raw(heap)
    }
}

/// Gives back what `fh_open` or `fh_find` gave out.
///
/// # Safety
/// Once for each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_heap_free(heap: *const RHeap) {
    // SAFETY: the caller's promise.
    let _ = calm(|| unsafe { drop(Arc::from_raw(heap)) });
}

/// In a forked child: stores to vectors stay in the child.
#[unsafe(no_mangle)]
pub extern "C" fn fh_after_fork() {
    let Ok(heaps) = HEAPS.try_lock() else { return };
    for heap in heaps.iter().filter_map(Weak::upgrade) {
        let _ = heap.heap.isolate_child();
        std::mem::forget(heap); // the parent's to close
    }
}

/// Makes everything so far survive a power cut.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_sync(heap: *const RHeap, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard(fault, || Ok((*heap).heap.sync()?)) }
}
