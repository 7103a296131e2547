//! The gate of one process: many reading threads or one writing thread.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::os::Wait;
use crate::{Error, ErrorKind, Result};

/// Who a thread is: the address of something that only it has.
fn this_thread() -> usize {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|mark| std::ptr::from_ref(mark) as usize)
}

#[derive(Default)]
struct State {
    readers: Vec<usize>,
    writer: Option<usize>,
    waiting_writers: usize,
    /// Threads to be woken: waking nobody is a system call, too.
    sleeping: usize,
}

/// A shared/exclusive lock that knows its holders, waits with a deadline, and refuses to let a
/// thread wait for itself.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// Enters as a reader; returns whether it is the first one.
    pub fn enter_read(&self, wait: Wait) -> Result<bool> {
        let me = this_thread();
        let mut state = self.lock();
        if state.writer == Some(me) {
            return Err(nested("begin_read", "writing"));
        }
        while state.writer.is_some() || (state.waiting_writers > 0 && !state.readers.contains(&me))
        {
            state = self.pause(state, wait)?;
        }
        state.readers.push(me);
        Ok(state.readers.len() == 1)
    }

    /// Leaves as a reader; returns whether it was the last one. `last` runs before anybody else
    /// can enter.
    pub fn leave_read(&self, last: impl FnOnce()) {
        let me = this_thread();
        let mut state = self.lock();
        let at = state.readers.iter().position(|&reader| reader == me).unwrap_or(0);
        state.readers.swap_remove(at);
        if state.readers.is_empty() {
            last();
            self.wake(&state);
        }
    }

    /// Enters as the writer.
    pub fn enter_write(&self, wait: Wait) -> Result<()> {
        let me = this_thread();
        let mut state = self.lock();
        if state.writer == Some(me) {
            return Err(nested("begin_write", "writing"));
        }
        if state.readers.contains(&me) {
            return Err(nested("begin_write", "reading"));
        }
        state.waiting_writers += 1;
        while state.writer.is_some() || !state.readers.is_empty() {
            match self.pause(state, wait) {
                Ok(next) => state = next,
                Err(error) => {
                    let mut state = self.lock();
                    state.waiting_writers -= 1;
                    self.wake(&state);
                    return Err(error);
                }
            }
        }
        state.waiting_writers -= 1;
        state.writer = Some(me);
        Ok(())
    }

    /// Leaves as the writer.
    pub fn leave_write(&self) {
        let mut state = self.lock();
        state.writer = None;
        self.wake(&state);
    }

    /// Threads reading now.
    pub fn reader_count(&self) -> usize {
        self.lock().readers.len()
    }

    /// Whether anybody is inside.
    pub fn is_busy(&self) -> bool {
        let state = self.lock();
        state.writer.is_some() || !state.readers.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wake(&self, state: &State) {
        if state.sleeping > 0 {
            self.changed.notify_all();
        }
    }

    fn pause<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        wait: Wait,
    ) -> Result<MutexGuard<'a, State>> {
        let left = match wait {
            Wait::Forever => Duration::MAX,
            Wait::Try => Duration::ZERO,
            Wait::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
        };
        if left.is_zero() {
            return Err(busy());
        }
        state.sleeping += 1;
        let woken = self.changed.wait_timeout(state, left);
        let mut state = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        state.sleeping -= 1;
        Ok(state)
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::Busy, "another thread of this process holds the heap")
        .advice("wait longer, or end the other guard")
}

fn nested(what: &str, holds: &str) -> Error {
    let text = format!("{what} would wait for ever: this very thread is {holds} the heap");
    Error::new(ErrorKind::Nested, text).advice("end that guard first, or use it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_thread_never_waits_for_itself() {
        let gate = Gate::default();
        gate.enter_write(Wait::Forever).unwrap();
        assert_eq!(gate.enter_write(Wait::Forever).unwrap_err().kind(), ErrorKind::Nested);
        assert_eq!(gate.enter_read(Wait::Forever).unwrap_err().kind(), ErrorKind::Nested);
        gate.leave_write();
        assert!(gate.enter_read(Wait::Forever).unwrap());
        assert!(!gate.enter_read(Wait::Forever).unwrap());
        assert_eq!(gate.enter_write(Wait::Forever).unwrap_err().kind(), ErrorKind::Nested);
        gate.leave_read(|| unreachable!("one reader is left"));
        let mut left = false;
        gate.leave_read(|| left = true);
        assert!(left);
    }

    #[test]
    fn readers_shut_the_writer_out_until_its_deadline() {
        let gate = Arc::new(Gate::default());
        gate.enter_read(Wait::Try).unwrap();
        let other = gate.clone();
        std::thread::spawn(move || {
            let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
            assert_eq!(other.enter_write(Wait::Try).unwrap_err().kind(), ErrorKind::Busy);
            assert_eq!(other.enter_write(soon).unwrap_err().kind(), ErrorKind::Busy);
            other.enter_read(Wait::Try).unwrap();
            other.leave_read(|| ());
        })
        .join()
        .unwrap();
        gate.leave_read(|| ());
        gate.enter_write(Wait::Try).unwrap();
    }
}
