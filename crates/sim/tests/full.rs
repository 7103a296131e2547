//! A disk that is full for a while: random lives, writers that take turns, payments put off.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use fileheap_core::Durability::{Background, Power, Process};
use fileheap_core::os::ram::{Event, EventKind, RamDisk, RamHost};
use fileheap_core::{ErrorKind, Heap, Options, Result, Wait, WriteTxn};
use fileheap_sim::judge::{Bounds, Judge};
use fileheap_sim::random::seed_or;
use fileheap_sim::record::Recorder;
use fileheap_sim::script;
use fileheap_sim::work::{Mix, Stop};
use fileheap_sim::world::{End, World};

fn options() -> Options {
    Options::new().limit_bytes(64 << 20)
}

/// A full disk is no reason to stop.
fn unless_full(done: std::result::Result<(), Stop>) -> std::result::Result<(), Stop> {
    match done {
        Err(Stop::Error(error)) if error.kind() == ErrorKind::DiskFull => Ok(()),
        done => done,
    }
}

fn happen(world: &mut World) -> std::result::Result<(), Stop> {
    let recorder = world.recorder.clone().unwrap();
    let process = world.random.below(world.heaps.len() as u64) as usize;
    let reads = world.is_reading(process);
    match world.random.below(40) {
        0 => recorder.fill_disk(true),
        1 if world.random.once_in(3) => recorder.fill_disk(false),
        2 if !reads => world.hold(process)?,
        3 | 4 => world.let_go(process)?,
        5 if !reads => unless_full(script::checkpoint(world, process))?,
        6 if !reads => {
            recorder.fill_disk(false);
            world.reopen(process)?;
        }
        what if !reads => {
            let durability = [Power, Power, Process, Background][world.random.below(4) as usize];
            let end = if what < 12 { End::Abort } else { End::Commit(durability) };
            let tracked = world.random.once_in(2);
            let steps = [2, 8, 30][world.random.below(3) as usize];
            unless_full(world.transact(process, tracked, steps, end))?;
            world.attempted = None;
        }
        _ => {}
    }
    Ok(())
}

/// One, two or three processes; every fourth life is judged at every crash point, too.
fn live(seed: u64) -> std::result::Result<(), Stop> {
    let log_bytes = [64 << 10, 300 << 10, 16 << 20][(seed / 3 % 3) as usize];
    let options = Options::new().limit_bytes(32 << 20).log_bytes(log_bytes);
    let mix = if seed % 5 == 0 { Mix::MIDDLE } else { Mix::SMALL };
    let judged = seed % 4 == 0;
    let mut world = World::in_memory(seed, options.clone(), mix, true)?;
    for _ in 0..seed % 3 {
        world.heaps.push(world.attach()?);
    }
    for event in 0..if judged { 100 } else { 300 } {
        happen(&mut world)?;
        if event % 4 == 0 {
            (0..world.heaps.len()).try_for_each(|process| world.compare(process))?;
        }
    }
    world.recorder.as_ref().unwrap().fill_disk(false);
    for process in 0..world.heaps.len() {
        world.let_go(process)?;
        world.compare(process)?;
    }
    if judged {
        let history = world.recorder.as_ref().unwrap().history();
        let bounds = Bounds { lowest: None, newest: 0 };
        let mut judge = Judge::new(seed, options, 8);
        let done = judge.walk(&[None, None, None], &history, &world.states, bounds);
        done.map_err(Stop::Wrong)?;
    }
    Ok(())
}

/// `FILEHEAP_SEED` asks for that one life, `FILEHEAP_MINUTES` for as many as there is time for.
#[test]
fn nothing_is_lost_on_a_disk_that_is_full_now_and_then() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, begun) = (seed_or(1), Instant::now());
    let time = number("FILEHEAP_MINUTES").map(|minutes: u64| Duration::from_secs(minutes * 60));
    let least = if number("FILEHEAP_SEED").is_some() { 1 } else { 12 };
    let more = |seed: &u64| *seed < first + least || time.is_some_and(|it| begun.elapsed() < it);
    let mut lives = 0;
    for seed in (first..).take_while(more) {
        live(seed).unwrap_or_else(|stop| panic!("FILEHEAP_SEED={seed}: {}", stop.text()));
        lives += 1;
    }
    println!("{lives} lives from seed {first}");
}

fn create(disk: &RamDisk) -> Heap {
    let host = RamHost::create(disk, 512 * 1024).unwrap();
    Heap::create_on(Box::new(host), &options()).unwrap()
}

fn attach(disk: &RamDisk) -> Heap {
    Heap::open_on(Box::new(RamHost::open(disk).unwrap()), &options()).unwrap()
}

