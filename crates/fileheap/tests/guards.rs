//! Guards: nested, leaked, sent, forked, panicked in, and with two heaps at once.

mod common;

use std::time::{Duration, Instant};

use common::*;
use fileheap::{ErrorKind, Heap, Persist, Vec, Wait};

#[derive(Persist, Debug)]
struct Notes<'h> {
    lines: Vec<'h, Vec<'h, u8>>,
    count: u64,
}

fn notes(scratch: &Scratch, name: &str) -> Heap<Notes<'static>> {
    Heap::<Notes>::create(scratch.file(name), |alloc| {
        let mut lines = alloc.vec();
        lines.push(alloc.vec_from(*b"first"));
        Notes { lines, count: 1 }
    })
    .unwrap()
}

fn soon() -> Wait {
    Wait::Until(Instant::now() + Duration::from_millis(30))
}

#[test]
fn a_second_write_guard_on_a_thread_is_refused_whatever_the_heap() {
    let scratch = Scratch::new("nested");
    let (one, two) = (notes(&scratch, "one.heap"), notes(&scratch, "two.heap"));
    let guard = one.write().unwrap();
    assert!(fileheap::is_writing());
    refused(one.write(), ErrorKind::Nested, &["one.heap", "end the other one first"]);
    refused(two.write(), ErrorKind::Nested, &["two.heap", "one.heap"]);
    refused(one.read(), ErrorKind::Nested, &["one.heap"]);
    refused(two.update(|_, _| ()), ErrorKind::Nested, &["two.heap"]);
    assert_eq!(two.read().unwrap().count, 1, "to read another heap is allowed");
    guard.abort().unwrap();
    assert!(!fileheap::is_writing());
    let read = one.read().unwrap();
    refused(one.write(), ErrorKind::Nested, &["one.heap", "reading"]);
    two.update(|root, _| root.count += read.count).unwrap();
    drop(read);
    assert_eq!(two.read().unwrap().count, 2);
}

#[test]
fn threads_take_turns_and_share_what_they_read() {
    let scratch = Scratch::new("threads");
    let heap = notes(&scratch, "a.heap");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let heap = heap.clone();
            scope.spawn(move || {
                for _ in 0..25 {
                    heap.update(|root, alloc| {
                        root.lines.push(alloc.vec_from([7; 100]));
                        root.count += 1;
                    })
                    .unwrap();
                }
            });
        }
    });
    let read = heap.read().unwrap();
    assert_eq!((read.count, read.lines.len()), (101, 101));
    std::thread::scope(|scope| {
        let read = &read;
        let half =
            scope.spawn(move || read.lines[..50].iter().map(|line| line.len()).sum::<usize>());
        let rest: usize = read.lines[50..].iter().map(|line| line.len()).sum();
        assert_eq!(half.join().unwrap() + rest, 5 + 100 * 100);
    });
    drop(read);
    let guard = heap.write().unwrap();
    std::thread::scope(|scope| {
        let (guard, heap) = (&guard, &heap);
        scope.spawn(move || {
            assert_eq!(guard.peek().count, 101);
            refused(heap.write_wait(soon()), ErrorKind::Busy, &["a.heap"]);
            refused(heap.read_wait(Wait::Try), ErrorKind::Busy, &["a.heap"]);
        });
    });
}

#[test]
fn threads_look_through_a_guard_whose_owner_copies() {
    let scratch = Scratch::new("copies");
    let heap = notes(&scratch, "a.heap");
    let rel = heap.try_update(|root, alloc| {
        root.lines.extend((0..500).map(|_| alloc.vec_from([7; 1000])));
        alloc.put_named::<u64>("name", 3)?;
        alloc.make::<u64>(4)
    });
    let (guard, rel) = (heap.write().unwrap(), rel.unwrap());
    std::thread::scope(|scope| {
        let guard = &guard;
        let looks = scope.spawn(move || {
            for _ in 0..500 {
                assert_eq!(guard.named::<u64>("name").unwrap(), Some(&3));
                assert_eq!((rel.get(guard).unwrap(), guard.peek().lines.len()), (&4, 501));
            }
            assert!(panics(|| drop(guard.peek().lines[7].clone())).contains("no write guard"));
            assert!(!fileheap::is_writing());
        });
        // Copies grow the heap meanwhile.
        let mut copies = std::vec::Vec::new();
        while !looks.is_finished() {
            copies.truncate(50);
            copies.push(guard.peek().lines.clone());
        }
    });
    guard.commit().unwrap();
    clean(&heap);
}

