//! The thread behind `Durability::Background`: syncs the log a moment after a commit.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::txn::Engine;

/// How long commits are gathered before one sync serves them all.
const GATHER: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    stopped: bool,
}

/// Starts its thread at the first commit that wants it.
#[derive(Default)]
pub struct Flusher {
    bell: Arc<Bell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Flusher {
    /// A commit wants to be synced soon.
    pub fn ring(&self, engine: &Arc<Engine>) {
        let mut state = self.bell.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.wanted, true) {
            return;
        }
        drop(state);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let (bell, engine) = (self.bell.clone(), Arc::downgrade(engine));
            let builder = std::thread::Builder::new().name("fileheap-flusher".into());
            *thread = builder.spawn(move || flush(&bell, &engine)).ok();
        }
        self.bell.rung.notify_one();
    }

    /// Ends the thread and waits for it.
    pub fn stop(&self) {
        self.bell.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.bell.rung.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn flush(bell: &Bell, engine: &Weak<Engine>) {
    loop {
        let mut state = bell.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.wanted && !state.stopped {
            state = bell.rung.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return;
        }
        drop(state);
        std::thread::sleep(GATHER);
        bell.state.lock().unwrap_or_else(PoisonError::into_inner).wanted = false;
        let Some(engine) = engine.upgrade() else { return };
        // A failure poisons the engine: the next writer hears of it.
        let _ = engine.sync_behind();
    }
}
