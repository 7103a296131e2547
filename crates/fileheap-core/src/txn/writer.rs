//! The writer word: one writing process at a time; a dead one is replaced.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::time::{Duration, Instant};

use crate::format::SLOT_COUNT;
use crate::os::{Board, Lock, Wait};
use crate::{Error, ErrorKind, Result};

/// The part of the word that names the owner's slot plus one.
pub const OWNER: u32 = (1 << 10) - 1;
const SLEEPERS: u32 = 1 << 31;
/// The part that is another each time the word is taken: who finds its owner dead must not take it
/// from a process that got that slot, and the word, meanwhile.
pub const TURN: u32 = !(OWNER | SLEEPERS);
const ONE_TURN: u32 = OWNER + 1;
const _: () = assert!(SLOT_COUNT < OWNER as usize);

/// The word as `slot` takes it after what was seen.
fn taken(seen: u32, slot: u32) -> u32 {
    seen & SLEEPERS | (seen & TURN).wrapping_add(ONE_TURN) & TURN | (slot + 1)
}
/// How long a waiter sleeps before it looks whether the owner still lives.
const LOOK: Duration = Duration::from_millis(10);

/// Takes the word for `slot`.
pub fn acquire(board: &dyn Board, slot: u32, wait: Wait) -> Result<()> {
    let word = &board.bulletin().writer;
    loop {
        let seen = word.load(Acquire);
        if seen & OWNER == 0 {
            if word.compare_exchange(seen, taken(seen, slot), SeqCst, Relaxed).is_ok() {
                return Ok(());
            }
            continue;
        }
        let owner = (seen & OWNER) - 1;
        let lives = board.held_elsewhere(Lock::Slot(owner));
        if !lives.map_err(|error| Error::os("cannot look at the writer's lock", error))? {
            if word.compare_exchange(seen, taken(seen, slot), SeqCst, Relaxed).is_ok() {
                board.bulletin().log_unsettled.store(1, SeqCst);
                return Ok(());
            }
            continue;
        }
        let pause = match wait {
            Wait::Forever => LOOK,
            Wait::Try => return Err(busy(board, owner)),
            Wait::Until(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(busy(board, owner));
                }
                left.min(LOOK)
            }
        };
        let marked = seen | SLEEPERS;
        if seen == marked || word.compare_exchange(seen, marked, SeqCst, Relaxed).is_ok() {
            board.sleep(word, marked, pause);
        }
    }
}

/// Gives the word back and wakes who sleeps on it.
pub fn release(board: &dyn Board) {
    let word = &board.bulletin().writer;
    if word.fetch_and(TURN, SeqCst) & SLEEPERS != 0 {
        board.wake(word);
    }
}

fn busy(board: &dyn Board, owner: u32) -> Error {
    let slot = board.bulletin().slots.get(owner as usize);
    let pid = slot.map_or(0, |slot| slot.pid.load(Relaxed));
    Error::new(ErrorKind::Busy, format!("process {pid} is writing to the heap"))
        .advice("wait longer, or end that transaction")
}
