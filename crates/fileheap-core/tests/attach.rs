//! Who attaches first, next to whom, and what a refusal or a failure on the way leaves behind.

mod common;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use common::brittle::{BrittleHost, Faults};
use common::door::DoorHost;
use common::{put_root, root};
use fileheap_core::format::INITIAL_BYTES;
use fileheap_core::os::ram::{Event, EventKind, Images, RamDisk, RamHost};
use fileheap_core::{Durability, ErrorKind, Heap, Options};

fn options() -> Options {
    Options::new().limit_bytes(16 << 20)
}

fn create(disk: &RamDisk) -> Heap {
    let host = RamHost::create(disk, INITIAL_BYTES).unwrap();
    Heap::create_on(Box::new(host), &options()).unwrap()
}

fn open(disk: &RamDisk) -> Heap {
    Heap::open_on(Box::new(RamHost::open(disk).unwrap()), &options()).unwrap()
}

/// Files whose log holds the values 0 to 4; the bulletin is that of a machine just started.
fn unclean() -> Images {
    let disk = RamDisk::new();
    let heap = create(&disk);
    (0..5).for_each(|value| put_root(&heap, value));
    disk.images()
}

/// P5: readers without write permission neither recover nor keep the first writer from it.
#[test]
fn a_writer_recovers_though_a_blind_reader_was_first() {
    let disk = RamDisk::from_images(unclean());
    let blind = Heap::open_on(DoorHost::blind(&disk), &options().read_only()).unwrap();
    assert_eq!(root(&blind), 4);
    let writer = open(&disk);
    assert_eq!((root(&writer), writer.recovery().transactions), (4, 5));
    put_root(&writer, 5);
    let next = open(&disk);
    assert_eq!((root(&next), next.recovery().transactions), (5, 0), "somebody did that");
    assert_eq!(root(&blind), 5);
    drop((next, writer, blind));
    assert_eq!(root(&open(&RamDisk::from_images(disk.images()))), 5);
}

/// Who waits at the door while recovery fails must not take the place for recovered.
#[test]
fn a_refused_recovery_lets_nobody_in() {
    let mut images = unclean();
    images[1] = None;
    images[2] = None;
    let disk = RamDisk::from_images(images.clone());
    let entered = Arc::new(Mutex::new(false));
    let (waiting, seen) = (disk.clone(), entered.clone());
    let host = DoorHost::watched(&disk, move || {
        let second = Heap::open_on(Box::new(RamHost::open(&waiting).unwrap()), &options());
        *seen.lock().unwrap() |= second.is_ok();
    });
    let refused = Heap::open_on(host, &options()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LogMissing);
    assert!(!*entered.lock().unwrap(), "the other one attached to a heap without its log");
    let host = RamHost::open(&disk).unwrap();
    let again = Heap::open_on(Box::new(host), &options()).map(drop).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::LogMissing);
    assert!(disk.images() == images, "and nothing was written");
}

/// What the disk has, where a sync that fails drops what was to be written, as the kernel may.
#[derive(Default)]
struct Medium {
    files: Images,
    waiting: [Vec<(u64, Vec<u8>)>; 3],
    refuse: bool,
}

impl Medium {
    fn watch(disk: &RamDisk) -> Arc<Mutex<Self>> {
        let medium = Arc::new(Mutex::new(Self::default()));
        let of = medium.clone();
        let before = move |event: &Event<'_>| of.lock().unwrap().before(event);
        disk.observe(Some(Arc::new(before)));
        medium
    }

    fn before(&mut self, event: &Event<'_>) -> std::io::Result<()> {
        let waiting = &mut self.waiting[event.file];
        match &event.kind {
            EventKind::Write { offset, parts } => {
                waiting.push((*offset, parts.concat_bytes()));
            }
            EventKind::Reserve(range) => waiting.push((range.end, Vec::new())),
            EventKind::Create => self.files[event.file] = Some(Vec::new()),
            EventKind::Remove => self.files[event.file] = None,
            EventKind::Sync => {
                let writes = std::mem::take(waiting);
                if self.refuse && event.file > 0 {
                    self.refuse = false;
                    return Err(std::io::Error::from_raw_os_error(libc::EIO));
                }
                let file = self.files[event.file].get_or_insert_default();
                for (offset, bytes) in writes {
                    let end = offset as usize + bytes.len();
                    file.resize(file.len().max(end), 0);
                    file[offset as usize..end].copy_from_slice(&bytes);
                }
            }
            EventKind::Truncate(_) | EventKind::Punch(_) | EventKind::Zero(_) => {
                unreachable!("no test here does that")
            }
            EventKind::Flush(_) | EventKind::SyncFolder => {}
        }
        Ok(())
    }

    fn power_cut(medium: &Mutex<Self>) -> RamDisk {
        RamDisk::from_images(medium.lock().unwrap().files.clone())
    }
}

trait Concat {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl Concat for [std::io::IoSlice<'_>] {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|part| part.iter().copied()).collect()
    }
}