#[test]
fn a_leaked_guard_blocks_and_its_changes_never_come() {
    if let Some((_, dir)) = role() {
        let heap = Heap::<Notes>::open(dir.join("a.heap")).unwrap();
        let mut guard = heap.write().unwrap();
        guard.root().count = 99;
        // All that a leaked guard gives can be kept for ever: its transaction never ends.
        let guard = std::boxed::Box::leak(std::boxed::Box::new(guard));
        let mut kept: Vec<'static, u8> = guard.root().lines.pop().unwrap();
        kept.push(b'!');
        refused(heap.write(), ErrorKind::Nested, &["a.heap"]);
        let other = heap.clone();
        let waits = move || refused(other.write_wait(soon()), ErrorKind::Busy, &["a.heap"]);
        std::thread::spawn(waits).join().unwrap();
        refused(heap.close(), ErrorKind::Busy, &["a.heap"]);
        drop(heap);
        assert_eq!(kept, *b"first!");
        signal(&dir, "leaked");
        await_signal(&dir, "seen");
        std::process::exit(0);
    }
    let scratch = Scratch::new("leaked");
    let heap = notes(&scratch, "a.heap");
    let name = "a_leaked_guard_blocks_and_its_changes_never_come";
    let actor = play(name, "leaker", &scratch.0);
    await_signal(&scratch.0, "leaked");
    refused(heap.write_wait(soon()), ErrorKind::Busy, &["a.heap"]);
    assert_eq!(heap.read().unwrap().count, 1);
    signal(&scratch.0, "seen");
    actor.succeeds();
    heap.update(|root, _| assert_eq!((root.count, root.lines.len()), (1, 1))).unwrap();
    clean(&heap);
}

#[test]
fn a_thread_that_ends_with_a_leaked_guard_leaves_its_transaction_open() {
    let scratch = Scratch::new("ended");
    let heap = notes(&scratch, "a.heap");
    let other = heap.clone();
    std::thread::spawn(move || std::mem::forget(other.write().unwrap())).join().unwrap();
    let error = heap.write_wait(soon()).unwrap_err();
    assert!([ErrorKind::Busy, ErrorKind::Nested].contains(&error.kind()), "{error}");
    assert!(!fileheap::is_writing());
}

#[test]
fn a_guard_in_a_thread_local_aborts_when_its_thread_ends() {
    use std::cell::RefCell;
    type Kept = RefCell<Option<fileheap::Write<Notes<'static>>>>;
    thread_local!(static KEPT: Kept = const { RefCell::new(None) });
    let scratch = Scratch::new("thread-local");
    let heap = notes(&scratch, "a.heap");
    let other = heap.clone();
    std::thread::spawn(move || {
        let mut guard = other.write().unwrap();
        guard.root().count = 50;
        KEPT.set(Some(guard));
    })
    .join()
    .unwrap();
    assert_eq!(heap.write().unwrap().root().count, 1);
}

#[test]
fn a_forked_child_cannot_end_its_parents_transaction() {
    let scratch = Scratch::new("fork");
    let heap = notes(&scratch, "a.heap");
    for end in 0..3 {
        let mut guard = heap.write().unwrap();
        guard.root().count += 1;
        let mut guard = Some(guard);
        forked(|| {
            let mut guard = guard.take().unwrap();
            guard.root().count += 1000;
            let (root, alloc) = guard.split();
            root.lines.push(alloc.vec_from([1; 1000]));
            let kind = match end {
                0 => guard.commit().unwrap_err().kind(),
                1 => guard.abort().unwrap_err().kind(),
                _ => {
                    drop(guard);
                    heap.write().unwrap_err().kind()
                }
            };
            kind == ErrorKind::ForkedChild
        });
        let mut guard = guard.take().unwrap();
        let (root, alloc) = guard.split();
        root.lines.push(alloc.vec_from(*b"parent"));
        guard.commit().unwrap();
    }
    let read = heap.read().unwrap();
    assert_eq!((read.count, read.lines.len()), (4, 4));
    forked(|| read.count == 4 && heap.read().is_ok_and(|read| read.count == 4));
    drop(read);
    clean(&heap);
}

