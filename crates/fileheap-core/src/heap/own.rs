//! What a process knows by itself: a forked child begins anew, whoever held the lock at the fork.

use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that is taken over from no other process, with what it guards.
pub struct Own<T: 'static>(AtomicPtr<Kept<T>>);

struct Kept<T: 'static> {
    process: u32,
    value: Mutex<T>,
    /// The parent's; named so that tools that look for lost memory find it.
    _before: Option<&'static Kept<T>>,
}

/// An `AtomicPtr` goes to all threads, whatever it points at: so what is guarded must be able to.
impl<T: Default + Send> Own<T> {
    pub const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    pub fn lock(&self) -> MutexGuard<'static, T> {
        let kept = self.kept();
        kept.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> &'static Kept<T> {
        let process = std::process::id();
        loop {
            let found = self.0.load(Acquire);
            // SAFETY: null, or leaked below.
            let before = unsafe { found.as_ref() };
            if let Some(kept) = before.filter(|kept| kept.process == process) {
                return kept;
            }
            // What a parent had is left as it is: another of its threads may have been at it.
            let fresh = Kept { process, value: Mutex::default(), _before: before };
            let fresh = Box::into_raw(Box::new(fresh));
            if self.0.compare_exchange(found, fresh, AcqRel, Acquire).is_err() {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}
