//! A test at exactly its point for each crash case of docs/PROTOCOL.md but P24, P26-P28, P30-P33
//! and P35.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fileheap_core::Durability::{Power, Process};
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::{ErrorKind, Heap, Options, WriteTxn};
use fileheap_sim::judge::{Bounds, Judge};
use fileheap_sim::random::seed_or;
use fileheap_sim::record::{Change, Entry, Recorder};
use fileheap_sim::script::{checkpoint, fill_home, trim};
use fileheap_sim::work::{Mix, Stop, Work};
use fileheap_sim::world::{End, Machine, World};

type Step<'a> = dyn Fn(&mut World) -> Result<(), Stop> + 'a;
type Pick<'a> = dyn Fn(&str, usize, &Change) -> bool + 'a;

fn options() -> Options {
    Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024)
}

/// Runs `act` after `prepare` and crashes at the changes that `pick` wants, often.
fn case(prepare: &Step<'_>, act: &Step<'_>, pick: &Pick<'_>) {
    case_with(options(), 1, prepare, act, pick);
}

fn case_with(options: Options, again_in: u64, prepare: &Step<'_>, act: &Step<'_>, pick: &Pick<'_>) {
    let first = seed_or(1);
    for seed in first..first + 4 {
        let mut world = World::in_memory(seed, options.clone(), Mix::SMALL, true).unwrap();
        let done = prepare(&mut world).and_then(|()| {
            world.note(Entry::Mark("act"));
            act(&mut world)
        });
        done.unwrap_or_else(|stop| panic!("FILEHEAP_SEED={seed}: {}", stop.text()));
        let images = judge(&world, seed, again_in, &|mark, file, change| {
            mark == "act" && pick(mark, file, change)
        });
        assert!(images > 0, "no crash point of this case was met");
    }
}

fn judge(world: &World, seed: u64, again_in: u64, pick: &Pick<'_>) -> u64 {
    let history = world.recorder.as_ref().unwrap().history();
    let mut judge = Judge::new(seed, world.options.clone(), 16);
    judge.again_in = again_in * 100;
    let bounds = Bounds { lowest: None, newest: 0 };
    let done = judge.walk_where(&[None, None, None], &history, &world.states, bounds, pick);
    done.unwrap_or_else(|error| panic!("FILEHEAP_SEED={seed}: {error}"));
    judge.images
}

fn commits(world: &mut World) -> Result<(), Stop> {
    (0..3).try_for_each(|_| world.transact(0, false, 8, End::Commit(Power)))
}

fn commit(world: &mut World) -> Result<(), Stop> {
    world.transact(0, false, 8, End::Commit(Power))
}

/// With a log so long that nothing goes home by itself.
fn long() -> Options {
    options().log_bytes(4 << 20)
}

fn carry(world: &mut World) -> Result<(), Stop> {
    checkpoint(world, 0)
}

fn is_superblock(file: usize, change: &Change) -> bool {
    file == 0 && matches!(change, Change::Write(0 | 4096, _))
}

fn is_home(file: usize, change: &Change) -> bool {
    file == 0 && matches!(change, Change::Write(offset, _) if *offset >= 65536)
}

fn is_frame(file: usize, change: &Change) -> bool {
    file > 0 && matches!(change, Change::Write(offset, _) if *offset >= 4096)
}

/// P1: the process dies with an open transaction: nothing of it is in any file.
#[test]
fn p01_before_the_commit_nothing_is_written() {
    let mut world = World::in_memory(1, options(), Mix::SMALL, true).unwrap();
    commits(&mut world).unwrap();
    let Machine::Ram(disk) = &world.machine else { unreachable!() };
    let disk = disk.clone();
    let before = disk.images();
    let mut txn = world.heaps[0].clone().begin_write().unwrap();
    let mut draft = world.now().clone();
    world.work(&mut txn, &mut draft, 20).unwrap();
    disk.kill(1);
    drop(txn);
    let lowest = world.now().stamp;
    let bounds = Bounds { lowest: Some(lowest), newest: lowest };
    let image = disk.images();
    assert!(before[1] == image[1] && before[2] == image[2]);
    Judge::new(1, options(), 1).image(image, &world.states, bounds, true).unwrap();
}

/// P2: fresh pages partly written home.
#[test]
fn p02_fresh_pages_partly_written() {
    case(&commits, &|world| fill_home(world, 40), &|_, file, change| is_home(file, change));
}

/// P3: frames partly written.
#[test]
fn p03_frames_partly_written() {
    case(&commits, &commit, &|_, file, change| is_frame(file, change));
}

/// P4: all frames written, none synced.
#[test]
fn p04_frames_written_not_synced() {
    let many = |world: &mut World| {
        (0..4).try_for_each(|_| world.transact(0, true, 10, End::Commit(Process)))
    };
    case_with(long(), 1, &commits, &many, &|_, file, change| is_frame(file, change));
}

