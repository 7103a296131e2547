//! A machine with processes that work on one heap, and the model of what they do.

use std::path::PathBuf;
use std::sync::Arc;

use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Durability, Heap, Keeper, Options, ReadTxn, Wait, WriteTxn};

use crate::model::{Depth, Model};
use crate::random::Random;
use crate::record::{Entry, Recorder};
use crate::work::{Mix, Stop, Work};

/// Where the heap lives.
pub enum Machine {
    /// In memory; many processes.
    Ram(RamDisk),
    /// In a real file; one process.
    Real(PathBuf),
}

/// A transaction ends like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Committed so that it survives this.
    Commit(Durability),
    /// Undone.
    Abort,
    /// Dropped.
    Drop,
}

/// Heaps that several processes have open, and what they must hold.
pub struct World {
    /// Where.
    pub machine: Machine,
    /// How.
    pub options: Options,
    /// Handles; one for each process.
    pub heaps: Vec<Heap>,
    /// Snapshots held: process, guard, state.
    pub readers: Vec<(usize, ReadTxn, u64)>,
    /// Keepers held.
    pub keepers: Vec<(usize, Keeper)>,
    /// All committed states; the last is the present.
    pub states: Vec<Model>,
    /// What a commit that has not returned, or failed, would have made the present.
    pub attempted: Option<Model>,
    /// Whence decisions come.
    pub random: Random,
    /// What sorts of work.
    pub mix: Mix,
    /// Who writes the history, if anybody.
    pub recorder: Option<Arc<Recorder>>,
}

