//! One heap in several threads and processes: who waits, who is refused, who is replaced.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::*;
use fileheap_core::{Durability, ErrorKind, Heap, Options, Wait};

fn soon() -> Wait {
    Wait::Until(Instant::now() + Duration::from_millis(30))
}

#[test]
fn one_file_is_one_heap_whatever_its_path() {
    let scratch = Scratch::new("paths");
    let path = scratch.closed("a.heap");
    let (link, hard) = (scratch.file("link"), scratch.file("hard"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    let first = Heap::open(&path, &Options::new()).unwrap();
    for path in [&path, &link, &hard, &scratch.0.join("./a.heap")] {
        let again = Heap::open(path, &Options::new()).unwrap();
        assert!(again.is_same(&first), "{}", path.display());
    }
    let copy = scratch.file("copy");
    fs::copy(&path, &copy).unwrap();
    assert!(!Heap::open(&copy, &Options::new()).unwrap().is_same(&first));
}

#[test]
fn conflicting_ways_to_open_are_told() {
    let scratch = Scratch::new("conflicts");
    let path = scratch.closed("a.heap");
    let reader = Heap::open(&path, &Options::new().read_only()).unwrap();
    refused(reader.begin_write(), ErrorKind::ReadOnly, &["a.heap", "open it for writing"]);
    let both = Heap::open(&path, &Options::new());
    refused(both, ErrorKind::ReadOnly, &["a.heap", "close that handle first"]);
    drop(reader);
    let writer = Heap::open(&path, &Options::new()).unwrap();
    assert!(Heap::open(&path, &Options::new().read_only()).unwrap().is_writable());
    let clone = writer.clone();
    writer.close().unwrap();
    for heap in [&writer, &clone] {
        refused(heap.begin_read(), ErrorKind::Closed, &["a.heap", "open it again"]);
        refused(heap.begin_write(), ErrorKind::Closed, &["a.heap"]);
        refused(heap.check(), ErrorKind::Closed, &["a.heap"]);
        refused(heap.close(), ErrorKind::Closed, &["a.heap"]);
        refused(heap.sync(), ErrorKind::Closed, &["a.heap"]);
    }
    assert_eq!(root(&Heap::open(&path, &Options::new()).unwrap()), 4711);
}

#[test]
fn limits_are_errors() {
    let scratch = Scratch::new("limits");
    let path = scratch.file("a.heap");
    for bytes in [0, 1000, u64::MAX] {
        let made = Heap::create(&path, &Options::new().limit_bytes(bytes));
        refused(made, ErrorKind::InvalidArgument, &["limit", &bytes.to_string()]);
        assert!(!path.exists());
    }
    let heap = Heap::create(&path, &Options::new().limit_bytes(8 << 20)).unwrap();
    put_root(&heap, 1);
    let txn = heap.begin_write().unwrap();
    let error = loop {
        if let Err(error) = txn.alloc(100_000, 8) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::LimitReached);
    for part in ["a.heap", "8388608", "reopen with a larger limit_bytes"] {
        assert!(error.to_string().contains(part), "{part} is missing in {error}");
    }
    refused(txn.alloc(8, 3), ErrorKind::InvalidArgument, &["a.heap"]);
    refused(txn.free(12345), ErrorKind::BadPointer, &["a.heap"]);
    txn.abort().unwrap();
    clean(&heap);
    assert!(fs::metadata(&path).unwrap().len() <= 8 << 20);
}

#[test]
fn addresses_that_are_taken() {
    let scratch = Scratch::new("addresses");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new().fixed_address()).unwrap();
    assert!(heap.is_at_recorded_base());
    let base = heap.recorded_base();
    let copy = scratch.file("copy.heap");
    heap.backup(&copy).unwrap();
    let exact = Heap::open(&copy, &Options::new().fixed_address());
    refused(exact, ErrorKind::AddressTaken, &["copy.heap", &format!("{base:#x}"), "elsewhere"]);
    let elsewhere = Heap::open(&copy, &Options::new()).unwrap();
    assert!(!elsewhere.is_at_recorded_base());
    assert_eq!((root(&elsewhere), root(&heap)), (4711, 4711));
    put_root(&elsewhere, 5);
    assert_eq!((root(&elsewhere), root(&heap)), (5, 4711));
    drop(heap);
    let exact = Heap::open(&copy, &Options::new().fixed_address());
    refused(exact, ErrorKind::AddressTaken, &["copy.heap", "close the other handle"]);
    drop(elsewhere);
    assert_eq!(Heap::open(&copy, &Options::new().fixed_address()).unwrap().base() as u64, base);
    let made = Heap::create(scratch.file("b.heap"), &Options::new().base(12_345));
    assert!(made.is_err() && !scratch.file("b.heap").exists());
}

#[test]
fn a_thread_never_waits_for_itself_and_others_wait_as_long_as_they_like() {
    let scratch = Scratch::new("gate");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let txn = heap.begin_write().unwrap();
    refused(heap.begin_write(), ErrorKind::Nested, &["a.heap", "end that guard"]);
    refused(heap.begin_read(), ErrorKind::Nested, &["a.heap"]);
    refused(heap.checkpoint(), ErrorKind::Nested, &["a.heap"]);
    refused(heap.close(), ErrorKind::Busy, &["a.heap", "end it first"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            refused(heap.begin_write_wait(Wait::Try), ErrorKind::Busy, &["a.heap"]);
            refused(heap.begin_read_wait(soon()), ErrorKind::Busy, &["a.heap", "thread"]);
        });
    });
    drop(txn);
    let (one, two) = (heap.begin_read().unwrap(), heap.begin_read().unwrap());
    refused(heap.begin_write(), ErrorKind::Nested, &["a.heap", "reading"]);
    drop((one, two));
    std::mem::forget(heap.begin_read().unwrap());
    refused(heap.close(), ErrorKind::Busy, &["a.heap"]);
}