/// P5, P14: the writer dies anywhere in its commit and another process goes on: it finds the old
/// state or the new one, whole; and a power cut after that finds nothing else.
#[test]
fn p05_and_p14_a_dead_writers_tail_is_adopted() {
    for kill_at in 0..12 {
        adopt(kill_at);
    }
}

fn adopt(kill_at: usize) {
    let mut world = World::in_memory(3, options(), Mix::SMALL, true).unwrap();
    commits(&mut world).unwrap();
    let survivor = world.attach().unwrap();
    let mut txn = world.heaps[0].clone().begin_write().unwrap();
    let mut draft = world.now().clone();
    world.work(&mut txn, &mut draft, 6).unwrap();
    world.begun(&draft);
    let recorder = world.recorder.clone().unwrap();
    recorder.kill_at(Some(kill_at));
    let committed = catch_unwind(AssertUnwindSafe(|| txn.commit_and_continue().unwrap()));
    recorder.kill_at(None);
    let Machine::Ram(disk) = &world.machine else { unreachable!() };
    disk.kill(1);
    drop(txn);
    world.states.push(draft);
    let dead = std::mem::replace(&mut world.heaps[0], survivor);
    drop(dead);
    let last = world.states.len() - 1;
    // The survivor adopts when it begins to write.
    drop(world.heaps[0].begin_write().unwrap());
    let adopted = world.now().compare_heap(&world.heaps[0]);
    if adopted.is_err() {
        assert!(committed.is_err(), "kill at {kill_at}: {adopted:?}");
        world.states[last - 1].compare_heap(&world.heaps[0]).unwrap();
        world.note(Entry::Durable(last as u64 - 1));
        return;
    }
    world.promised();
    commits(&mut world).unwrap();
    world.compare(0).unwrap();
    judge(&world, 3, 1, &|_, _, _| true);
}

/// P6: the checkpoint's home pages partly or torn.
#[test]
fn p06_home_pages_torn() {
    case_with(long(), 1, &commits, &carry, &|_, file, change| is_home(file, change));
}

/// P7: everything home and synced, the superblock not yet written.
#[test]
fn p07_between_home_and_superblock() {
    let pick = |_: &str, file: usize, change: &Change| file == 0 && matches!(change, Change::Sync);
    case_with(long(), 1, &commits, &carry, &pick);
}

/// P8: the superblock torn.
#[test]
fn p08_superblock_torn() {
    case_with(long(), 1, &commits, &carry, &|_, file, change| is_superblock(file, change));
}

fn switches(world: &mut World) -> Result<(), Stop> {
    (0..3).try_for_each(|_| fill_home(world, 3))
}

/// P9: the new log's header torn or not synced.
#[test]
fn p09_new_log_header() {
    case(&switches, &switches, &|_, file, change| {
        file > 0 && matches!(change, Change::Write(0, _))
    });
}

/// P10: the retired log partly overwritten.
#[test]
fn p10_retired_log_overwritten() {
    case(&switches, &switches, &|_, file, change| is_frame(file, change));
}

/// P11: the file grows.
#[test]
fn p11_the_file_grows() {
    case(&commits, &|world| fill_home(world, 14), &|_, file, _| file == 0);
}

/// P12: the log grows.
#[test]
fn p12_the_log_grows() {
    let long = options().log_bytes(1 << 20);
    let act = |world: &mut World| (0..4).try_for_each(|_| fill_home(world, 3));
    case_with(long, 1, &commits, &act, &|_, file, _| file > 0);
}

/// P13: recovery writes the same frames again, and is cut off in it.
#[test]
fn p13_recovery_is_cut_off() {
    let mut world = World::in_memory(5, options(), Mix::SMALL, true).unwrap();
    commits(&mut world).unwrap();
    let Machine::Ram(disk) = &world.machine else { unreachable!() };
    let lowest = world.now().stamp;
    let bounds = Bounds { lowest: Some(lowest), newest: lowest };
    let mut judge = Judge::new(5, options(), 8);
    for _ in 0..20 {
        judge.image(disk.images(), &world.states, bounds, true).unwrap();
    }
    assert!(judge.images_again > 100);
}

/// P15: the heap is being created.
#[test]
fn p15_creation() {
    let world = World::in_memory(6, options(), Mix::SMALL, true).unwrap();
    assert!(judge(&world, 6, 1, &|_, _, _| true) > 15);
}

/// P16: the last close, logs not yet or half removed; the heap is used again after it.
#[test]
fn p16_last_close() {
    let act = |world: &mut World| {
        world.reopen(0)?;
        world.transact(0, false, 3, End::Commit(Power))
    };
    case(&switches, &act, &|_, _, _| true);
}