#[test]
fn a_panic_aborts_and_the_heap_stays_usable() {
    let scratch = Scratch::new("panic");
    let heap = notes(&scratch, "a.heap");
    let text = panics(|| {
        heap.update(|root, alloc| {
            root.lines.push(alloc.vec_from([1; 5000]));
            root.count = 77;
            panic!("on purpose");
        })
        .unwrap();
    });
    assert_eq!(text, "on purpose");
    assert!(!fileheap::is_writing());
    let text = panics(|| {
        let mut guard = heap.write().unwrap();
        guard.root().lines.clear();
        panic!("again");
    });
    assert_eq!(text, "again");
    let refused: Result<(), std::io::Error> = heap
        .try_update(|root, _| {
            root.count = 78;
            Err(Failed(String::from("no")))
        })
        .map_err(|failed: Failed| std::io::Error::other(failed.0));
    assert_eq!(refused.unwrap_err().to_string(), "no");
    heap.update(|root, _| root.count += 1).unwrap();
    let read = heap.read().unwrap();
    assert_eq!((read.count, read.lines.len()), (2, 1));
    drop(read);
    clean(&heap);
}

struct Failed(String);

impl From<fileheap::Error> for Failed {
    fn from(error: fileheap::Error) -> Self {
        Self(error.to_string())
    }
}

#[test]
fn containers_of_another_heap_are_not_cloned_into_this_one() {
    let scratch = Scratch::new("two");
    let (one, two) = (notes(&scratch, "one.heap"), notes(&scratch, "two.heap"));
    let read = one.read().unwrap();
    assert!(panics(|| drop(read.lines.clone())).contains("no write guard"));
    let mut guard = two.write().unwrap();
    let text = panics(|| {
        let (root, _) = guard.split();
        root.lines.push(read.lines[0].clone());
    });
    assert!(text.contains("another heap") && text.contains("two.heap"), "{text}");
    // The allocator of a container is no way around: neither by clone nor by reference.
    let text = panics(|| drop(read.lines.allocator().clone()));
    assert!(text.contains("another heap"), "{text}");
    let mut smuggled = allocator_api2::vec::Vec::new_in(read.lines.allocator());
    assert!(panics(|| smuggled.push(1)).contains("another heap"));
    // Within the heap, and from the stack, cloning is what it should be.
    let (root, alloc) = guard.split();
    let copy = root.lines[0].clone();
    let again = copy.clone();
    root.lines.push(copy);
    root.lines.push(again);
    root.lines.push(alloc.vec_from(read.lines[0].iter().copied()));
    guard.commit().unwrap();
    drop(smuggled);
    assert_eq!(two.read().unwrap().lines[3], *b"first");
    assert!(panics(|| drop(two.read().unwrap().lines[3].clone())).contains("no write guard"));
    clean(&two);
}

#[test]
fn guards_outlive_the_handle_and_continue() {
    let scratch = Scratch::new("continue");
    let heap = notes(&scratch, "a.heap");
    let path = heap.path().to_path_buf();
    let mut guard = heap.write().unwrap();
    drop(heap);
    for count in 2..5 {
        guard.root().count = count;
        guard.commit_and_continue().unwrap();
    }
    guard.root().count = 1000;
    guard.set_durability(fileheap::Durability::Process);
    drop(guard);
    let heap = Heap::<Notes>::open(&path).unwrap();
    let read = heap.read().unwrap();
    drop(heap);
    assert_eq!(read.count, 4);
}
