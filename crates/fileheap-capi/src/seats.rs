//! Who is inside: lets threads use what a handle stands for without a lock, and lets another
//! thread take it away once nobody does.
//!
//! A thread stores the handle into its seat before it looks at what the handle stands for, and 0
//! when it is done: two plain stores. Who takes something away first makes the handle say so, then
//! has the kernel put a barrier into every running thread (membarrier), and then waits for seats
//! that still name it. So the quick side pays nothing for the slow one.

use std::cell::Cell;
use std::ptr::null;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    compiler_fence, fence,
};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What a thread remembers of the heap it was in last: addresses from `low` on belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near {
    pub low: usize,
    pub bytes: usize,
    pub handle: usize,
}

/// One thread's seat. Never freed, handed on when the thread ends.
#[repr(align(128))]
pub struct Seat {
    /// The handle its thread is inside with, or 0.
    inside: AtomicUsize,
    near: Cell<Near>,
    /// Bytes allocated that the heap's own count does not have yet; see `fmalloc`.
    pub uncounted: Cell<u64>,
    /// Where `fmalloc` allocates for this thread.
    pub target: Cell<usize>,
}

// SAFETY: the cells belong to the one thread that holds the seat; the rest is atomic.
unsafe impl Sync for Seat {}

const NOWHERE: Near = Near { low: 0, bytes: 0, handle: 0 };

#[derive(Default)]
pub struct Seats {
    all: Vec<&'static Seat>,
    idle: Vec<&'static Seat>,
}

static SEATS: Mutex<Option<Seats>> = Mutex::new(None);
/// The kernel has no membarrier for us: threads fence for themselves.
static FENCED: AtomicBool = AtomicBool::new(false);

pub fn seats() -> MutexGuard<'static, Option<Seats>> {
    SEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Has no destructor: quick to reach.
    static QUICK: Cell<*const Seat> = const { Cell::new(null()) };
}

/// Hands a seat on when its thread ends. A key of the C library's, whose destructor comes after
/// those of all thread-locals, of C++ ones too, which may allocate and free: and again, if need be.
fn give_back_later(seat: &'static Seat) {
    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the library is never unloaded (build.rs), and the function lets nothing unwind.
        (unsafe { libc::pthread_key_create(&raw mut key, Some(give_back)) } == 0).then_some(key)
    });
    if let Some(key) = *key {
        // SAFETY: a key that was created. Failing, the thread keeps its seat for good.
        unsafe { libc::pthread_setspecific(key, std::ptr::from_ref(seat).cast()) };
    }
}

extern "C" fn give_back(seat: *mut libc::c_void) {
    QUICK.set(null());
    // SAFETY: from `give_back_later`; seats are never freed.
    seats().get_or_insert_default().idle.push(unsafe { &*seat.cast::<Seat>() });
}

/// The calling thread's seat.
#[inline]
pub fn mine() -> &'static Seat {
    let quick = QUICK.get();
    if quick.is_null() {
        return enter();
    }
    // SAFETY: seats are never freed.
    unsafe { &*quick }
}

#[cold]
fn enter() -> &'static Seat {
    register();
    let taken = seats().get_or_insert_default().idle.pop();
    let seat = taken.unwrap_or_else(|| {
        let seat: &'static Seat = Box::leak(Box::new(Seat {
            inside: AtomicUsize::new(0),
            near: Cell::new(NOWHERE),
            uncounted: Cell::new(0),
            target: Cell::new(0),
        }));
        seats().get_or_insert_default().all.push(seat);
        seat
    });
    seat.near.set(NOWHERE);
    seat.uncounted.set(0);
    seat.target.set(0);
    give_back_later(seat);
    QUICK.set(seat);
    seat
}

const QUERY: i64 = 0;
const EXPEDITED: i64 = 1 << 3;
const REGISTER_EXPEDITED: i64 = 1 << 4;

fn membarrier(command: i64) -> i64 {
    // SAFETY: the call takes numbers only and changes no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

/// Once in each process, before a first thread can be inside.
fn register() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let offered = membarrier(QUERY);
        let wanted = EXPEDITED | REGISTER_EXPEDITED;
        let ready =
            offered > 0 && offered & wanted == wanted && membarrier(REGISTER_EXPEDITED) == 0;
        FENCED.store(!ready, SeqCst);
    });
}

/// Being inside; dropped on the way out.
pub struct Inside(&'static Seat);

impl Seat {
    /// Goes inside. Not to be nested, and nothing may be waited for meanwhile.
    #[inline(always)]
    pub fn enter(&'static self, handle: usize) -> Inside {
        self.inside.store(handle, Relaxed);
        if FENCED.load(Relaxed) {
            fence(SeqCst);
        }
        compiler_fence(SeqCst);
        Inside(self)
    }

    /// The heap around an address, if this thread was there last.
    #[inline]
    pub fn near(&self, address: usize) -> Option<Near> {
        let near = self.near.get();
        (address.wrapping_sub(near.low) < near.bytes).then_some(near)
    }

    pub fn remember(&self, near: Near) {
        self.near.set(near);
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.inside.store(0, Release);
    }
}

/// In a forked child, which has this one thread: the others' seats are free.
pub fn keep_only_mine() {
    let mine = QUICK.get();
    let mut seats = seats();
    let Some(seats) = seats.as_mut() else { return };
    seats.idle.clear();
    for &seat in seats.all.iter().filter(|seat| !std::ptr::eq(**seat, mine)) {
        seat.inside.store(0, SeqCst);
        seats.idle.push(seat);
    }
}

/// Returns when every thread has left that was inside with a handle of those. What they are to
/// find no more must be gone before; the caller itself is outside.
pub fn wait_until_left(those: impl Fn(usize) -> bool) {
    let me = mine();
    let seats = seats();
    let Some(seats) = seats.as_ref() else { return };
    if seats.all.len() - seats.idle.len() <= 1 {
        return;
    }
    if FENCED.load(SeqCst) || membarrier(EXPEDITED) != 0 {
        fence(SeqCst);
    }
    for seat in seats.all.iter().filter(|seat| !std::ptr::eq(**seat, me)) {
        loop {
            let inside = seat.inside.load(Acquire);
            if inside == 0 || !those(inside) {
                break;
            }
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            mine();
        }
    }

    thread_local! {
        static LAST: Last = const { Last };
    }

    #[test]
    fn threads_that_come_back_at_their_end_hand_their_seats_on() {
        for _ in 0..50 {
            let thread = std::thread::spawn(|| {
                LAST.with(|_| ());
                mine();
            });
            thread.join().expect("an end");
        }
        // Those of the other tests of this program, too.
        assert!(seats().as_ref().is_some_and(|seats| seats.all.len() < 20));
    }
}
