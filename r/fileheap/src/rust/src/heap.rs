//! A heap as R has it open: its mode, its one transaction, the bodies of its live vectors.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use fileheap_core::catalog::{CatalogView, Memory};
use fileheap_core::{Durability, ErrorKind, Heap, Keeper, Wait, WriteTxn};

use crate::body::{Body, BodyPointer, MUTABLE, TEMPORARY_BODY, UNDONE};
use crate::fault::{Fault, Outcome, Problem, calm, guard};
use crate::strings;
use crate::upkeep;

pub const PERSISTENT: u32 = 1;
pub const SCRATCH: u32 = 2;

/// Freeing so much is worth a sync of the log, by a thread, so that the space can be used again.
const FREED_BYTES: u64 = 4 * 1024 * 1024;

/// One open heap file; handles and vectors of R share it.
pub struct RHeap {
    pub heap: Heap,
    pub mode: u32,
    pub pid: u32,
    pub state: Mutex<State>,
}

/// What changes.
#[derive(Default)]
pub struct State {
    pub open: Option<Open>,
    pub bodies: HashMap<u64, Vec<BodyPointer>>,
    /// Temporary records whose last body went.
    pub released: Vec<u64>,
    /// Records buried by this process that could not be freed yet.
    pub buried: Vec<u64>,
    pub keeper: Option<Keeper>,
    /// Bytes freed by the open transaction.
    pub freed_bytes: u64,
}

/// The open transaction: of one entry, or of `with_transaction`.
pub struct Open {
    pub txn: WriteTxn,
    pub explicit: bool,
    /// Entries that are not left yet.
    pub depth: u32,
    /// `State::released` and `State::buried` as they were: an abort brings them back.
    pub before: (Vec<u64>, Vec<u64>),
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

    /// Whether a vector of this session stores to the record.
    pub fn is_edited(&self, id: u64) -> bool {
        let all = self.bodies.get(&id);
        // SAFETY: bodies are taken out of the map before they are freed.
        all.is_some_and(|all| all.iter().any(|body| unsafe { (*body.0).flags & MUTABLE != 0 }))
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
        state.bodies.entry(id).or_default().push(BodyPointer(body));
    }

    /// A body that R collected.
    pub fn forget_body(&self, body: &Body) {
        let mut state = self.lock();
        let gone = BodyPointer(std::ptr::from_ref(body).cast_mut());
        let Some(all) = state.bodies.get_mut(&body.id) else { return };
        all.retain(|known| *known != gone);
        if !all.is_empty() {
            return;
        }
        state.bodies.remove(&body.id);
        if body.flags & TEMPORARY_BODY != 0 && !body.is_dead() {
            state.released.push(body.id);
        }
        if state.bodies.is_empty() {
            state.keeper = None;
        }
    }

    /// Begins to write unless a transaction is open.
    fn enter(&self, wait_ms: u32, explicit: bool) -> Outcome<()> {
        let mut state = self.lock();
        if let Some(open) = &mut state.open {
            if explicit {
                let text = "a transaction is open already: with_transaction() does not nest";
                return Err(Problem::new("nested", text).at(self.heap.path()));
            }
            open.depth += 1;
            return Ok(());
        }
        let wait = Wait::Until(Instant::now() + Duration::from_millis(u64::from(wait_ms)));
        let begun = match explicit {
            true => self.heap.begin_write_wait(wait),
            false => self.heap.begin_tracked(wait),
        };
        let txn = begun.map_err(|error| {
            let pid = match error.kind() {
                ErrorKind::Busy => self.heap.writer().unwrap_or(0),
                _ => 0,
            };
            Problem::from(error).by(pid)
        })?;
        if explicit {
            for body in state.each_body() {
                // SAFETY: in the map, so not freed.
                self.enlist(&txn, unsafe { &*body })?;
            }
        }
        let before = (state.released.clone(), state.buried.clone());
        state.open = Some(Open { txn, explicit, depth: u32::from(!explicit), before });
        let done = upkeep::reap(self, &mut state);
        if done.is_err() {
            drop(state);
            self.leave(false, true)?;
        }
        done
    }

    /// Makes the stores of an explicit transaction to a vector atomic.
    pub fn enlist(&self, txn: &WriteTxn, body: &Body) -> Outcome<()> {
        if body.flags & MUTABLE == 0 {
            return Ok(());
        }
        for offset in std::iter::once(body.data.cast_const())
            .chain(body.buffers().iter().map(|buffer| buffer.start.cast_const()))
            .filter_map(|address| self.heap.adopt(address))
        {
            if txn.is_direct(offset)? {
                txn.enlist(offset)?;
            }
        }
        Ok(())
    }

    /// Ends what `enter` began; an explicit transaction only if `explicit` says so.
    fn leave(&self, commit: bool, explicit: bool) -> Outcome<()> {
        let mut state = self.lock();
        let is_last = |open: &mut Open| {
            open.depth = open.depth.saturating_sub(u32::from(!explicit));
            if open.explicit { explicit } else { explicit || open.depth == 0 }
        };
        let Some(open) = state.open.take_if(is_last) else { return Ok(()) };
        let mut txn = open.txn;
        let freed_bytes = std::mem::take(&mut state.freed_bytes);
        if commit {
            txn.set_durability(match explicit {
                true => Durability::Power,
                // Direct extents take no space of which a power cut might bring back the owner.
                false if freed_bytes >= FREED_BYTES => Durability::Background,
                false => Durability::Process,
            });
            let done = txn.commit();
            return match done {
                Ok(_) => Ok(()),
                Err(error) => self.undone(&mut state, open.before).and(Err(error.into())),
            };
        }
        txn.abort()?;
        self.undone(&mut state, open.before)
    }

    /// After an abort: what was to be done is to be done again; bodies follow their records, or
    /// die with them.
    fn undone(&self, state: &mut State, before: (Vec<u64>, Vec<u64>)) -> Outcome<()> {
        state.released.extend(before.0);
        state.buried = before.1;
        for body in state.each_body() {
            // SAFETY: in the map, so not freed.
            let body = unsafe { &mut *body };
            let found = self.look(state, |catalog, memory| {
                let Some(record) = catalog.records().get(body.id)? else { return Ok(None) };
                let buffers = strings::buffers(self, memory, &record)?;
                Ok(Some((record, buffers)))
            })?;
            match found {
                Some((record, buffers)) if !body.is_dead() => {
                    body.aim(self, &record, buffers);
                    body.make_stale();
                }
                Some(_) => {}
                None => body.kill(UNDONE),
            }
        }
        Ok(())
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
        // Nobody is left to hear of an error: what is not freed now the next opening looks after.
        if self.heap.is_writable() && self.mode == PERSISTENT && self.enter(0, false).is_ok() {
            let _ = self.leave(true, false);
        }
        if self.mode == SCRATCH && self.is_alone() {
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

/// Begins an entry that writes, or a transaction of the user's.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_enter(
    heap: *const RHeap,
    wait_ms: u32,
    explicit: i32,
    busy: *mut i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        *busy = 0;
        guard(fault, || {
            let done = (*heap).enter(wait_ms, explicit != 0);
            *busy = i32::from(done.as_ref().is_err_and(Problem::is_busy));
            done
        })
    }
}

/// Ends it.
///
/// # Safety
/// As `shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_leave(
    heap: *const RHeap,
    commit: i32,
    explicit: i32,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guard(fault, || (*heap).leave(commit != 0, explicit != 0)) }
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