#[test]
fn a_leaked_writer_leaves_its_log_to_the_next_process() {
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        put_root(&heap, 1);
        let mut txn = heap.begin_write().unwrap();
        txn.set_face_root(1, 99);
        std::mem::forget(txn);
        return;
    }
    let scratch = Scratch::new("leaked");
    let path = scratch.closed("a.heap");
    play("a_leaked_writer_leaves_its_log_to_the_next_process", "leaker", &scratch.0).succeeds();
    let heap = Heap::open(path, &Options::new()).unwrap();
    assert_eq!((root(&heap), heap.begin_write().unwrap().face_root(1)), (1, 0));
    clean(&heap);
}

#[test]
fn processes_exclude_writers_only_and_replace_dead_ones() {
    const TEST: &str = "processes_exclude_writers_only_and_replace_dead_ones";
    if let Some((role, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        if role == "writer" {
            let mut txn = heap.begin_write().unwrap();
            txn.set_face_root(1, 99);
            signal(&dir, "writing");
            sleep_on();
        }
        let read = heap.begin_read().unwrap();
        let before = read.bytes(65536, 4096).unwrap().to_vec();
        signal(&dir, &role);
        await_signal(&dir, "look");
        assert_eq!(read.bytes(65536, 4096).unwrap(), before, "a snapshot stays as it is");
        if role == "dying" {
            signal(&dir, "ready to die");
            sleep_on();
        }
        return;
    }
    let scratch = Scratch::new("processes");
    let path = scratch.closed("a.heap");
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let writer = play(TEST, "writer", &scratch.0);
    await_signal(&scratch.0, "writing");
    assert_eq!(root(&heap), 4711, "a writer elsewhere does not keep readers out");
    let id = writer.0.id().to_string();
    refused(heap.begin_write_wait(Wait::Try), ErrorKind::Busy, &["a.heap", &id, "writing"]);
    refused(heap.begin_write_wait(soon()), ErrorKind::Busy, &["a.heap", &id]);
    let waiting = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let txn = heap.begin_write().unwrap();
            assert_eq!(txn.face_root(1), 0, "what the dead one stored died with it");
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(50));
        let killed = Instant::now();
        writer.kill();
        waiter.join().unwrap() - killed
    });
    assert!(waiting < Duration::from_secs(1), "a dead writer was replaced after {waiting:?}");
    let readers = ["living", "dying"].map(|role| play(TEST, role, &scratch.0));
    await_signal(&scratch.0, "living");
    await_signal(&scratch.0, "dying");
    let pinned = heap.stat().unwrap();
    let pins = pinned.attached.iter().filter(|process| process.snapshot.is_some()).count();
    assert!(pins >= 2, "{:?}", pinned.attached);
    for value in 0..30 {
        put_root(&heap, value);
    }
    heap.checkpoint().unwrap();
    let now = heap.stat().unwrap().progress;
    assert!(now.checkpoint <= pinned.progress.published, "carried home under a reader: {now:?}");
    signal(&scratch.0, "look");
    await_signal(&scratch.0, "ready to die");
    let [living, dying] = readers;
    living.succeeds();
    dying.kill();
    heap.checkpoint().unwrap();
    let now = heap.stat().unwrap().progress;
    assert_eq!(now.checkpoint, now.published, "a dead reader's pin counts no more");
    clean(&heap);
}

