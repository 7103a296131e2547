//! The machine: one bulletin, locks that a dead process loses, and a file that carries states home.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;

use crate::format::{AtomicU32, AtomicU64, Bulletin, SLOT_COUNT};
use crate::os::{Board, Lock, Mode, Wait};
use crate::{pins, writer};

/// What processes share.
#[derive(Default)]
pub struct Machine {
    bulletin: Bulletin,
    /// Who holds the lock of each slot: a process, from 1 on.
    owners: Mutex<[u32; SLOT_COUNT]>,
    /// Held while a process attaches.
    door: Mutex<()>,
    /// How far states are in the heap file: nobody can read an older one any more.
    home: AtomicU64,
    /// Processes that hold the writer word and live.
    writers: AtomicU32,
}

/// One process, attached.
pub struct Process {
    machine: Arc<Machine>,
    number: u32,
    slot: u32,
}

impl Machine {
    /// Attaches a process; its number is not 0 and nobody else's.
    pub fn attach(self: &Arc<Self>, number: u32) -> Process {
        let mut process = Process { machine: self.clone(), number, slot: u32::MAX };
        let _door = self.door.lock().unwrap();
        process.slot = pins::take_slot(&process).unwrap();
        process
    }
}

impl Process {
    fn bulletin(&self) -> &Bulletin {
        &self.machine.bulletin
    }

    /// Reads a state: as long as it is pinned the file goes no further.
    pub fn read(&self) {
        let word = &self.bulletin().slots[self.slot as usize].snapshot;
        let state = pins::pin_newest(self.bulletin(), word);
        for _ in 0..2 {
            let home = self.machine.home.load(SeqCst);
            assert!(home <= state, "state {state} is read, the file has {home}");
        }
        word.store(0, SeqCst);
    }

    /// Takes the writer word; whoever has it is alone.
    pub fn begin_write(&self) {
        writer::acquire(self, self.slot, Wait::Forever).unwrap();
        assert_eq!(self.machine.writers.fetch_add(1, SeqCst), 0, "two writers");
        self.bulletin().log_unsettled.store(0, SeqCst);
    }

    /// Commits a state, and carries home what no pin forbids.
    pub fn commit(&self) {
        let next = self.bulletin().published_txn.load(SeqCst) + 1;
        self.bulletin().durable_txn.store(next, SeqCst);
        self.bulletin().published_txn.store(next, SeqCst);
        let limit = pins::limit(self, self.slot, next).unwrap();
        self.machine.home.fetch_max(limit, SeqCst);
    }

    /// Gives the writer word back.
    pub fn end_write(&self) {
        self.machine.writers.fetch_sub(1, SeqCst);
        writer::release(self);
    }

    /// The process dies as the writer. The kernel frees its lock, nobody its words.
    pub fn die_writing(self) {
        self.machine.writers.fetch_sub(1, SeqCst);
        self.die();
    }

    /// The process dies.
    pub fn die(self) {
        self.machine.owners.lock().unwrap()[self.slot as usize] = 0;
    }
}

impl Board for Process {
    fn bulletin(&self) -> &Bulletin {
        Process::bulletin(self)
    }

    fn lock(&self, lock: Lock, _mode: Mode, _wait: Wait) -> io::Result<bool> {
        let Lock::Slot(slot) = lock else { return Err(io::ErrorKind::Unsupported.into()) };
        let owner = &mut self.machine.owners.lock().unwrap()[slot as usize];
        if *owner == 0 {
            *owner = self.number;
        }
        Ok(*owner == self.number)
    }

    fn held_elsewhere(&self, lock: Lock) -> io::Result<bool> {
        let Lock::Slot(slot) = lock else { return Ok(false) };
        let owner = self.machine.owners.lock().unwrap()[slot as usize];
        Ok(owner != 0 && owner != self.number)
    }

    fn sleep(&self, _word: &AtomicU32, _seen: u32, _limit: Duration) {
        thread::yield_now(); // it wakes by itself, too
    }

    fn wake(&self, _word: &AtomicU32) {}
}
