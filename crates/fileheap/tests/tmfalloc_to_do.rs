//! What TMFAlloc's to-do list names, each as a row of its own.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::store::{Store, create, empty};
use common::*;
use fileheap::{Box, Durability, ErrorKind, Heap, Wait};

#[test]
fn row_to_do_races_between_threads() {
    let scratch = Scratch::new("row-races");
    let path = scratch.file("a.heap");
    let options = || Heap::<Store>::options().durability(Durability::Process);
    let heap = options().create(&path, empty).unwrap();
    heap.update(|root, _| root.numbers.extend([0, 0])).unwrap();
    let until = Instant::now() + Duration::from_millis(300);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            // Each thread has a handle of its own.
            let heap = options().open(&path).unwrap();
            scope.spawn(move || {
                while Instant::now() < until {
                    if thread % 2 == 0 {
                        heap.update(|root, _| root.numbers.iter_mut().for_each(|it| *it += 1))
                            .unwrap();
                    }
                    let read = heap.read().unwrap();
                    assert_eq!(read.numbers[0], read.numbers[1]);
                }
            });
        }
    });
    assert!(heap.read().unwrap().numbers[0] > 0);
}

#[test]
fn row_to_do_many_processes_read_while_one_writes() {
    let test = "row_to_do_many_processes_read_while_one_writes";
    if let Some((_, dir)) = role() {
        let heap = Heap::<Store>::open(dir.join("a.heap")).unwrap();
        // The other process has its guard open all the time, and nobody waits.
        for _ in 0..100 {
            let read = heap.read_wait(Wait::Try).unwrap();
            assert_eq!(read.numbers, [1, 2, 3]);
        }
        refused(heap.write_wait(Wait::Try), ErrorKind::Busy, &["a.heap"]);
        return;
    }
    let scratch = Scratch::new("row-readers");
    let heap = create(&scratch);
    heap.update(|root, _| root.numbers.extend([1, 2, 3])).unwrap();
    let mut guard = heap.write().unwrap();
    guard.root().numbers.clear();
    let readers: [Actor; 3] = std::array::from_fn(|_| play(test, "reader", &scratch.0));
    readers.into_iter().for_each(Actor::succeeds);
    guard.commit().unwrap();
}

#[test]
fn row_to_do_less_than_64_bytes_quantum() {
    let scratch = Scratch::new("row-quantum");
    let heap = create(&scratch);
    heap.update(|_, alloc| {
        let boxes: std::vec::Vec<Box<'_, u64>> = (0..1000).map(|n| alloc.boxed(n)).collect();
        let addresses = boxes.iter().map(|it| std::ptr::from_ref(&**it) as usize);
        let (low, high) = (addresses.clone().min().unwrap(), addresses.max().unwrap());
        assert!(high - low < 1000 * 32, "{} bytes for each of 8", (high - low) / 1000);
    })
    .unwrap();
}

/// Bytes that this process handed to `write` and the like, and calls of it, by the kernel's count.
fn writes() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/io").unwrap();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    (figure("wchar:"), figure("syscw:"))
}

#[test]
fn row_to_do_no_sync_for_each_page_and_no_signal_handler() {
    let test = "row_to_do_no_sync_for_each_page_and_no_signal_handler";
    if role().is_none() {
        // Alone in a process, so that the figures are its own.
        let scratch = Scratch::new("row-syncs");
        create(&scratch);
        return play(test, "alone", &scratch.0).succeeds();
    }
    let at_first = handlers();
    let heap = Heap::<Store>::open(role().unwrap().1.join("a.heap")).unwrap();
    heap.update(|root, _| root.numbers.resize(512 * 1000, 0)).unwrap();
    let before = writes();
    heap.update(|root, _| root.numbers.iter_mut().step_by(512).for_each(|it| *it = 1)).unwrap();
    let after = writes();
    let (bytes, calls) = (after.0 - before.0, after.1 - before.1);
    assert!(bytes < 1000 * 4096, "a word in each of 1000 pages is less than the pages: {bytes}");
    assert!(calls < 20, "{calls} calls for 1000 pages");
    assert_eq!(handlers(), at_first, "the handlers of Rust's runtime, if any, are still there");
}

/// What handles the signals that a store to memory can raise.
fn handlers() -> [usize; 2] {
    [libc::SIGSEGV, libc::SIGBUS].map(|signal| {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: asks only; `action` is ours and outlives the call.
        let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
        assert_eq!(asked, 0);
        // SAFETY: the kernel has filled it.
        unsafe { action.assume_init() }.sa_sigaction
    })
}
