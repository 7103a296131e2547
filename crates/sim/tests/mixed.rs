//! Processes of all sorts on one heap, and contents that mostly agree with what lay there before:
//! captured and tracked, pinned, blind, killed in the middle, and now and then a power cut.

#[path = "../../fileheap-core/tests/common/door.rs"]
#[allow(dead_code)]
mod door;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::DoorHost;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Durability, Heap, Keeper, Options, ReadTxn, Wait, WriteTxn};
use fileheap_sim::images::Disk;
use fileheap_sim::random::{Random, seed_or};
use fileheap_sim::record::{Entry, Recorder};

const STAMP: usize = 7;
const UNKNOWN: u16 = 256;

fn options() -> Options {
    Options::new().base(0).limit_bytes(96 << 20).log_bytes(256 * 1024)
}

/// What is allocated.
#[derive(Clone)]
struct Piece {
    bytes: Vec<u16>,
    direct: bool,
}

type State = BTreeMap<u64, Piece>;

fn defect(state: &State, read: &ReadTxn, direct: bool) -> Option<String> {
    state.iter().filter(|(_, piece)| direct || !piece.direct).find_map(|(&at, piece)| {
        let found = read.bytes(at, piece.bytes.len() as u64).unwrap();
        let differs = |(want, found): (&u16, &u8)| *want != UNKNOWN && *want != u16::from(*found);
        let wrong = piece.bytes.iter().zip(found).position(differs)?;
        let (len, want, direct) = (piece.bytes.len(), piece.bytes[wrong], piece.direct);
        let got = found[wrong];
        Some(format!("{len} at {at} (direct: {direct}) +{wrong}: {got:#x}, not {want:#x}"))
    })
}

/// A process.
struct Seat {
    heap: Heap,
    process: u32,
    pin: Option<(ReadTxn, usize)>,
    keeper: Option<Keeper>,
}

struct World {
    disk: RamDisk,
    recorder: Arc<Recorder>,
    platters: Disk,
    seats: Vec<Seat>,
    blind: Option<Heap>,
    states: Vec<State>,
    /// No state before this one may be found after a power cut.
    durable: usize,
    random: Random,
    log: Vec<String>,
}

/// One transaction's work.
struct Work<'w> {
    txn: &'w mut WriteTxn,
    draft: State,
    random: &'w mut Random,
}

