//! Entries that write: begun, committed, undone.

use std::time::{Duration, Instant};

use fileheap_core::{Durability, ErrorKind, Wait, WriteTxn};

use crate::body::{Body, MUTABLE, UNDONE};
use crate::edit::{self, Parted};
use crate::fault::{Fault, Outcome, Problem, guard};
use crate::heap::{Before, Open, RHeap, State};
use crate::{strings, upkeep};

/// Freeing so much is worth a sync of the log, by a thread, so that the space can be used again.
const FREED_BYTES: u64 = 4 * 1024 * 1024;

impl RHeap {
    /// Begins to write unless a transaction is open.
    pub fn enter(&self, wait_ms: u32, explicit: bool) -> Outcome<()> {
        let mut state = self.lock();
        if let Some(open) = &mut state.open {
            if self.pid != std::process::id() {
                let text = "this process was forked from one with an open transaction, and has no \
                            part in it; let the parent write, or open the heap here";
                return Err(Problem::new("forked_child", text).at(self.heap.path()));
            }
            if explicit {
                let text = "a transaction is open already: with_transaction() does not nest";
                return Err(Problem::new("nested", text).at(self.heap.path()));
            }
            open.depth += 1;
            return Ok(());
        }
        let wait = Wait::Until(Instant::now() + Duration::from_millis(u64::from(wait_ms)));
        let txn = self.heap.begin_tracked(wait).map_err(|error| {
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
        let before = Before {
            released: state.released.clone(),
            buried: state.buried.clone(),
            spares: state.spares.clone(),
        };
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
    pub fn leave(&self, commit: bool, explicit: bool) -> Outcome<()> {
        let mut state = self.lock();
        let is_last = |open: &mut Open| {
            open.depth = open.depth.saturating_sub(u32::from(!explicit));
            if open.explicit { explicit } else { explicit || open.depth == 0 }
        };
        let Some(open) = state.open.take_if(is_last) else { return Ok(()) };
        let mut txn = open.txn;
        let freed_bytes = std::mem::take(&mut state.freed_bytes);
        let parted = std::mem::take(&mut state.parted);
        if commit {
            txn.set_durability(match explicit {
                true => Durability::Power,
                // Direct extents take no space of which a power cut might bring back the owner.
                false if freed_bytes >= FREED_BYTES => Durability::Background,
                false => Durability::Process,
            });
            let done = txn.commit();
            return match done {
                Ok(_) => {
                    state.begun.clear();
                    Ok(())
                }
                Err(error) => self.undone(&mut state, open.before, &parted).and(Err(error.into())),
            };
        }
        txn.abort()?;
        self.undone(&mut state, open.before, &parted)
    }

    /// After an abort: what was to be done is to be done again; bodies follow their records, or
    /// die with them.
    fn undone(&self, state: &mut State, before: Before, parted: &[Parted]) -> Outcome<()> {
        edit::rejoin(self, state, parted);
        state.released.extend(before.released);
        state.buried = before.buried;
        state.spares = before.spares;
        for body in state.each_body() {
            // SAFETY: in the map, so not freed.
            let body = unsafe { &mut *body };
            let found = self.look(state, |catalog, memory| {
                let Some(record) = catalog.records().get(body.id)? else { return Ok(None) };
                let buffers = strings::buffers(self, memory, &record)?;
                Ok(Some((record, buffers)))
            })?;
            match found {
                Some((record, buffers)) if !body.is_dead() || body.revive(&record) => {
                    // Elsewhere it was edited since: what it shows is its own. Who stores to a
                    // record is always where that is.
                    let is_there = self.heap.resolve(record.payload_offset) == body.data;
                    if is_there || body.flags & MUTABLE != 0 {
                        body.aim(self, &record, buffers);
                        body.make_stale();
                    }
                    if is_there {
                        body.unbind(&record);
                        // It was to be a value: who stored to it does so no more.
                        if record.extra[0] == u64::from(self.pid) && !state.is_edited(body.id) {
                            state.released.push(body.id);
                        }
                    }
                }
                Some(_) => {}
                None => body.kill(UNDONE),
            }
        }
        Ok(())
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
