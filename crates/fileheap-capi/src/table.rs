//! Handles: numbers that look like pointers and are looked up, never followed.
//!
//! A handle of a heap is odd - no pointer to anything is - and holds its place in the table and
//! how often that place was used. One that was closed never fits again.

use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use fileheap_core::{Error, ErrorKind, Heap, Result};

use super::fork;
use super::seats::{self, Inside, Near};
use super::state::{State, Txn};

/// Handles of heaps that can be open at a time.
const PLACES: usize = 4096;
const STEP: usize = PLACES * 2;
/// In every handle: a number that nobody hits upon, and that is no address on any machine.
const MARK: usize = 0x4648 << 48;

struct Place {
    /// The handle that is valid here, or 0.
    handle: AtomicUsize,
    state: AtomicPtr<State>,
}

#[allow(clippy::declare_interior_mutable_const)] // made anew for each place
const EMPTY: Place = Place { handle: AtomicUsize::new(0), state: AtomicPtr::new(null_mut()) };

/// Place 0 stays empty: that is where NULL leads, and it says neither that nor 0.
static TABLE: [Place; PLACES] = {
    let mut table = [const { EMPTY }; PLACES];
    table[0].handle = AtomicUsize::new(2);
    table
};

/// Who owns what the table points at.
#[derive(Default)]
pub struct Owned {
    by_handle: BTreeMap<usize, Arc<State>>,
    /// How often each place was used.
    uses: Vec<usize>,
    free: Vec<usize>,
    /// Handles to be closed once the transactions of their heaps have ended.
    late: Vec<usize>,
    /// Threads that open heaps, and threads that close some for good: never both. A heap that is
    /// found open must not be gone when it gets its handle, nor its addresses be taken still.
    opening: usize,
    closing: usize,
}

static OWNED: Mutex<Option<Owned>> = Mutex::new(None);
/// Told when nobody opens, or nobody closes, any more.
static TURN: Condvar = Condvar::new();
/// Whether `late` has any.
static LATE: AtomicBool = AtomicBool::new(false);

pub fn owned() -> MutexGuard<'static, Option<Owned>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(handle: usize) -> &'static Place {
    &TABLE[handle / 2 % PLACES]
}

#[cold]
fn closed(handle: usize) -> Error {
    let what = if handle == 0 { "the heap is NULL" } else { "this handle of a heap was closed" };
    Error::new(ErrorKind::Closed, what).advice("open the heap first")
}

/// Being among those who open heaps, or who close them.
struct Turn(fn(&mut Owned) -> &mut usize);

impl Turn {
    fn take(mine: fn(&mut Owned) -> &mut usize, others: fn(&mut Owned) -> &mut usize) -> Self {
        let mut owned = owned();
        while *others(owned.get_or_insert_default()) > 0 {
            owned = TURN.wait(owned).unwrap_or_else(PoisonError::into_inner);
        }
        *mine(owned.get_or_insert_default()) += 1;
        Self(mine)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut owned = owned();
        let count = (self.0)(owned.get_or_insert_default());
        // A forked child begins with none.
        *count = count.saturating_sub(1);
        TURN.notify_all();
    }
}

/// Opens a heap and gives it a handle. Handles of the same heap share one state.
pub fn open(open: impl FnOnce() -> Result<Heap>) -> Result<usize> {
    fork::watch();
    let _turn = Turn::take(|owned| &mut owned.opening, |owned| &mut owned.closing);
    add(open()?)
}

fn add(heap: Heap) -> Result<usize> {
    let mut owned = owned();
    let owned = owned.get_or_insert_default();
    let known = owned.by_handle.values().find(|state| state.heap.is_same(&heap)).cloned();
    let state = known.unwrap_or_else(|| Arc::new(State::new(heap)));
    let index = match owned.free.pop() {
        Some(index) => index,
        None if owned.uses.len() + 1 < PLACES => {
            owned.uses.push(0);
            owned.uses.len()
        }
        None => {
            let text = format!("{PLACES} handles of heaps are open already");
            return Err(Error::new(ErrorKind::LimitReached, text).advice("close some"));
        }
    };
    owned.uses[index - 1] += 1;
    let handle = MARK + owned.uses[index - 1] * STEP + index * 2 + 1;
    let place = place(handle);
    place.state.store(Arc::as_ptr(&state).cast_mut(), SeqCst);
    place.handle.store(handle, SeqCst);
    owned.by_handle.insert(handle, state);
    Ok(handle)
}

/// What a handle stands for, for as long as the caller wants it.
pub fn state(handle: usize) -> Result<Arc<State>> {
    let owned = owned();
    let state = owned.as_ref().and_then(|owned| owned.by_handle.get(&handle)).cloned();
    state.ok_or_else(|| closed(handle))
}

/// The same for who works with the heap: an error in a forked child.
pub fn usable(handle: usize) -> Result<Arc<State>> {
    let state = state(handle)?;
    state.is_ours()?;
    Ok(state)
}

impl Owned {
    /// Takes a handle away, unless it is the last one of its heap: then the state.
    fn take_unless_last(&mut self, handle: usize) -> Result<Option<Arc<State>>> {
        let state = self.by_handle.get(&handle).cloned().ok_or_else(|| closed(handle))?;
        if self.by_handle.values().filter(|other| Arc::ptr_eq(other, &state)).count() == 1 {
            return Ok(Some(state));
        }
        self.take(handle);
        Ok(None)
    }

    fn take(&mut self, handle: usize) -> Option<Arc<State>> {
        place(handle).handle.store(0, SeqCst);
        seats::wait_until_left(|inside| inside == handle);
        let state = self.by_handle.remove(&handle)?;
        self.free.push(handle / 2 % PLACES);
        Some(state)
    }
}

