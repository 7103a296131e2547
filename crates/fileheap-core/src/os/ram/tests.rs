//! Tests of the simulated machine.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Event, EventKind, RamDisk, RamHost};
use crate::format::PREAMBLE_BYTES;
use crate::os::{Capture, Host, Lock, Mode, Placement, View, Wait};

const BYTES: u64 = PREAMBLE_BYTES + 16 * 4096;
const AT: u64 = PREAMBLE_BYTES + 4096;

fn view(host: &RamHost) -> Box<dyn View> {
    let capture = Capture::Auto;
    let reserve_bytes = 1 << 20;
    let placement = Placement { base: 0, exact: false, reserve_bytes, writable: true, capture };
    let view = host.map(&placement).unwrap();
    view.extend(BYTES).unwrap();
    view
}

fn store(view: &dyn View, offset: u64, value: u8) {
    // SAFETY: the tests store to mapped offsets only.
    unsafe { view.base().add(offset as usize).write(value) };
}

fn load(view: &dyn View, offset: u64) -> u8 {
    // SAFETY: the tests load from mapped offsets only.
    unsafe { view.base().add(offset as usize).read() }
}

fn harvest(view: &dyn View) -> Vec<u64> {
    let mut dirty = Vec::new();
    view.harvest(&mut dirty).unwrap();
    dirty.into_iter().flat_map(|range| (range.start / 4096)..(range.end / 4096)).collect()
}

#[test]
fn views_behave_as_private_and_shared_mappings() {
    let disk = RamDisk::new();
    assert!(RamHost::open(&disk).is_err());
    let host = RamHost::create(&disk, BYTES).unwrap();
    assert!(RamHost::create(&disk, BYTES).is_err());
    let other = RamHost::open(&disk).unwrap();
    let (mine, theirs) = (view(&host), view(&other));
    store(&*mine, AT, 1);
    assert_eq!(harvest(&*mine), [AT / 4096]);
    assert_eq!(harvest(&*mine), []);
    host.data().write_at(AT, &[IoSlice::new(&[5, 6])]).unwrap();
    assert_eq!([load(&*mine, AT), load(&*mine, AT + 1)], [1, 0], "private");
    assert_eq!([load(&*theirs, AT), load(&*theirs, AT + 1)], [5, 6], "clean: shows the file");
    mine.discard(AT..AT + 4096).unwrap();
    assert_eq!(load(&*mine, AT), 5);
    mine.share(AT..AT + 8192).unwrap();
    store(&*mine, AT + 1, 9);
    host.data().write_at(AT, &[IoSlice::new(&[7])]).unwrap();
    assert_eq!([load(&*mine, AT), load(&*mine, AT + 1)], [7, 9], "both stores meet");
    mine.settle(AT..AT + 4096).unwrap();
    assert_eq!([load(&*theirs, AT), load(&*theirs, AT + 1)], [7, 9]);
    store(&*mine, AT + 4096, 3);
    mine.unshare(AT..AT + 8192).unwrap();
    assert_eq!(load(&*theirs, AT + 4096), 3, "unshare settles");
    assert_eq!(harvest(&*mine), []);
    store(&*mine, AT, 1);
    assert_eq!(harvest(&*mine), [AT / 4096]);
    assert!(mine.extend(1 << 20).is_err() && mine.extend(2 << 20).is_err());
    let image = disk.images()[0].clone().unwrap();
    assert_eq!(image[AT as usize..AT as usize + 2], [7, 9]);
    let again = RamHost::open(&RamDisk::from_images([Some(image), None, None])).unwrap();
    assert_eq!(load(&*view(&again), AT + 1), 9);
}

#[test]
fn the_observer_sees_changes_in_order_and_can_fail_them() {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, BYTES).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    disk.observe(Some(Arc::new(move |event: &Event<'_>| {
        let mut notes = notes.lock().unwrap();
        notes.push(format!("{} {:?}", event.file, event.kind));
        match &event.kind {
            EventKind::Write { offset: 8192, .. } => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    })));
    let log = host.log(1, true).unwrap().unwrap();
    log.reserve(0..4096).unwrap();
    log.write_at(0, &[IoSlice::new(&[1]), IoSlice::new(&[2])]).unwrap();
    let failed = host.data().write_at(8192, &[IoSlice::new(&[1])]).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.images()[0].as_ref().unwrap()[8192], 0, "it did not take effect");
    log.sync().unwrap();
    host.data().punch(0..4096).unwrap();
    host.data().zero(0..4096).unwrap();
    log.truncate(10).unwrap();
    host.remove_log(1).unwrap();
    assert!(log.len().is_err());
    let names = [
        "2 Create",
        "0 SyncFolder",
        "2 Reserve(0..4096)",
        "2 Write { offset: 0",
        "0 Write",
        "2 Sync",
        "0 Punch(0..4096)",
        "0 Zero(0..4096)",
        "2 Truncate(10)",
        "2 Remove",
    ];
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), names.len());
    assert!(seen.iter().zip(names).all(|(seen, name)| seen.starts_with(name)), "{seen:?}");
}

#[test]
fn space_is_counted() {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, BYTES).unwrap();
    let file = host.data();
    assert_eq!(file.disk_bytes().unwrap(), BYTES);
    file.punch(0..8192).unwrap();
    assert_eq!(file.disk_bytes().unwrap(), BYTES - 8192);
    file.reserve(0..4096).unwrap();
    assert_eq!(file.disk_bytes().unwrap(), BYTES - 4096);
    file.truncate(BYTES + 4096).unwrap();
    assert_eq!(file.disk_bytes().unwrap(), BYTES - 4096, "a hole at the end");
    assert_eq!(file.len().unwrap(), BYTES + 4096);
}

#[test]
fn locks_die_with_their_process() {
    let disk = RamDisk::new();
    let a = RamHost::create(&disk, BYTES).unwrap();
    let b = RamHost::open(&disk).unwrap();
    assert!(a.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
    assert!(!b.board().lock(Lock::Door, Mode::Shared, Wait::Try).unwrap());
    assert!(a.board().lock(Lock::Door, Mode::Shared, Wait::Try).unwrap());
    assert!(b.board().lock(Lock::Door, Mode::Shared, Wait::Try).unwrap());
    assert!(!a.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
    assert!(a.board().held_elsewhere(Lock::Door).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(b.board().lock(Lock::Door, Mode::Exclusive, Wait::Forever).unwrap());
        });
        std::thread::sleep(Duration::from_millis(2));
        disk.kill(a.process());
    });
    assert!(a.board().lock(Lock::Door, Mode::Shared, Wait::Try).is_err());
    assert!(a.data().write_at(0, &[IoSlice::new(&[1])]).is_err(), "the dead do not write");
    drop(b);
    let c = RamHost::open(&disk).unwrap();
    assert!(c.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
}

#[test]
fn sleepers_wake() {
    let disk = RamDisk::new();
    let a = RamHost::create(&disk, BYTES).unwrap();
    let b = RamHost::open(&disk).unwrap();
    let word: &AtomicU32 = &a.board().bulletin().writer;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while word.load(Ordering::Acquire) == 0 {
                a.board().sleep(word, 0, Duration::from_secs(60));
            }
        });
        b.board().bulletin().writer.store(1, Ordering::Release);
        b.board().wake(&b.board().bulletin().writer);
    });
}