/// P17: the first commit after a clean open.
#[test]
fn p17_first_commit_after_clean_open() {
    let closed = |world: &mut World| {
        commits(world)?;
        world.reopen(0)
    };
    case(&closed, &commits, &|_, _, _| true);
}

/// P18: an abort, then a crash.
#[test]
fn p18_abort() {
    let act = |world: &mut World| {
        world.mix = Mix { bytes_max: 60 * 1024, total_max: 3 << 20, extent_in: 0 };
        world.transact(0, false, 60, End::Abort)?;
        world.mix = Mix::SMALL;
        commit(world)
    };
    case(&commits, &act, &|_, _, _| true);
}

/// P19: a commit fails with a full disk and is undone or tried again; tests/faults.rs does so at
/// every change. Here: the images of that.
#[test]
fn p19_full_disk() {
    use fileheap_sim::faults::{Fault, Outcome, suffer};
    let full = |after| Fault { after, errno: libc::ENOSPC, persists: true };
    let outcomes: Vec<_> = (4..40).map(|n| suffer(7, &options(), full(n)).unwrap()).collect();
    assert!(outcomes.contains(&Outcome::WentOn));
}

/// P20: commits that do not wait for the disk, and a power cut much later.
#[test]
fn p20_background_commits() {
    let act = |world: &mut World| {
        (0..6).try_for_each(|_| world.transact(0, false, 8, End::Commit(Process)))?;
        fill_home(world, 40)?;
        (0..3).try_for_each(|_| world.transact(0, true, 8, End::Commit(Process)))?;
        checkpoint(world, 0)
    };
    // Nothing is synced for long, so each image is large and slow: a third of them will do.
    let turn = std::cell::Cell::new(0);
    let pick = |_: &str, _: usize, _: &Change| turn.replace(turn.get() + 1) % 3 == 0;
    case(&commits, &act, &pick);
}

/// P21: a backup has no name until it is whole.
#[test]
fn p21_backup_interrupted() {
    let dir = std::env::temp_dir().join(format!("fileheap-p21-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (path, target) = (dir.join("a.heap"), dir.join("b.heap"));
    let mut world = World::in_file(8, path, options(), Mix::SMALL).unwrap();
    commits(&mut world).unwrap();
    let names = || std::fs::read_dir(&dir).unwrap().count();
    let before = names();
    assert!(world.heaps[0].backup(dir.join("none").join("c.heap")).is_err());
    world.heaps[0].backup(&target).unwrap();
    assert_eq!(names(), before + 1);
    assert!(world.heaps[0].backup(&target).is_err(), "it never replaces");
    world.now().compare_heap(&Heap::open(&target, &options()).unwrap()).unwrap();
    drop(world);
    std::fs::remove_dir_all(&dir).unwrap();
}

/// P22: the tail is cut off.
#[test]
fn p22_trim() {
    let grown = |world: &mut World| {
        fill_home(world, 40)?;
        fill_home(world, 0)
    };
    let act = |world: &mut World| {
        trim(world, 0)?;
        trim(world, 0)?;
        fill_home(world, 14)
    };
    case(&grown, &act, &|_, _, _| true);
}

/// P23: an enlisted direct extent is committed in three steps.
#[test]
fn p23_enlisted_direct_extent() {
    fn store(world: &mut World) -> Result<(), Stop> {
        let mut txn = world.heaps[0].clone().begin_write()?;
        let mut draft = world.now().clone();
        world.work(&mut txn, &mut draft, 2)?;
        let (random, mix) = (&mut world.random, world.mix);
        Work { txn: &mut txn, draft: &mut draft, random, mix }.direct_block("direct", 20480)?;
        world.begun(&draft);
        txn.commit()?;
        world.committed(draft, Power);
        Ok(())
    }
    case(&store, &|world| (0..3).try_for_each(|_| store(world)), &|_, _, _| true);
}

/// P29: what was enlisted is in the log only; later stores in place are not overwritten by it.
#[test]
fn p29_enlisted_bytes_that_nobody_brought_home() {
    const BYTES: u64 = 20480;
    let fill = |txn: &WriteTxn, at: u64, byte: u8| {
        // SAFETY: the whole of a direct extent.
        unsafe { txn.resolve(at).write_bytes(byte, BYTES as usize) };
    };
    let mut found = [0; 3];
    for kill_at in 0..60 {
        let disk = RamDisk::new();
        let recorder = Arc::new(Recorder::default());
        let host = RamHost::create(&disk, 512 * 1024).unwrap();
        let heap = Heap::create_on(Box::new(host), &options()).unwrap();
        let txn = heap.begin_write().unwrap();
        let at = txn.alloc_direct(BYTES, true).unwrap().offset;
        fill(&txn, at, 1);
        txn.commit().unwrap();
        disk.observe(Some(recorder.clone()));
        recorder.kill_at(Some(kill_at));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let txn = heap.begin_write().unwrap();
            txn.enlist(at).unwrap();
            fill(&txn, at, 2);
            txn.commit().unwrap();
        }));
        recorder.kill_at(None);
        let open = |images| {
            let host = RamHost::open(&RamDisk::from_images(images)).unwrap();
            Heap::open_on(Box::new(host), &options()).unwrap()
        };
        let all = |heap: &Heap| {
            let read = heap.begin_read().unwrap();
            let bytes = read.bytes(at, BYTES).unwrap();
            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "killed at {kill_at}");
            bytes[0]
        };
        let disk = RamDisk::from_images(disk.images());
        let heap = Heap::open_on(Box::new(RamHost::open(&disk).unwrap()), &options()).unwrap();
        found[all(&heap) as usize] += 1;
        let txn = heap.begin_write().unwrap();
        txn.open_direct(at).unwrap();
        fill(&txn, at, 3);
        txn.commit().unwrap();
        assert_eq!(all(&heap), 3, "killed at {kill_at}");
        heap.checkpoint().unwrap();
        assert_eq!(all(&open(disk.images())), 3, "killed at {kill_at}");
        if ended.is_ok() {
            break;
        }
    }
    assert!(found[1] > 0 && found[2] > 1, "{found:?}");
}

