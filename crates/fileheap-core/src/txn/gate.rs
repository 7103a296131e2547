//! The gate of one process: many reading threads or one writing thread.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

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
            self.changed.notify_all();
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
                    self.lock().waiting_writers -= 1;
                    self.changed.notify_all();
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
        self.lock().writer = None;
        self.changed.notify_all();
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

    fn pause<'a>(&self, state: MutexGuard<'a, State>, wait: Wait) -> Result<MutexGuard<'a, State>> {
        match wait {
            Wait::Forever => {
                Ok(self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Wait::Try => Err(busy()),
            Wait::Until(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(busy());
                }
                let woken = self.changed.wait_timeout(state, left);
                Ok(woken.unwrap_or_else(std::sync::PoisonError::into_inner).0)
            }
        }
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
    use std::time::Duration;

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