#[test]
fn a_keeper_holds_space_but_not_commits() {
    const TEST: &str = "a_keeper_holds_space_but_not_commits";
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        let _keeper = heap.keep().unwrap();
        signal(&dir, "kept");
        sleep_on();
    }
    let scratch = Scratch::new("keeper");
    let heap = Heap::open(scratch.closed("a.heap"), &Options::new()).unwrap();
    let keeper = play(TEST, "keeper", &scratch.0);
    await_signal(&scratch.0, "kept");
    put_root(&heap, 1);
    assert!(heap.stat().unwrap().attached.iter().any(|process| process.keep.is_some()));
    keeper.kill();
    assert!(heap.stat().unwrap().attached.iter().all(|process| process.keep.is_none()));
    put_root(&heap, 2);
}

#[test]
fn an_isolated_child_keeps_its_direct_stores() {
    const TEST: &str = "an_isolated_child_keeps_its_direct_stores";
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        let txn = heap.begin_write().unwrap();
        let made = txn.alloc_direct(8192, true).unwrap();
        txn.commit().unwrap();
        let word = heap.resolve(made.offset).cast::<u64>();
        heap.isolate_child().unwrap(); // it is no child: nothing changes
        // SAFETY: within the extent; the processes store one after another.
        unsafe { word.write(1) };
        forked(|| {
            heap.isolate_child().unwrap();
            // SAFETY: as above.
            unsafe {
                let seen = word.read() == 1;
                word.write(2);
                seen && word.read() == 2
            }
        });
        // SAFETY: as above.
        assert_eq!(unsafe { word.read() }, 1);
        assert_eq!((heap.writer(), heap.attached().unwrap().len()), (None, 1));
        let txn = heap.begin_write().unwrap();
        assert_eq!(heap.writer(), Some(std::process::id()));
        drop(txn);
        return;
    }
    let scratch = Scratch::new("isolated");
    scratch.closed("a.heap");
    play(TEST, "parent", &scratch.0).succeeds();
}

#[test]
fn a_forked_child_reads_and_opens_anew_but_does_not_write() {
    if let Some((role, dir)) = role() {
        let path = dir.join("a.heap");
        let level = Durability::Background; // its thread does not exist in the child
        let heap = Heap::open(&path, &Options::new().durability(level)).unwrap();
        if role == "fresh" {
            forked(|| refuses(heap.begin_read(), ErrorKind::ForkedChild));
        }
        put_root(&heap, 7);
        forked(|| root(&heap) == 7 && refuses(heap.begin_write(), ErrorKind::ForkedChild));
        forked(|| refuses(heap.sync(), ErrorKind::ForkedChild));
        let other = heap.clone();
        forked(move || {
            drop(other);
            let mine = Heap::open(&path, &Options::new()).unwrap();
            let seen = root(&mine) == 7 && !mine.is_same(&heap);
            drop(heap);
            put_root(&mine, 8);
            seen && root(&mine) == 8 && mine.close().is_ok()
        });
        return;
    }
    for role in ["fresh", "read"] {
        let scratch = Scratch::new("fork");
        let path = scratch.closed("a.heap");
        let test = "a_forked_child_reads_and_opens_anew_but_does_not_write";
        play(test, role, &scratch.0).succeeds();
        let heap = Heap::open(path, &Options::new()).unwrap();
        assert_eq!(root(&heap), 8);
        clean(&heap);
    }
}