fn fill(txn: &WriteTxn, at: u64, bytes: u64, byte: u8) {
    txn.touch(at, bytes);
    // SAFETY: a live allocation of that size, and we are the only thread.
    unsafe { txn.resolve(at).write_bytes(byte, bytes as usize) };
}

fn store(heap: &Heap, at: u64, bytes: u64, byte: u8) -> Result<()> {
    let txn = heap.begin_tracked(Wait::Forever)?;
    fill(&txn, at, bytes, byte);
    txn.commit().map(drop)
}

/// A disk with a heap of two logs, and no room for more; where to store.
fn full_disk() -> (RamDisk, Arc<Recorder>, Heap, u64) {
    let (disk, recorder) = (RamDisk::new(), Arc::new(Recorder::default()));
    disk.observe(Some(recorder.clone()));
    let heap = create(&disk);
    let txn = heap.begin_write().unwrap();
    let at = txn.alloc_zeroed(256 << 10, 4096).unwrap();
    txn.commit().unwrap();
    (0..300_u64).for_each(|turn| store(&heap, at, 1000, turn as u8).unwrap());
    recorder.fill_disk(true);
    (disk, recorder, heap, at)
}

/// P34: nobody writes twice, so nobody remembers that the log could not grow.
#[test]
fn writers_that_come_and_go_find_room() {
    let (disk, _recorder, _attached, at) = full_disk();
    for turn in 0..1200_u64 {
        let heap = attach(&disk);
        store(&heap, at, 1000, turn as u8).unwrap();
        heap.close().unwrap();
    }
}

/// P34: what one of them found out about the log the other one does not know.
#[test]
fn writers_that_take_turns_find_room() {
    let (disk, recorder, heap, at) = full_disk();
    let other = attach(&disk);
    let before = recorder.len();
    for turn in 0..1200_u64 {
        store(if turn % 2 == 0 { &heap } else { &other }, at, 1000, turn as u8).unwrap();
    }
    let events = recorder.len() - before;
    assert!(events < 1200 * 4, "{events}: no checkpoint for each");
}

/// P34: what does not fit takes no room from what does.
#[test]
fn a_commit_that_is_refused_leaves_the_room_to_others() {
    let (_disk, _recorder, heap, at) = full_disk();
    let txn = heap.begin_tracked(Wait::Forever).unwrap();
    fill(&txn, at, 256 << 10, 1);
    assert_eq!(txn.commit().unwrap_err().kind(), ErrorKind::DiskFull);
    (0..500_u64).for_each(|turn| store(&heap, at, 20_000, turn as u8).unwrap());
}

/// P29: a payment that is refused is still owed. The writer dies at each change of a commit with an
/// enlisted extent; somebody with a window there begins to write on a log that takes nothing first.
#[test]
fn what_could_not_be_paid_is_still_owed() {
    const BYTES: u64 = 20480;
    let mut refusals = 0;
    for kill_at in 0..60 {
        let (disk, recorder) = (RamDisk::new(), Arc::new(Recorder::default()));
        let heap = create(&disk);
        let txn = heap.begin_write().unwrap();
        let at = txn.alloc_direct(BYTES, true).unwrap().offset;
        fill(&txn, at, BYTES, 1);
        txn.commit().unwrap();
        let other = attach(&disk);
        let txn = other.begin_write().unwrap();
        txn.open_direct(at).unwrap();
        txn.commit().unwrap();
        let reader = attach(&disk);
        let pin = reader.begin_read().unwrap();
        disk.observe(Some(recorder.clone()));
        recorder.kill_at(Some(kill_at));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let txn = heap.begin_write().unwrap();
            txn.enlist(at).unwrap();
            fill(&txn, at, BYTES, 2);
            txn.commit().unwrap();
        }));
        recorder.kill_at(None);
        disk.kill(1);
        std::mem::forget(heap);
        if ended.is_ok() {
            break;
        }
        let refused = AtomicBool::new(false);
        disk.observe(Some(Arc::new(move |event: &Event<'_>| match event.kind {
            EventKind::Write { .. } if event.file > 0 && !refused.swap(true, SeqCst) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        })));
        refusals += u32::from(other.begin_write().is_err());
        disk.observe(None);
        let txn = other.begin_write().unwrap();
        fill(&txn, at, BYTES, 3);
        txn.commit().unwrap();
        drop(pin);
        other.checkpoint().unwrap();
        for heap in [&other, &reader] {
            let read = heap.begin_read().unwrap();
            let found = read.bytes(at, BYTES).unwrap();
            assert!(found.iter().all(|&byte| byte == 3), "killed at {kill_at}: {}", found[0]);
        }
    }
    assert!(refusals > 1, "{refusals}");
}