impl World {
    /// A new heap on a machine in memory, recorded if asked for.
    pub fn in_memory(seed: u64, options: Options, mix: Mix, record: bool) -> Result<Self, Stop> {
        let disk = RamDisk::new();
        let recorder = record.then(|| Arc::new(Recorder::default()));
        if let Some(recorder) = &recorder {
            disk.observe(Some(recorder.clone()));
        }
        let host = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES)?;
        let heap = Heap::create_on(Box::new(host), &options)?;
        Ok(Self::around(Machine::Ram(disk), seed, options, mix, heap, recorder))
    }

    /// A new heap in a real file.
    pub fn in_file(seed: u64, path: PathBuf, options: Options, mix: Mix) -> Result<Self, Stop> {
        let heap = Heap::create(&path, &options)?;
        Ok(Self::around(Machine::Real(path), seed, options, mix, heap, None))
    }

    /// A world around a heap that was just made.
    #[must_use]
    pub fn around(
        machine: Machine,
        seed: u64,
        options: Options,
        mix: Mix,
        heap: Heap,
        recorder: Option<Arc<Recorder>>,
    ) -> Self {
        let (random, heaps, states) = (Random::new(seed), vec![heap], vec![Model::default()]);
        let (readers, keepers) = (Vec::new(), Vec::new());
        let world = Self {
            machine,
            options,
            heaps,
            readers,
            keepers,
            states,
            attempted: None,
            random,
            mix,
            recorder,
        };
        world.note(Entry::Durable(0));
        world
    }

    /// Adds a line to the history.
    pub fn note(&self, entry: Entry) {
        if let Some(recorder) = &self.recorder {
            recorder.note(entry);
        }
    }

    /// The present state.
    #[must_use]
    pub fn now(&self) -> &Model {
        self.states.last().expect("there is a first state")
    }

    /// Opens the heap in one more process.
    pub fn attach(&self) -> Result<Heap, Stop> {
        Ok(match &self.machine {
            Machine::Ram(disk) => Heap::open_on(Box::new(RamHost::open(disk)?), &self.options)?,
            Machine::Real(path) => Heap::open(path, &self.options)?,
        })
    }

    /// One transaction of `steps` steps in a process.
    pub fn transact(
        &mut self,
        process: usize,
        tracked: bool,
        steps: u64,
        end: End,
    ) -> Result<(), Stop> {
        let heap = self.heaps[process].clone();
        let wait = Wait::Try;
        let txn = if tracked { heap.begin_tracked(wait) } else { heap.begin_write_wait(wait) };
        let mut txn = txn?;
        let mut draft = self.now().clone();
        self.work(&mut txn, &mut draft, steps)?;
        match end {
            End::Commit(durability) => {
                txn.set_durability(durability);
                self.begun(&draft);
                txn.commit()?;
                self.committed(draft, durability);
            }
            End::Abort => txn.abort()?,
            End::Drop => drop(txn),
        }
        Ok(())
    }

    /// Several transactions without letting another writer in.
    pub fn transact_on(&mut self, process: usize, steps: u64, times: u64) -> Result<(), Stop> {
        let mut txn = self.heaps[process].clone().begin_write_wait(Wait::Try)?;
        for _ in 0..times {
            let mut draft = self.now().clone();
            self.work(&mut txn, &mut draft, steps)?;
            self.begun(&draft);
            txn.commit_and_continue()?;
            self.committed(draft, Durability::Power);
        }
        let mut draft = self.now().clone();
        self.work(&mut txn, &mut draft, steps)?;
        Ok(txn.abort()?)
    }

    /// Steps in an open transaction.
    pub fn work(&mut self, txn: &mut WriteTxn, draft: &mut Model, steps: u64) -> Result<(), Stop> {
        let stamp = self.states.len() as u64;
        let mut work = Work { txn, draft, random: &mut self.random, mix: self.mix };
        work.stamp(stamp);
        (0..steps).try_for_each(|_| work.step())
    }

    /// A draft is about to become the present.
    pub fn begun(&mut self, draft: &Model) {
        self.note(Entry::Begun(draft.stamp));
        self.attempted = Some(draft.clone());
    }

    /// A draft became the present.
    pub fn committed(&mut self, draft: Model, durability: Durability) {
        let stamp = draft.stamp;
        self.attempted = None;
        self.states.push(draft);
        if durability == Durability::Power {
            self.note(Entry::Durable(stamp));
        }
    }

    /// What happened so far was promised to survive.
    pub fn promised(&self) {
        self.note(Entry::Durable(self.now().stamp));
    }

    /// Compares what a process sees with the model.
    pub fn compare(&self, process: usize) -> Result<(), Stop> {
        let heap = &self.heaps[process];
        let Some((_, read, stamp)) = self.readers.iter().find(|it| it.0 == process) else {
            return self.now().compare_heap(heap).map_err(Stop::Wrong);
        };
        self.states[*stamp as usize].compare(read, Depth::NoDirect).map_err(Stop::Wrong)
    }

    /// Whether a process holds a snapshot.
    #[must_use]
    pub fn is_reading(&self, process: usize) -> bool {
        self.readers.iter().any(|it| it.0 == process)
    }

    /// A process begins to hold the present as its snapshot.
    pub fn hold(&mut self, process: usize) -> Result<(), Stop> {
        let read = self.heaps[process].begin_read()?;
        let stamp = Model::stamp_of(&read).map_err(Stop::Wrong)?;
        if stamp != self.now().stamp {
            return Err(Stop::Wrong(format!("process {process} reads state {stamp}")));
        }
        self.readers.push((process, read, stamp));
        Ok(())
    }

    /// A process lets its snapshot and its keepers go, having looked at it once more.
    pub fn let_go(&mut self, process: usize) -> Result<(), Stop> {
        self.compare(process)?;
        self.readers.retain(|it| it.0 != process);
        self.keepers.retain(|it| it.0 != process);
        Ok(())
    }

    /// A process closes the heap and opens it again.
    pub fn reopen(&mut self, process: usize) -> Result<(), Stop> {
        self.let_go(process)?;
        self.heaps[process].close()?;
        self.promised();
        let heap = self.attach()?;
        self.heaps[process] = heap;
        Ok(())
    }
}