fn refuses<T>(result: fileheap_core::Result<T>, kind: ErrorKind) -> bool {
    result.err().is_some_and(|error| error.kind() == kind && error.to_string().contains("child"))
}

/// Whatever other threads of the parent hold at the fork: it reads a whole state, or hears why not.
#[test]
fn a_child_forked_beside_a_writing_thread_waits_for_nothing() {
    const TEST: &str = "a_child_forked_beside_a_writing_thread_waits_for_nothing";
    if let Some((_, dir)) = role() {
        let heap = Heap::open(dir.join("a.heap"), &Options::new()).unwrap();
        put_pair(&heap, 0);
        let writing = heap.clone();
        std::thread::spawn(move || (1..u64::MAX).for_each(|value| put_pair(&writing, value)));
        for _ in 0..60 {
            forked(|| {
                // SAFETY: it only asks for a signal.
                unsafe { libc::alarm(20) };
                match heap.begin_read() {
                    Err(error) => error.kind() == ErrorKind::ForkedChild,
                    Ok(read) => {
                        drop(read);
                        let (one, other) = pair(&heap);
                        one == other
                    }
                }
            });
        }
        return;
    }
    let scratch = Scratch::new("forkwrites");
    scratch.closed("a.heap");
    play(TEST, "parent", &scratch.0).succeeds();
}

#[test]
fn a_childs_end_does_not_touch_its_parents_locks() {
    const TEST: &str = "a_childs_end_does_not_touch_its_parents_locks";
    if let Some((role, dir)) = role() {
        let path = dir.join("a.heap");
        if role == "other" {
            let heap = Heap::open(&path, &Options::new()).unwrap();
            refused(heap.begin_write_wait(Wait::Try), ErrorKind::Busy, &["a.heap"]);
            return;
        }
        let heap = Heap::open(&path, &Options::new()).unwrap();
        let txn = heap.begin_write().unwrap();
        forked(|| refuses(txn.alloc_direct(8192, true), ErrorKind::ForkedChild));
        forked(|| Heap::open(&path, &Options::new()).is_ok());
        play(TEST, "other", &dir).succeeds();
        txn.commit().unwrap();
        return;
    }
    let scratch = Scratch::new("forklocks");
    scratch.closed("a.heap");
    play(TEST, "parent", &scratch.0).succeeds();
}

#[test]
fn a_file_cut_by_somebody_else_is_told() {
    let scratch = Scratch::new("cut");
    let path = scratch.closed("a.heap");
    for committing in [false, true] {
        let heap = Heap::open(&path, &Options::new()).unwrap();
        let good = fs::read(&path).unwrap();
        put_root(&heap, 1);
        let mut txn = committing.then(|| heap.begin_write().unwrap());
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(good.len() as u64 - 8192).unwrap();
        let numbers = [good.len().to_string(), (good.len() - 8192).to_string()];
        let parts = ["a.heap", numbers[0].as_str(), numbers[1].as_str(), "backup"];
        match txn.take() {
            Some(txn) => drop(refused(txn.commit(), ErrorKind::Truncated, &parts)),
            None => drop(refused(heap.begin_write(), ErrorKind::Truncated, &parts)),
        }
        refused(heap.begin_write(), ErrorKind::Poisoned, &["a.heap", "close"]);
        drop(heap);
        for end in ["-log0", "-log1"] {
            let _ = fs::remove_file(with_end(&path, end));
        }
        fs::write(&path, &good).unwrap();
    }
}
