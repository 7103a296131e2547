//! Programs that make trouble where values die, move or are read: nothing of it reaches the file.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{iter, thread};

use common::*;
use fileheap::{BTreeMap, Box, ErrorKind, HashMap, Heap, Persist, Read, Vec, VecDeque, Write};

mod v1 {
    #[derive(fileheap::Persist)]
    pub struct Row<'h> {
        pub numbers: fileheap::Vec<'h, u64>,
    }
}

#[derive(Persist)]
#[persist(version = 2)]
struct Row<'h> {
    numbers: Vec<'h, u64>,
    sum: u64,
}

fn migrated(path: &std::path::Path) -> fileheap::Result<Heap<Row<'static>>> {
    let options = Heap::<Row<'static>>::options().migrate::<v1::Row, Row>(|old, alloc| {
        let sum = old.numbers.iter().sum();
        Row { numbers: alloc.vec_from(old.numbers), sum }
    });
    options.open(path)
}

#[test]
fn processes_migrate_at_once_under_a_reader_of_the_old_type() {
    const TEST: &str = "processes_migrate_at_once_under_a_reader_of_the_old_type";
    const COUNT: u64 = 10_000;
    if let Some((role, dir)) = role() {
        let path = dir.join("a.heap");
        if role == "migrates" {
            await_signal(&dir, "reading");
            let heap = migrated(&path).unwrap();
            assert_eq!(heap.read().unwrap().sum, (0..COUNT).sum());
            return;
        }
        let heap = Heap::<v1::Row>::open(&path).unwrap();
        let read = heap.read().unwrap();
        signal(&dir, "reading");
        await_signal(&dir, "changed");
        assert!(read.numbers.iter().copied().eq(0..COUNT), "one committed state");
        drop(read);
        refused(heap.read(), ErrorKind::WrongType, &["Row v2"]);
        refused(heap.write(), ErrorKind::WrongType, &["Row v2"]);
        return;
    }
    let scratch = Scratch::new("at-once");
    let path = scratch.file("a.heap");
    let made =
        Heap::<v1::Row>::create(&path, |alloc| v1::Row { numbers: alloc.vec_from(0..COUNT) });
    drop(made.unwrap());
    let reader = play(TEST, "reads", &scratch.0);
    let others: [_; 3] = std::array::from_fn(|_| play(TEST, "migrates", &scratch.0));
    others.into_iter().for_each(Actor::succeeds);
    let heap = migrated(&path).unwrap();
    for number in 0..20 {
        heap.update(|row, alloc| row.numbers = alloc.vec_from(iter::repeat_n(number, 20_000)))
            .unwrap();
    }
    heap.checkpoint().unwrap();
    signal(&scratch.0, "changed");
    reader.succeeds();
    clean(&heap);
}

#[test]
fn a_migration_that_runs_out_of_space_leaves_the_old_root() {
    let scratch = Scratch::new("too-much");
    let path = scratch.file("a.heap");
    let options = Heap::<v1::Row>::options().limit_bytes(4 << 20);
    let made = options.create(&path, |alloc| v1::Row { numbers: alloc.vec_from(0..10) });
    drop(made.unwrap());
    let options = Heap::<Row>::options().migrate::<v1::Row, Row>(|old, alloc| {
        drop(old);
        Row { numbers: alloc.vec_from(0..10_000_000), sum: 0 }
    });
    refused(options.open(&path), ErrorKind::LimitReached, &["a.heap"]);
    let heap = Heap::<v1::Row>::open(&path).unwrap();
    assert!(heap.read().unwrap().numbers.iter().copied().eq(0..10));
    clean(&heap);
}

thread_local! {
    static HEAP: RefCell<Option<Heap<Vec<'static, Touchy>>>> = const { RefCell::new(None) };
    static DROPPED: Cell<usize> = const { Cell::new(0) };
}

/// Its destructor wants the heap, and panics at seven.
#[derive(Persist)]
struct Touchy(u64);

impl Drop for Touchy {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        HEAP.with_borrow(|heap| {
            let Some(heap) = heap else { return };
            assert_eq!(heap.read().err().map(|error| error.kind()), Some(ErrorKind::Nested));
            assert_eq!(heap.write().err().map(|error| error.kind()), Some(ErrorKind::Nested));
            assert!(self.0 != 7 || thread::panicking(), "seven");
        });
    }
}