/// Closes a handle; the last one of a heap closes the heap. Fails while a transaction is open in
/// that, and then nothing has changed.
pub fn remove(handle: usize) -> Result<()> {
    if owned().get_or_insert_default().take_unless_last(handle)?.is_none() {
        return Ok(());
    }
    let _turn = Turn::take(|owned| &mut owned.closing, |owned| &mut owned.opening);
    // Somebody may have opened it again, or closed it, meanwhile.
    let last = owned().get_or_insert_default().take_unless_last(handle)?;
    let Some(state) = last else { return Ok(()) };
    if state.is_ours().is_ok() {
        state.heap.close()?;
    }
    // The lock goes before the state, whose end takes a moment.
    let taken = owned().as_mut().and_then(|owned| owned.take(handle));
    drop(taken);
    Ok(())
}

/// The same; while a transaction is open the heap is closed when that ends.
pub fn remove_late(handle: usize) -> Result<()> {
    match remove(handle) {
        Err(error) if error.kind() == ErrorKind::Busy => {}
        done => return done,
    }
    owned().get_or_insert_default().late.push(handle);
    LATE.store(true, SeqCst);
    // The transaction may have ended before it could see that.
    close_late();
    Ok(())
}

/// To be called when a transaction has ended.
pub fn close_late() {
    if !LATE.load(SeqCst) {
        return;
    }
    let waiting = {
        let mut owned = owned();
        LATE.store(false, SeqCst);
        owned.as_mut().map(|owned| std::mem::take(&mut owned.late)).unwrap_or_default()
    };
    for handle in waiting {
        // Not to be heard of: whoever released it is gone.
        let _ = remove(handle).map_err(|error| {
            if error.kind() == ErrorKind::Busy {
                owned().get_or_insert_default().late.push(handle);
                LATE.store(true, SeqCst);
            }
        });
    }
}

/// In a forked child: leaves the transactions to the parent.
pub fn orphan_all() {
    let mut owned = owned();
    let Some(owned) = owned.as_mut() else { return };
    // Those threads are the parent's.
    (owned.opening, owned.closing) = (0, 0);
    owned.late.clear();
    owned.by_handle.values().for_each(|state| state.orphan());
}

/// The heap whose addresses an address is among, if it is open.
pub fn find(address: usize) -> Option<Near> {
    if let Some(near) = seats::mine().near(address).filter(|near| is_open(near.handle)) {
        return Some(near);
    }
    let owned = owned();
    let (&handle, state) = owned
        .iter()
        .flat_map(|owned| &owned.by_handle)
        .find(|(_, state)| address.wrapping_sub(state.base) < state.reserved_bytes)?;
    let near = Near { low: state.base, bytes: state.reserved_bytes, handle };
    seats::mine().remember(near);
    Some(near)
}

/// The same; an error if there is none.
#[inline]
pub fn around(address: usize) -> Result<Near> {
    find(address).ok_or_else(|| {
        let text = format!("the address {address:#x} lies in no open heap");
        Error::new(ErrorKind::BadPointer, text)
            .advice("a container outside of the heap must be given the heap's allocator")
    })
}

fn is_open(handle: usize) -> bool {
    place(handle).handle.load(Relaxed) == handle
}

/// Whether a thread that is inside with a handle may be using this open heap. A handle that is
/// being closed counts: its place is not given away before nobody is inside with it.
pub fn may_use(handle: usize, state: &State) -> bool {
    std::ptr::eq(place(handle).state.load(SeqCst), state)
}

/// Works in the write transaction that is open in a heap, beside other threads that do so.
#[inline(always)]
pub fn in_txn<R>(handle: usize, work: impl FnOnce(&State, &Txn) -> Result<R>) -> Result<R> {
    let working = Working::begin(handle)?;
    work(working.state(), working.txn())
}

/// Being inside of an open transaction; nothing may be waited for meanwhile.
pub struct Working {
    state: *const State,
    txn: *const Txn,
    _inside: Inside,
}

impl Working {
    #[inline(always)]
    pub fn begin(handle: usize) -> Result<Self> {
        match Self::now(handle) {
            Some(working) => Ok(working),
            None => Self::soon(handle),
        }
    }

    #[inline(always)]
    pub fn state(&self) -> &State {
        // SAFETY: we are inside, and that keeps it.
        unsafe { &*self.state }
    }

    #[inline(always)]
    pub fn txn(&self) -> &Txn {
        // SAFETY: as above.
        unsafe { &*self.txn }
    }

    /// Unless there is no transaction, or a thread has it to itself.
    #[inline(always)]
    fn now(handle: usize) -> Option<Self> {
        let inside = seats::mine().enter(handle);
        let place = place(handle);
        if place.handle.load(Acquire) != handle {
            return None;
        }
        let state = place.state.load(Acquire);
        // SAFETY: while the place says so and we are inside, the state lives.
        let txn = unsafe { &*state }.current()?;
        Some(Self { state, txn, _inside: inside })
    }

    #[cold]
    #[inline(never)]
    fn soon(handle: usize) -> Result<Self> {
        loop {
            settle(handle)?;
            if let Some(working) = Self::now(handle) {
                return Ok(working);
            }
        }
    }
}

/// Waits until the transaction is open to all again; an error if there is none.
fn settle(handle: usize) -> Result<()> {
    state(handle)?.settle()
}

/// Reads what never changes of an open heap.
#[inline]
pub fn look<R>(handle: usize, none: R, read: impl FnOnce(&State) -> R) -> R {
    let _inside = seats::mine().enter(handle);
    let place = place(handle);
    if place.handle.load(Acquire) != handle {
        return none;
    }
    // SAFETY: as in `in_txn`.
    read(unsafe { &*place.state.load(Acquire) })
}