/// Values 0 to 3 are on the disk; 4 is in the page cache, but the disk refused it.
fn refused_by_the_disk() -> (RamDisk, Arc<Mutex<Medium>>) {
    let disk = RamDisk::new();
    let medium = Medium::watch(&disk);
    let host = RamHost::create(&disk, INITIAL_BYTES).unwrap();
    let process = host.process();
    let heap = Heap::create_on(Box::new(host), &options()).unwrap();
    (0..4).for_each(|value| put_root(&heap, value));
    assert_eq!(root(&open(&Medium::power_cut(&medium))), 3);
    medium.lock().unwrap().refuse = true;
    let txn = heap.begin_write().unwrap();
    common::set(&txn, txn.face_root(0), 4);
    assert_eq!(txn.commit().unwrap_err().kind(), ErrorKind::Poisoned);
    disk.kill(process);
    assert_eq!(root(&open(&Medium::power_cut(&medium))), 3, "the disk has no more");
    (disk, medium)
}

/// P13: what the bulletin does not call durable is written again.
#[test]
fn what_a_failed_sync_left_in_the_page_cache_reaches_the_disk() {
    let (disk, medium) = refused_by_the_disk();
    let heap = open(&disk);
    assert_eq!(root(&heap), 4);
    assert_eq!(root(&open(&Medium::power_cut(&medium))), 4, "what was shown stays");
    put_root(&heap, 5);
    assert_eq!(root(&open(&Medium::power_cut(&medium))), 5);
}

/// P14: also where the one who recovered could not write.
#[test]
fn it_does_so_after_a_recovery_for_reading_only() {
    let (disk, medium) = refused_by_the_disk();
    let host = RamHost::open(&disk).unwrap();
    let reader = Heap::open_on(Box::new(host), &options().read_only()).unwrap();
    assert_eq!(root(&reader), 4);
    let writer = open(&disk);
    put_root(&writer, 5);
    assert_eq!(root(&open(&Medium::power_cut(&medium))), 5, "that commit was durable");
}

/// A reader whose mapping could not be brought up to date does not show half of it later.
#[test]
fn a_failed_reload_is_begun_anew() {
    let (disk, faults) = (RamDisk::new(), Arc::new(Faults::default()));
    let writer = create(&disk);
    let txn = writer.begin_write().unwrap();
    let word = txn.alloc_zeroed(4096, 4096).unwrap();
    common::set(&txn, word, 7);
    txn.commit().unwrap();
    let host = BrittleHost::open(&disk, &faults);
    let reader = Heap::open_on(Box::new(host), &options()).unwrap();
    let read = |heap: &Heap| heap.begin_read().unwrap().memory().read::<u64>(word).unwrap();
    assert_eq!(read(&reader), 7);
    put_root(&writer, 1);
    faults.lifts.store(1000, SeqCst);
    assert!(reader.begin_read().is_err());
    faults.lifts.store(0, SeqCst);
    assert_eq!(read(&reader), 7);
    assert_eq!(root(&reader), 1);
}

/// The thread that syncs behind commits calls nothing durable that nobody committed.
#[test]
fn an_abort_that_fails_makes_nothing_durable() {
    let (disk, faults) = (RamDisk::new(), Arc::new(Faults::default()));
    let options = options().durability(Durability::Background);
    let heap = Heap::create_on(Box::new(BrittleHost::create(&disk, &faults)), &options).unwrap();
    for value in 0..50 {
        put_root(&heap, value);
    }
    let txn = heap.begin_write().unwrap();
    common::set(&txn, txn.face_root(0), 99);
    faults.discards.store(u64::MAX, SeqCst);
    faults.slow_discards.store(true, SeqCst);
    assert!(txn.abort().is_err());
    faults.discards.store(0, SeqCst);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let progress = heap.stat().unwrap().progress;
    assert!(progress.durable <= progress.published, "{progress:?}");
}

/// Who goes on after a commit hears that it is done, whatever fails behind it.
#[test]
fn a_commit_is_told_although_going_on_fails() {
    let (disk, faults) = (RamDisk::new(), Arc::new(Faults::default()));
    let options = options().log_bytes(64 << 10).private_bytes(0);
    let heap = Heap::create_on(Box::new(BrittleHost::create(&disk, &faults)), &options).unwrap();
    put_root(&heap, 1);
    let mut txn = heap.begin_write().unwrap();
    let large = txn.alloc(40 * 4096, 4096).unwrap();
    common::fill(&txn, large, 40 * 4096, 1);
    let at = txn.face_root(0);
    common::set(&txn, at, 2);
    faults.discards.store(1, SeqCst);
    let number = txn.number();
    assert_eq!(txn.commit_and_continue().unwrap(), number);
    assert_eq!(faults.discards.load(SeqCst), 0, "nothing failed");
    assert_eq!(root(&open(&disk)), 2);
    assert_eq!(txn.commit_and_continue().unwrap_err().kind(), ErrorKind::Poisoned);
}

/// Who has nothing to commit goes by no log that others have carried home meanwhile.
#[test]
fn a_commit_of_nothing_after_others_carried_the_log_home() {
    let disk = RamDisk::new();
    let first = create(&disk);
    put_root(&first, 1);
    let second = open(&disk);
    put_root(&second, 2);
    second.checkpoint().unwrap();
    first.begin_write().unwrap().commit().unwrap();
    assert_eq!((root(&first), root(&second)), (2, 2));
    put_root(&first, 3);
    assert_eq!((root(&first), root(&second)), (3, 3));
}
