//! Every collection in a heap: read by another process, changed there, and without space.

mod common;

use std::process::Command;

use common::*;
use fileheap::{
    Alloc, BTreeMap, BTreeSet, ErrorKind, HashMap, HashSet, Heap, Persist, String, VecDeque,
};

#[derive(Persist)]
struct All<'h> {
    text: String<'h>,
    queue: VecDeque<'h, String<'h>>,
    ordered: BTreeMap<'h, String<'h>, u64>,
    set: BTreeSet<'h, u64>,
    hashed: HashMap<'h, String<'h>, u64>,
    seen: HashSet<'h, u64>,
    /// Never had an entry when another process finds them.
    empty: (HashMap<'h, u64, u64>, HashSet<'h, u64>, String<'h>, VecDeque<'h, u64>),
}

fn empty(alloc: Alloc<'_>) -> All<'_> {
    All {
        text: alloc.string(""),
        queue: alloc.deque(),
        ordered: alloc.btree_map(),
        set: alloc.btree_set(),
        hashed: alloc.hash_map(),
        seen: alloc.hash_set(),
        empty: (alloc.hash_map(), alloc.hash_set(), alloc.string(""), alloc.deque()),
    }
}

fn fill<'x>(all: &mut All<'x>, alloc: Alloc<'x>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let name = || alloc.string(&format!("number {number}"));
        all.text.push_str(&format!("{number},"));
        all.queue.push_front(name());
        all.ordered.insert(name(), number);
        all.set.insert(number);
        all.hashed.insert(name(), number);
        all.seen.insert(number);
    }
}

fn verify(all: &All<'_>, count: u64) {
    let numbers = || 0..count;
    assert!(all.text.split_terminator(',').map(|n| n.parse::<u64>().unwrap()).eq(numbers()));
    assert!(all.queue.iter().rev().zip(numbers()).all(|(n, m)| *n == format!("number {m}")));
    assert!(all.set.iter().copied().eq(numbers()));
    for number in numbers() {
        let name = format!("number {number}");
        assert_eq!(all.ordered.get(name.as_str()), Some(&number));
        assert_eq!(all.hashed.get(name.as_str()), Some(&number));
        assert!(all.seen.contains(&number));
    }
    let lengths = [all.queue.len(), all.ordered.len(), all.hashed.len(), all.seen.len()];
    assert_eq!(lengths, [count as usize; 4]);
}

const FILE: &str = "FILEHEAP_TEST_COLLECTIONS";

/// What the other process does; a test of its own, so that this program can be started for it.
#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let heap = Heap::<All>::open(path).unwrap();
    let read = heap.read().unwrap();
    verify(&read, 1000);
    let (map, set, text, queue) = &read.empty;
    assert_eq!((map.get(&1), map.iter().count(), set.contains(&1)), (None, 0, false));
    assert_eq!((set.iter().count(), text.len(), queue.iter().count()), (0, 0, 0));
    drop(read);
    heap.update(|all, alloc| {
        fill(all, alloc, 1000..2000);
        all.empty.0.insert(1, 2);
        all.empty.1.insert(1);
        all.empty.2.push('x');
        all.empty.3.push_back(1);
    })
    .unwrap();
}

#[test]
fn another_process_finds_and_changes_what_one_has_stored() {
    let scratch = Scratch::new("collections-1");
    let path = scratch.file("a.heap");
    let heap = Heap::<All>::create(&path, empty).unwrap();
    heap.update(|all, alloc| fill(all, alloc, 0..1000)).unwrap();
    let this = std::env::current_exe().unwrap();
    let other = Command::new(this).args(["--exact", "the_other_process"]).env(FILE, &path).output();
    let other = other.unwrap();
    assert!(other.status.success(), "{}", std::string::String::from_utf8_lossy(&other.stdout));
    let read = heap.read().unwrap();
    verify(&read, 2000);
    let (map, set, text, queue) = &read.empty;
    assert_eq!((map.get(&1), set.contains(&1), queue.front()), (Some(&2), true, Some(&1)));
    assert_eq!(*text, "x");
}

#[test]
fn every_collection_gives_its_memory_back() {
    let scratch = Scratch::new("collections-2");
    let heap = Heap::<All>::create(scratch.file("a.heap"), empty).unwrap();
    let before = heap.stat().unwrap().alloc.live_bytes;
    heap.update(|all, alloc| fill(all, alloc, 0..5000)).unwrap();
    assert!(heap.stat().unwrap().alloc.live_bytes > before + 500_000);
    heap.update(|all, alloc| *all = empty(alloc)).unwrap();
    assert_eq!(heap.stat().unwrap().alloc.live_bytes, before);
}

#[test]
fn without_space_the_transaction_is_an_error_and_the_heap_is_as_before() {
    type Filling = for<'x> fn(&mut All<'x>, Alloc<'x>, u64);
    let fillings: [Filling; 6] = [
        |all, _, n| all.text.push_str(&"text ".repeat(n as usize)),
        |all, alloc, n| all.queue.push_back(alloc.string(&"queue ".repeat(n as usize % 50))),
        |all, alloc, n| {
            assert!(all.ordered.insert(alloc.string(&format!("{n:0200}")), n).is_none())
        },
        |all, _, n| all.set.extend(n * 50..(n + 1) * 50),
        |all, alloc, n| assert!(all.hashed.insert(alloc.string(&format!("{n:0100}")), n).is_none()),
        |all, _, n| all.seen.extend(n * 50..(n + 1) * 50),
    ];
    let scratch = Scratch::new("collections-3");
    for (index, filling) in fillings.into_iter().enumerate() {
        let options = Heap::<All>::options().limit_bytes(4 << 20);
        let heap = options.create(scratch.file(&format!("{index}.heap")), empty).unwrap();
        heap.update(|all, alloc| fill(all, alloc, 0..100)).unwrap();
        let full = heap.update(|all, alloc| {
            // On the stack, dropped by the unwinding.
            let mut own = empty(alloc);
            fill(&mut own, alloc, 0..30);
            for step in 0.. {
                filling(all, alloc, step);
            }
        });
        assert_eq!(full.unwrap_err().kind(), ErrorKind::LimitReached, "{index}");
        verify(&heap.read().unwrap(), 100);
        clean(&heap);
        heap.update(|all, alloc| fill(all, alloc, 100..110)).unwrap();
        verify(&heap.read().unwrap(), 110);
    }
}