#[test]
fn destructors_that_want_the_heap_or_panic() {
    let scratch = Scratch::new("touchy");
    let many = || (0..100).map(Touchy);
    let made = Heap::<Vec<Touchy>>::create(scratch.file("a.heap"), |alloc| alloc.vec_from(many()));
    let heap = made.unwrap();
    HEAP.set(Some(heap.clone()));
    assert_eq!(panics(|| heap.update(|all, _| all.clear()).unwrap()), "seven");
    assert_eq!(heap.read().unwrap().len(), 100);
    DROPPED.set(0);
    heap.write().unwrap().root().push(Touchy(1));
    assert_eq!(DROPPED.get(), 0, "an abort drops nothing");
    let whole = heap.update(|all, alloc| {
        let mut tree: BTreeMap<u64, Touchy> = alloc.btree_map();
        let mut table: HashMap<u64, Touchy> = alloc.hash_map();
        let mut queue: VecDeque<Touchy> = alloc.deque();
        tree.extend((0..100).zip(many()));
        table.extend((0..100).zip(many()));
        queue.extend(many());
        let fails = |change: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(change)).is_err();
        assert!(fails(&mut || tree.retain(|key, _| *key > 20)));
        assert!(fails(&mut || table.retain(|key, _| *key > 20)));
        assert!(fails(&mut || queue.retain(|it| it.0 > 20)));
        assert!(fails(&mut || all.retain(|it| it.0 > 20)));
        (tree.len(), table.len()) == (tree.iter().count(), table.iter().count())
            && queue.iter().chain(&**all).all(|it| it.0 < 100)
    });
    assert!(whole.unwrap());
    HEAP.set(None);
    clean(&heap);
}

thread_local! {
    static WRITE: RefCell<Option<Write<Vec<'static, u64>>>> = const { RefCell::new(None) };
    static READ: RefCell<Option<Read<Vec<'static, u64>>>> = const { RefCell::new(None) };
}

#[test]
fn guards_that_end_with_their_thread() {
    let scratch = Scratch::new("thread-ends");
    let heap = Heap::<Vec<u64>>::create(scratch.file("a.heap"), |alloc| alloc.vec()).unwrap();
    let (one, two) = (heap.clone(), heap.clone());
    let writes = thread::spawn(move || {
        let mut guard = one.write().unwrap();
        guard.root().push(1);
        WRITE.set(Some(guard));
    });
    writes.join().unwrap();
    heap.update(|numbers, _| numbers.push(2)).unwrap();
    thread::spawn(move || READ.set(Some(two.read().unwrap()))).join().unwrap();
    heap.update(|numbers, _| numbers.push(3)).unwrap();
    assert_eq!(heap.read().unwrap()[..], [2, 3]);
    clean(&heap);
}

#[test]
fn threads_change_parts_of_the_root() {
    let scratch = Scratch::new("parts");
    let made = Heap::<Vec<u64>>::create(scratch.file("a.heap"), |alloc| alloc.vec_from(0..99_999));
    let heap = made.unwrap();
    let raise = |numbers: &mut [u64]| {
        thread::scope(|scope| {
            for part in numbers.chunks_mut(7777) {
                scope.spawn(|| part.iter_mut().for_each(|number| *number += 1));
            }
        });
    };
    heap.update(|numbers, _| raise(numbers)).unwrap();
    let mut guard = heap.write().unwrap();
    raise(guard.root());
    guard.abort().unwrap();
    assert!(heap.read().unwrap().iter().copied().eq(1..100_000));
}

#[derive(Persist)]
struct Link<'h> {
    next: Option<Box<'h, Link<'h>>>,
}

/// As with std's Box, dropping a chain of a million recurses a million times. The process dies of
/// that; the heap does not.
#[test]
fn a_chain_too_deep_to_drop_harms_the_process_only() {
    const TEST: &str = "a_chain_too_deep_to_drop_harms_the_process_only";
    if let Some((_, dir)) = role() {
        // SAFETY: two integers by pointer; a dead process of a test need leave no image.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        let heap = Heap::<Option<Box<Link>>>::open(dir.join("a.heap")).unwrap();
        heap.update(|first, _| *first = None).unwrap();
        return;
    }
    let scratch = Scratch::new("deep");
    let heap = Heap::<Option<Box<Link>>>::create(scratch.file("a.heap"), |_| None).unwrap();
    let chain = heap.update(|first, alloc| {
        for _ in 0..1_000_000 {
            *first = Some(alloc.boxed(Link { next: first.take() }));
        }
    });
    chain.unwrap();
    let status = play(TEST, "x", &scratch.0).0.wait().unwrap();
    assert!(!status.success());
    clean(&heap);
    let count = |heap: &Heap<Option<Box<'static, Link<'static>>>>| {
        let read = heap.read().unwrap();
        iter::successors(read.as_deref(), |link| link.next.as_deref()).count()
    };
    assert_eq!(count(&heap), 1_000_000);
    // Taken apart in a loop.
    heap.update(|first, _| {
        while let Some(mut link) = first.take() {
            *first = link.next.take();
        }
    })
    .unwrap();
    assert_eq!((count(&heap), heap.stat().unwrap().alloc.live_bytes < 1 << 20), (0, true));
}
