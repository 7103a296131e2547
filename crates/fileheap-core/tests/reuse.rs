//! Space that is used again: never under a reader of an older state, never lost after a kill.

mod common;

use std::collections::BTreeMap;

use common::door::DoorHost;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{Durability, Heap, Options, ReadTxn, Wait, WriteTxn};

const MIB: u64 = 1 << 20;

fn options() -> Options {
    Options::new().base(0).limit_bytes(256 * MIB).log_bytes(MIB)
}

fn open(disk: &RamDisk) -> Heap {
    Heap::open_on(Box::new(RamHost::open(disk).unwrap()), &options()).unwrap()
}

fn create(disk: &RamDisk) -> Heap {
    let host = RamHost::create(disk, fileheap_core::format::INITIAL_BYTES).unwrap();
    Heap::create_on(Box::new(host), &options()).unwrap()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// What is allocated: offset to length and fill.
type State = BTreeMap<u64, (u64, u8)>;

fn fill(txn: &WriteTxn, at: u64, bytes: u64, byte: u8) {
    // SAFETY: the tests fill what they allocated.
    unsafe { txn.resolve(at).write_bytes(byte, bytes as usize) };
    txn.touch(at, bytes);
}

fn verify(read: &ReadTxn, state: &State, when: &str) {
    for (&at, &(bytes, byte)) in state {
        let found = read.bytes(at, bytes).unwrap();
        let wrong = found.iter().position(|found| *found != byte);
        assert_eq!(wrong, None, "{when}: {bytes} bytes at {at} should be {byte}");
    }
}

/// One transaction's worth of allocations, frees and stores.
fn churn(txn: &WriteTxn, live: &mut State, dice: &mut Dice) {
    for _ in 0..dice.roll(60) {
        let any = live.range(dice.roll(64 * MIB)..).next().or(live.iter().next());
        let any = any.map(|(at, it)| (*at, it.0));
        match (dice.roll(10), any) {
            (0..4, Some((at, _))) => {
                txn.free(at).unwrap();
                live.remove(&at);
            }
            (4, Some((at, bytes))) => {
                let byte = dice.roll(256) as u8;
                fill(txn, at, bytes, byte);
                live.insert(at, (bytes, byte));
            }
            _ if live.len() < 40 => {
                let bytes = match dice.roll(20) {
                    0 if dice.roll(4) == 0 => 17 * MIB,
                    0..=3 => dice.roll(3 * MIB / 2) + 1,
                    4..10 => dice.roll(100_000) + 1,
                    _ => dice.roll(2000) + 1,
                };
                let (at, byte) = (txn.alloc(bytes, 16).unwrap(), dice.roll(256) as u8);
                fill(txn, at, bytes, byte);
                live.insert(at, (bytes, byte));
            }
            _ => {}
        }
    }
}

fn generated(seed: u64) {
    let mut dice = Dice(seed * 2 + 0x9E37_79B9_7F4A_7C15);
    let disk = RamDisk::new();
    let writer = create(&disk);
    let reader = open(&disk);
    let mut live = State::new();
    let mut pinned: Option<(ReadTxn, State)> = None;
    for step in 0..40 {
        let mut txn = writer.begin_write().unwrap();
        txn.set_durability([Durability::Power, Durability::Process][dice.roll(2) as usize]);
        let mut next = live.clone();
        churn(&txn, &mut next, &mut dice);
        if dice.roll(6) == 0 {
            txn.abort().unwrap();
        } else {
            txn.commit().unwrap();
            live = next;
        }
        if let Some((read, state)) = &pinned {
            verify(read, state, &format!("seed {seed} step {step}, pinned"));
        }
        match dice.roll(6) {
            0 => writer.checkpoint().unwrap(),
            1 => drop(writer.trim().unwrap()),
            2 => pinned = None,
            3 if pinned.is_none() => pinned = Some((reader.begin_read().unwrap(), live.clone())),
            _ => {}
        }
        if let Some((read, state)) = &pinned {
            verify(read, state, &format!("seed {seed} step {step}, pinned"));
        }
    }
    let after_kill = RamDisk::from_images(disk.images());
    drop(pinned);
    for heap in [&writer, &reader, &open(&after_kill)] {
        verify(&heap.begin_read().unwrap(), &live, &format!("seed {seed}, newest"));
        let report = heap.check().unwrap();
        assert!(report.is_clean(), "seed {seed}: {:?}", report.findings.first());
    }
}

#[test]
fn readers_and_recovery_see_their_states_whatever_is_reused() {
    (1..=4).for_each(generated);
}

#[test]
fn a_checkpoint_held_back_by_a_pin_spares_what_a_later_commit_wrote_home() {
    let disk = RamDisk::new();
    let (writer, reader) = (create(&disk), open(&disk));
    let txn = writer.begin_write().unwrap();
    let old = txn.alloc(2 * MIB, 4096).unwrap();
    fill(&txn, old, 2 * MIB, 1);
    txn.commit().unwrap();
    let txn = writer.begin_write().unwrap();
    fill(&txn, old + 5000, 100, 2);
    txn.commit().unwrap();
    let txn = writer.begin_write().unwrap();
    txn.free(old).unwrap();
    txn.commit().unwrap();
    let pin = reader.begin_read().unwrap();
    let txn = writer.begin_write().unwrap();
    let new = txn.alloc(2 * MIB, 4096).unwrap();
    assert_eq!(new, old, "free since a durable transaction, and nobody older reads");
    fill(&txn, new, 2 * MIB, 3);
    txn.commit().unwrap();
    writer.checkpoint().unwrap();
    drop(pin);
    writer.checkpoint().unwrap();
    let state = State::from([(new, (2 * MIB, 3))]);
    for heap in [&reader, &open(&RamDisk::from_images(disk.images()))] {
        verify(&heap.begin_read().unwrap(), &state, "behind the checkpoint");
    }
}

#[test]
fn what_went_home_is_not_compared_with_what_was_there_before() {
    let disk = RamDisk::new();
    let writer = create(&disk);
    // Small pieces, logged twice: their pages' contents are kept at hand.
    let txn = writer.begin_write().unwrap();
    let kept = txn.alloc(64, 16).unwrap();
    let pieces: Vec<u64> = (0..40).map(|_| txn.alloc(60_000, 4096).unwrap()).collect();
    pieces.iter().take(10).for_each(|&at| fill(&txn, at, 60_000, 7));
    txn.commit().unwrap();
    for byte in [8, 0] {
        let txn = writer.begin_write().unwrap();
        pieces.iter().take(10).for_each(|&at| fill(&txn, at, 60_000, byte));
        txn.commit().unwrap();
    }
    let txn = writer.begin_write().unwrap();
    pieces.iter().for_each(|&at| txn.free(at).unwrap());
    txn.commit().unwrap();
    let txn = writer.begin_write().unwrap();
    let new = txn.alloc(2 * MIB, 4096).unwrap();
    assert!(pieces.contains(&new));
    fill(&txn, new, 2 * MIB, 9);
    txn.commit().unwrap();
    let txn = writer.begin_write().unwrap();
    fill(&txn, new, 100_000, 0);
    fill(&txn, kept, 64, 1);
    txn.commit().unwrap();
    let heap = open(&RamDisk::from_images(disk.images()));
    let state = State::from([(new, (100_000, 0)), (new + 102_400, (MIB, 9)), (kept, (64, 1))]);
    verify(&heap.begin_read().unwrap(), &state, "after a kill");
}

#[test]
fn writers_in_turn_beside_readers_fill_no_more_than_they_use() {
    let disk = RamDisk::new();
    let writers = [create(&disk), open(&disk), open(&disk)];
    let readers = [open(&disk), open(&disk)];
    let mut live: Vec<u64> = Vec::new();
    let mut pins = [None, None];
    for round in 0..300 {
        let txn = writers[round % 3].begin_write().unwrap();
        if live.len() == 4 {
            txn.free(live.remove(0)).unwrap();
        }
        live.push(txn.alloc_direct(MIB + 1, false).unwrap().offset);
        txn.commit().unwrap();
        pins[round % 2] = None;
        pins[round % 2] = Some(readers[round % 2].begin_read().unwrap());
    }
    let bytes = writers[0].stat().unwrap().alloc.heap_bytes;
    assert!(bytes < 32 * MIB, "{bytes} bytes for 4 MiB live and what two readers hold");
}

/// P32: a transaction that was undone left other bytes in free space of the file than a process has
/// private copies of. Who takes that space without writing it home logs what differs from the file.
#[test]
fn what_was_stored_to_free_space_and_undone_is_seen_by_nobody() {
    const HALF: u64 = MIB / 2; // less than goes home at once
    let disk = RamDisk::new();
    let (undone, writer, reader) = (create(&disk), open(&disk), open(&disk));
    let txn = writer.begin_write().unwrap();
    let at = txn.alloc(HALF, 4096).unwrap();
    fill(&txn, at, HALF, 0xaa);
    txn.commit().unwrap();
    drop(reader.begin_read().unwrap()); // its own copies of those pages
    writer.checkpoint().unwrap();
    let txn = writer.begin_write().unwrap();
    txn.free(at).unwrap();
    txn.commit().unwrap();
    let txn = undone.begin_write().unwrap();
    assert_eq!(txn.alloc_direct(HALF, true).unwrap().offset, at);
    txn.abort().unwrap();
    let blind = Heap::open_on(DoorHost::blind(&disk), &options().read_only()).unwrap();
    drop(blind.begin_read().unwrap());
    let txn = writer.begin_write().unwrap();
    assert_eq!(txn.alloc(HALF, 4096).unwrap(), at);
    fill(&txn, at, HALF, 0);
    txn.commit().unwrap();
    let state = State::from([(at, (HALF, 0))]);
    for heap in [&writer, &undone, &reader, &blind, &open(&disk)] {
        verify(&heap.begin_read().unwrap(), &state, "taken again");
    }
}

/// P32: what a checkpoint for an older state carries home into space that is in use again.
#[test]
fn a_checkpoint_for_an_older_state_changes_nothing_for_newer_ones() {
    const SIZE: u64 = MIB / 2;
    let disk = RamDisk::new();
    drop(create(&disk));
    let options = options().log_bytes(8 * MIB); // no checkpoint comes by itself
    let open = |disk| Heap::open_on(Box::new(RamHost::open(disk).unwrap()), &options).unwrap();
    let [writer, reader, pinned] = [(); 3].map(|()| open(&disk));
    let txn = writer.begin_write().unwrap();
    let at = txn.alloc(SIZE, 4096).unwrap();
    txn.commit().unwrap();
    let filled = |byte: u8| {
        let txn = writer.begin_write().unwrap();
        fill(&txn, at, SIZE, byte);
        txn.commit().unwrap();
    };
    filled(0xaa);
    writer.checkpoint().unwrap();
    filled(0xbb); // the log has it, the file does not
    let older = pinned.begin_read().unwrap();
    let txn = writer.begin_write().unwrap();
    txn.free(at).unwrap();
    txn.commit().unwrap();
    let txn = writer.begin_tracked(Wait::Forever).unwrap();
    assert_eq!(txn.alloc(SIZE, 4096).unwrap(), at);
    txn.commit().unwrap();
    let txn = writer.begin_tracked(Wait::Forever).unwrap();
    (at..at + SIZE).step_by(4096).for_each(|page| fill(&txn, page, 8, 1));
    txn.commit().unwrap();
    drop(reader.begin_read().unwrap()); // its own copies of those pages
    writer.checkpoint().unwrap();
    verify(&older, &State::from([(at, (SIZE, 0xbb))]), "pinned");
    drop(older);
    writer.checkpoint().unwrap();
    filled(0xbb);
    let state = State::from([(at, (SIZE, 0xbb))]);
    for heap in [&writer, &reader, &pinned, &open(&disk)] {
        verify(&heap.begin_read().unwrap(), &state, "stored again");
    }
}

#[test]
fn commits_that_wait_for_no_disk_fill_no_more_than_they_use() {
    let disk = RamDisk::new();
    let heap = create(&disk);
    let mut old = None;
    for _ in 0..300 {
        let mut txn = heap.begin_write().unwrap();
        txn.set_durability(Durability::Process);
        old.take().map(|at| txn.free(at)).transpose().unwrap();
        old = Some(txn.alloc_direct(2 * MIB, false).unwrap().offset);
        txn.commit().unwrap();
    }
    let bytes = heap.stat().unwrap().alloc.heap_bytes;
    assert!(bytes < 24 * MIB, "{bytes} bytes for 2 MiB live");
}

/// Small pieces, nine of ten of them freed at random, each filled with its own byte.
fn thin_out(heap: &Heap, dice: &mut Dice) -> State {
    let mut live = State::new();
    let txn = heap.begin_write().unwrap();
    for _ in 0..6000 {
        let (bytes, byte) = (2000 + dice.roll(3000), dice.roll(256) as u8);
        let at = txn.alloc(bytes, 16).unwrap();
        fill(&txn, at, bytes, byte);
        live.insert(at, (bytes, byte));
    }
    txn.commit().unwrap();
    let txn = heap.begin_write().unwrap();
    live.retain(|&at, _| dice.roll(10) == 0 || txn.free(at).is_err());
    txn.commit().unwrap();
    live
}

#[test]
fn trim_gives_back_the_free_pages_between_small_pieces() {
    let path = std::env::temp_dir().join(format!("fileheap-trim-{}.heap", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut dice = Dice(77);
    let mut live = thin_out(&heap, &mut dice);
    let report = heap.trim().unwrap();
    assert!(report.punched_bytes > 8 * MIB && !report.hindered, "{report:?}");
    let live_bytes: u64 = live.values().map(|it| it.0).sum();
    let blocks = std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&path).unwrap()) * 512;
    assert!(blocks < 3 * live_bytes + MIB, "{blocks} on disk, {live_bytes} live");
    verify(&heap.begin_read().unwrap(), &live, "trimmed");
    assert!(heap.check().unwrap().is_clean());
    // What is left is freed in part, and the room is filled again.
    let before = heap.stat().unwrap().alloc.heap_bytes;
    let txn = heap.begin_write().unwrap();
    live.retain(|&at, _| dice.roll(2) == 0 || txn.free(at).is_err());
    for _ in 0..3000 {
        let bytes = 2000 + dice.roll(3000);
        let at = txn.alloc(bytes, 16).unwrap();
        fill(&txn, at, bytes, 99);
        live.insert(at, (bytes, 99));
    }
    txn.commit().unwrap();
    assert_eq!(heap.stat().unwrap().alloc.heap_bytes, before, "the holes are used again");
    verify(&heap.begin_read().unwrap(), &live, "filled again");
    assert!(heap.check().unwrap().is_clean());
    heap.close().unwrap();
    let heap = Heap::open(&path, &Options::new()).unwrap();
    verify(&heap.begin_read().unwrap(), &live, "opened again");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn trim_spares_zones_that_somebody_reads_an_older_state_of() {
    let disk = RamDisk::new();
    let (writer, reader) = (create(&disk), open(&disk));
    let pinned = thin_out(&writer, &mut Dice(5));
    let pin = reader.begin_read().unwrap();
    let txn = writer.begin_write().unwrap();
    pinned.keys().for_each(|&at| txn.free(at).unwrap());
    let kept = txn.alloc(1000, 16).unwrap();
    fill(&txn, kept, 1000, 1);
    txn.commit().unwrap();
    assert!(writer.trim().unwrap().hindered);
    verify(&pin, &pinned, "pinned over a trim");
    drop(pin);
    let report = writer.trim().unwrap();
    assert!(!report.hindered && report.punched_bytes > 0, "{report:?}");
    let image = RamDisk::from_images(disk.images());
    for heap in [&writer, &reader, &open(&image)] {
        let state = State::from([(kept, (1000, 1))]);
        verify(&heap.begin_read().unwrap(), &state, "after the second trim");
        assert!(heap.check().unwrap().is_clean());
    }
}