impl Work<'_> {
    fn pick(&mut self) -> Option<u64> {
        let count = self.draft.len() as u64;
        let at = (count > 0).then(|| self.random.below(count) as usize)?;
        self.draft.keys().nth(at).copied()
    }

    fn store(&mut self, at: u64, from: usize, to: usize) {
        let byte = [0, 0, 0, 0xaa, 0xaa, 0xbb][self.random.below(6) as usize];
        // SAFETY: within a live allocation that only this transaction stores to.
        unsafe { self.txn.resolve(at + from as u64).write_bytes(byte, to - from) };
        self.txn.touch(at + from as u64, (to - from) as u64);
        self.draft.get_mut(&at).unwrap().bytes[from..to].fill(byte.into());
    }

    /// Parts of a piece, or all.
    fn scribble(&mut self, at: u64) {
        let piece = &self.draft[&at];
        let len = piece.bytes.len();
        if piece.direct {
            self.txn.enlist(at).unwrap();
        }
        match self.random.below(5) {
            0 | 1 => self.store(at, 0, len),
            2 => {
                let step = 4096 * (1 + self.random.below(3) as usize);
                let width = 1 + self.random.below(200) as usize;
                for from in (self.random.below(4096) as usize..len).step_by(step) {
                    self.store(at, from, len.min(from + width));
                }
            }
            _ => {
                let from = self.random.below(len as u64) as usize;
                let to = from + 1 + self.random.below((len - from) as u64) as usize;
                self.store(at, from, to);
            }
        }
    }

    fn add(&mut self, at: u64, piece: Piece) {
        let end = at + piece.bytes.len() as u64;
        let before = self.draft.range(..end).next_back();
        assert!(before.is_none_or(|(at_, it)| at_ + it.bytes.len() as u64 <= at), "overlap");
        self.draft.insert(at, piece);
    }

    fn size(&mut self) -> u64 {
        match self.random.below(12) {
            0..4 => 1 + self.random.below(3000),
            4..8 => 4096 * (1 + self.random.below(12)),
            8..10 => 1 + self.random.below(300_000),
            _ => 1 + self.random.below(1_500_000),
        }
    }

    fn alloc(&mut self) {
        let total: usize = self.draft.values().map(|it| it.bytes.len()).sum();
        if total > 6 << 20 {
            return self.free();
        }
        let mut bytes = self.size();
        if self.random.once_in(40) {
            bytes = (16 << 20) + self.random.below(1 << 20);
        }
        let kind = self.random.below(8);
        let at = match kind {
            0 => self.txn.alloc_zeroed(bytes, 16).unwrap(),
            1 | 2 => self.txn.alloc_direct(bytes, kind == 2).unwrap().offset,
            _ => self.txn.alloc(bytes, if kind == 3 { 4096 } else { 16 }).unwrap(),
        };
        let zeroed = kind == 0 || kind == 2;
        let first = if zeroed { 0 } else { UNKNOWN };
        let direct = kind == 1 || kind == 2;
        self.add(at, Piece { bytes: vec![first; bytes as usize], direct });
        if !self.random.once_in(4) {
            self.scribble(at);
        }
    }

    fn free(&mut self) {
        if let Some(at) = self.pick() {
            self.txn.free(at).unwrap();
            self.draft.remove(&at);
        }
    }

    fn resize(&mut self) {
        let Some(at) = self.pick() else { return };
        let (old, direct) = (self.draft[&at].bytes.len(), self.draft[&at].direct);
        let bytes = 1 + self.random.below(2 * old.min(1 << 20) as u64);
        if self.random.once_in(2) && !direct {
            let to = self.txn.realloc(at, bytes, 16).unwrap();
            let mut piece = self.draft.remove(&at).unwrap();
            piece.bytes.resize(bytes as usize, UNKNOWN);
            self.add(to, piece);
        } else if self.txn.resize_in_place(at, bytes).unwrap() {
            let mut piece = self.draft.remove(&at).unwrap();
            piece.bytes.resize(bytes as usize, UNKNOWN);
            self.add(at, piece);
        }
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0..4 => self.alloc(),
            4..7 => self.free(),
            7 => self.resize(),
            8 => {
                let direct = self.pick().filter(|at| self.draft[at].direct);
                direct.into_iter().for_each(|at| self.txn.open_direct(at).unwrap());
            }
            _ => self.pick().into_iter().for_each(|at| self.scribble(at)),
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = RamDisk::new();
        let host = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES).unwrap();
        let process = host.process();
        let heap = Heap::create_on(Box::new(host), &options()).unwrap();
        let recorder = Arc::new(Recorder::default());
        disk.observe(Some(recorder.clone()));
        let platters = Disk::holding(&disk.images());
        let seat = Seat { heap, process, pin: None, keeper: None };
        Self {
            disk,
            recorder,
            platters,
            seats: vec![seat],
            blind: None,
            states: vec![State::new()],
            durable: 0,
            random: Random::new(seed),
            log: Vec::new(),
        }
    }

    fn attach(&mut self) {
        let host = RamHost::open(&self.disk).unwrap();
        let process = host.process();
        let heap = Heap::open_on(Box::new(host), &options()).unwrap();
        self.seats.push(Seat { heap, process, pin: None, keeper: None });
    }

    fn note(&mut self, text: String) {
        self.log.push(text);
    }

    fn newest(&self) -> usize {
        self.states.len() - 1
    }

    fn transact(&mut self, seat: usize) {
        let tracked = self.random.once_in(2);
        let heap = self.seats[seat].heap.clone();
        let begun = match tracked {
            true => heap.begin_tracked(Wait::Try),
            false => heap.begin_write_wait(Wait::Try),
        };
        let mut txn = begun.unwrap();
        for round in 0.. {
            let levels = [Durability::Power, Durability::Process, Durability::Process];
            let level = levels[self.random.below(3) as usize];
            txn.set_durability(level);
            let draft = self.states[self.newest()].clone();
            txn.set_face_root(STAMP, self.states.len() as u64);
            let steps = self.random.below(10);
            let mut work = Work { txn: &mut txn, draft, random: &mut self.random };
            (0..steps).for_each(|_| work.step());
            let draft = work.draft;
            let end = self.random.below(12);
            let process = self.seats[seat].process;
            self.note(format!(
                "seat {seat}/{process} tracked {tracked} {level:?} end {end} state {}",
                self.states.len()
            ));
            match end {
                0 | 1 => return txn.abort().unwrap(),
                2 => return self.die(seat, txn, draft),
                3 | 4 if round < 3 => {
                    txn.commit_and_continue().unwrap();
                    self.committed(draft, level);
                }
                _ => {
                    txn.commit().unwrap();
                    return self.committed(draft, level);
                }
            }
        }
    }

    fn committed(&mut self, draft: State, level: Durability) {
        self.states.push(draft);
        if level == Durability::Power {
            self.durable = self.newest();
        }
    }

    /// The process is killed, at once or somewhere in its commit.
    fn die(&mut self, seat: usize, mut txn: WriteTxn, draft: State) {
        let changes = self.random.below(30) as usize;
        self.recorder.kill_at(Some(changes));
        let done = catch_unwind(AssertUnwindSafe(|| txn.commit_and_continue().unwrap()));
        self.recorder.kill_at(None);
        let dead = self.seats.swap_remove(seat);
        self.disk.kill(dead.process);
        drop(txn);
        drop(dead.pin);
        drop(dead.keeper);
        drop(dead.heap);
        self.note(format!("died after {changes} changes, committed: {}", done.is_ok()));
        if self.seats.is_empty() || self.random.once_in(3) {
            self.attach();
        }
        let free = self.seats.iter().position(|it| it.pin.is_none());
        let free = free.unwrap_or_else(|| {
            self.attach();
            self.seats.len() - 1
        });
        let heap = &self.seats[free].heap;
        drop(heap.begin_write_wait(Wait::Try).unwrap());
        let stamp = heap.begin_read().unwrap().face_root(STAMP) as usize;
        let next = self.states.len();
        assert!(stamp == next || stamp + 1 == next && done.is_err(), "{stamp} after {next}");
        if stamp == next {
            self.states.push(draft);
        }
    }

    fn look(&mut self, seat: usize) {
        let seat_ = &self.seats[seat];
        let what = match &seat_.pin {
            Some((read, state)) => defect(&self.states[*state], read, false),
            None => {
                let read = seat_.heap.begin_read().unwrap();
                assert_eq!(read.face_root(STAMP) as usize, self.newest());
                defect(&self.states[self.newest()], &read, true)
            }
        };
        let process = seat_.process;
        assert!(what.is_none(), "seat {seat}/{process}: {}", what.unwrap_or_default());
    }

    fn look_newest(&self, heap: &Heap, who: &str) {
        let read = heap.begin_read().unwrap();
        assert_eq!(read.face_root(STAMP) as usize, self.newest(), "{who}");
        let what = defect(&self.states[self.newest()], &read, true);
        assert!(what.is_none(), "{who}: {}", what.unwrap_or_default());
        drop(read);
        let report = heap.check().unwrap();
        assert!(report.is_clean(), "{who}: {:?}", report.findings.first());
    }

    /// What a power cut may leave.
    fn cut(&mut self) {
        let fates = self.platters.fates(3, &mut self.random);
        for fate in fates {
            let disk = RamDisk::from_images(self.platters.image(&fate));
            let host = Box::new(RamHost::open(&disk).unwrap());
            let heap = Heap::open_on(host, &options()).unwrap();
            let read = heap.begin_read().unwrap();
            let stamp = read.face_root(STAMP) as usize;
            assert!((self.durable..=self.newest()).contains(&stamp), "{stamp} after a power cut");
            let what = defect(&self.states[stamp], &read, false);
            assert!(what.is_none(), "power cut, {stamp}: {}", what.unwrap_or_default());
        }
    }

    fn keep_history(&mut self) {
        let last = std::mem::take(&mut self.recorder);
        self.disk.observe(Some(self.recorder.clone()));
        for entry in last.history() {
            if let Entry::Change(file, change) = entry {
                self.platters.apply(file, &change);
            }
        }
    }

    fn event(&mut self) {
        let count = self.seats.len() as u64;
        let seat = self.random.below(count) as usize;
        let pinned = self.seats[seat].pin.is_some();
        let (newest, dice) = (self.newest(), self.random.below(30));
        self.note(format!("event {dice} seat {seat} pinned {pinned}"));
        match dice {
            0 if count < 4 => self.attach(),
            1 if count > 1 => {
                let gone = self.seats.swap_remove(seat);
                drop((gone.pin, gone.keeper));
                gone.heap.close().unwrap();
            }
            2 if !pinned => {
                self.seats[seat].heap.checkpoint().unwrap();
                self.durable = newest;
            }
            3 if !pinned && self.seats[seat].keeper.is_none() => {
                drop(self.seats[seat].heap.trim());
            }
            4 | 5 => self.seats[seat].pin = None,
            6 | 7 if !pinned => {
                let read = self.seats[seat].heap.begin_read().unwrap();
                self.seats[seat].pin = Some((read, newest));
            }
            8 => self.blind = None,
            9 if self.blind.is_none() => {
                let host = DoorHost::blind(&self.disk);
                self.blind = Some(Heap::open_on(host, &options().read_only()).unwrap());
            }
            10 => self.seats[seat].keeper = None,
            11 if self.seats[seat].keeper.is_none() => {
                self.seats[seat].keeper = Some(self.seats[seat].heap.keep().unwrap());
            }
            12 if !pinned => {
                self.seats[seat].heap.sync().unwrap();
                self.durable = newest;
            }
            _ if !pinned => self.transact(seat),
            _ => self.look(seat),
        }
    }

    fn check(&mut self) {
        for seat in 0..self.seats.len() {
            if self.random.once_in(2) {
                self.look(seat);
            }
        }
        if let Some(blind) = self.blind.clone().filter(|_| self.random.once_in(2)) {
            let read = blind.begin_read().unwrap();
            assert_eq!(read.face_root(STAMP) as usize, self.newest(), "blind");
            let what = defect(&self.states[self.newest()], &read, true);
            assert!(what.is_none(), "blind: {}", what.unwrap_or_default());
        }
        if self.random.once_in(6) {
            let disk = RamDisk::from_images(self.disk.images());
            let host = Box::new(RamHost::open(&disk).unwrap());
            self.look_newest(&Heap::open_on(host, &options()).unwrap(), "all killed");
        }
        self.keep_history();
        if self.random.once_in(6) {
            self.cut();
        }
        // States that nobody can see any more take memory.
        let pins = self.seats.iter().filter_map(|it| it.pin.as_ref().map(|pin| pin.1));
        let oldest = pins.chain([self.durable]).min().unwrap_or(0);
        self.states[..oldest].iter_mut().for_each(State::clear);
    }
}

fn live(seed: u64, events: u64) {
    let mut world = World::new(seed);
    let mut at = 0;
    let done = catch_unwind(AssertUnwindSafe(|| {
        for event in 0..events {
            at = event;
            world.event();
            world.check();
        }
    }));
    if let Err(why) = done {
        let from = world.log.len().saturating_sub(number("FILEHEAP_LINES").unwrap_or(30) as usize);
        world.log[from..].iter().for_each(|line| println!("{line}"));
        println!("FILEHEAP_SEED={seed}, event {at}");
        std::mem::forget(world);
        std::panic::resume_unwind(why);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `FILEHEAP_SEED` asks for that one life, `FILEHEAP_MINUTES` for as many as there is time for.
#[test]
fn whoever_looks_sees_what_was_committed() {
    let (first, begun) = (seed_or(1), Instant::now());
    let time = number("FILEHEAP_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let least = if number("FILEHEAP_SEED").is_some() { 1 } else { 6 };
    let more = |seed: &u64| *seed < first + least || time.is_some_and(|it| begun.elapsed() < it);
    let lives = (first..).take_while(more).inspect(|&seed| live(seed, 120)).count();
    println!("{lives} lives from seed {first}");
}