/// P25: opening records another limit, in both superblock copies.
#[test]
fn p25_another_limit() {
    for limit in [12_u64 << 20, 24 << 20] {
        let act = |world: &mut World| {
            world.options = options().limit_bytes(limit);
            world.reopen(0)?;
            assert_eq!(world.heaps[0].limit_bytes(), limit);
            Ok(())
        };
        let pick = |_: &str, file: usize, change: &Change| is_superblock(file, change);
        case(&commits, &act, &pick);
    }
}

/// P34: no file can become longer; commits go on in the two logs there are, turn by turn.
#[test]
fn p34_two_logs_on_a_full_disk() {
    // Tracked: no search for dirty pages, whose cost would bring checkpoints.
    let commit = |world: &mut World| world.transact(0, true, 8, End::Commit(Power));
    let prepare = |world: &mut World| (0..80).try_for_each(|_| commit(world));
    let act = |world: &mut World| {
        let recorder = world.recorder.clone().unwrap();
        recorder.fill_disk(true);
        let before = world.states.len();
        for _ in 0..300 {
            match commit(world) {
                Err(Stop::Error(error)) if error.kind() == ErrorKind::DiskFull => {}
                done => done?,
            }
            world.compare(0)?;
        }
        recorder.fill_disk(false);
        let done = world.states.len() - before;
        assert!(done > 290, "{done} of 300 commits");
        let history = recorder.history();
        let act = history.iter().position(|entry| matches!(entry, Entry::Mark("act"))).unwrap();
        let begun =
            |entry: &&Entry| matches!(entry, Entry::Change(file, Change::Write(0, _)) if *file > 0);
        let begun = history[act..].iter().filter(begun).count();
        assert!(begun > 2, "{begun} logs begun");
        Ok(())
    };
    let begins = |_: &str, file: usize, change: &Change| {
        file > 0 && matches!(change, Change::Write(0 | 4096, _)) || is_superblock(file, change)
    };
    case_with(long(), 100, &prepare, &act, &begins);
}

/// A killed process leaves what it wrote: the next one finds a committed state.
#[test]
fn process_dies_at_every_change_of_everything() {
    let options = options();
    for kill_at in (5..400).step_by(7) {
        let disk = RamDisk::new();
        let recorder = Arc::new(Recorder::default());
        disk.observe(Some(recorder.clone()));
        let host = RamHost::create(&disk, 512 * 1024).unwrap();
        let heap = Heap::create_on(Box::new(host), &options).unwrap();
        let machine = Machine::Ram(disk.clone());
        let recorded = Some(recorder.clone());
        let mut world = World::around(machine, 9, options.clone(), Mix::SMALL, heap, recorded);
        recorder.kill_at(Some(kill_at));
        let run = AssertUnwindSafe(|| fileheap_sim::script::everything(&mut world).is_ok());
        let ended = catch_unwind(run);
        recorder.kill_at(None);
        disk.observe(None);
        if ended.is_ok() {
            return;
        }
        let lowest = world.now().stamp;
        let newest = world.attempted.as_ref().map_or(lowest, |it| it.stamp);
        let mut states = world.states.clone();
        states.extend(world.attempted.clone());
        let bounds = Bounds { lowest: Some(lowest), newest };
        Judge::new(9, options.clone(), 1).image(disk.images(), &states, bounds, true).unwrap();
    }
}
