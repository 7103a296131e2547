//! No space left: an error at the guard, a whole heap behind it, at whichever allocation it was.

mod common;

use common::*;
use fileheap::{
    Alloc, BTreeMap, BTreeSet, Box, ErrorKind, HashMap, HashSet, Heap, Persist, String, Vec,
    VecDeque,
};

#[derive(Persist, Debug)]
struct Everything<'h> {
    vec: Vec<'h, Vec<'h, u64>>,
    boxed: Option<Box<'h, [u64; 40]>>,
    map: BTreeMap<'h, u64, Vec<'h, u8>>,
    set: BTreeSet<'h, u64>,
    hash: HashMap<'h, u64, String<'h>>,
    hash_set: HashSet<'h, u64>,
    queue: VecDeque<'h, Vec<'h, u8>>,
    text: String<'h>,
    filler: Vec<'h, u8>,
}

fn empty(alloc: Alloc<'_>) -> Everything<'_> {
    Everything {
        vec: alloc.vec(),
        boxed: None,
        map: alloc.btree_map(),
        set: alloc.btree_set(),
        hash: alloc.hash_map(),
        hash_set: alloc.hash_set(),
        queue: alloc.deque(),
        text: alloc.string(""),
        filler: alloc.vec(),
    }
}

/// How much is in each.
fn counts(root: &Everything<'_>) -> [usize; 7] {
    let Everything { vec, map, set, hash, hash_set, queue, text, .. } = root;
    [vec.len(), map.len(), set.len(), hash.len(), hash_set.len(), queue.len(), text.len()]
}

fn small(scratch: &Scratch) -> Heap<Everything<'static>> {
    let options = Heap::<Everything>::options().limit_bytes(4 << 20);
    options.create(scratch.file("a.heap"), empty).unwrap()
}

/// One way to use up space, with a container on the stack that unwinding drops.
type Filling = for<'x> fn(&mut Everything<'x>, Alloc<'x>, u64);

fn vec<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.vec();
    for number in 0..step % 7 * 100 {
        own.push(number);
    }
    root.vec.push(own);
}

fn boxed<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let one = alloc.boxed([step; 40]);
    let mut many = alloc.vec();
    many.push(root.boxed.replace(one));
    std::mem::forget(many);
}

fn map<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.btree_map();
    for number in 0..step % 5 * 9 {
        own.insert(number, alloc.vec_from([1_u8; 30]));
    }
    root.map.insert(step.wrapping_mul(0x9e37_79b9_7f4a_7c15), alloc.vec_from([2; 50]));
    root.map.extend(own.into_iter().map(|(key, value)| (key + step * 50, value)));
}

fn set<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.btree_set();
    own.extend(0..step % 90);
    let copy = own.clone();
    root.set.extend(copy.iter().map(|number| number.wrapping_mul(step << 20)));
    std::mem::forget(own);
}

fn hash<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.hash_map();
    for number in 0..step % 5 * 9 {
        own.insert(number, alloc.string("a text that is not short"));
    }
    root.hash.extend(own.clone().into_iter().map(|(key, text)| (key + step * 50, text)));
    root.hash.entry(step << 40).or_insert_with(|| alloc.string("another"));
}

fn hash_set<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.hash_set();
    own.extend(0..step % 90);
    root.hash_set.extend(own.iter().map(|number| number.wrapping_mul(step << 20)));
    std::mem::forget(own);
}

fn queue<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.deque();
    for number in 0..step % 9 {
        own.push_front(alloc.vec_from([number as u8; 90]));
        own.rotate_left(1);
    }
    let mut copy = own.clone();
    root.queue.append(&mut copy);
    root.queue.make_contiguous();
}

fn text<'x>(root: &mut Everything<'x>, alloc: Alloc<'x>, step: u64) {
    let mut own = alloc.string("begin");
    for _ in 0..step % 30 * 10 {
        own.push_str("more and more");
    }
    root.text.push_str(&own);
    root.text.insert_str(0, "front");
}

fn fillings() -> [(&'static str, Filling); 8] {
    [
        ("vec", vec),
        ("boxed", boxed),
        ("map", map),
        ("set", set),
        ("hash", hash),
        ("hash_set", hash_set),
        ("queue", queue),
        ("text", text),
    ]
}

#[test]
fn every_container_ends_the_transaction_and_leaves_the_heap_whole() {
    let scratch = Scratch::new("space");
    let heap = small(&scratch);
    heap.update(|root, alloc| root.vec.push(alloc.vec_from(0..10))).unwrap();
    for (name, fill) in fillings() {
        let error =
            heap.update(|root, alloc| (1..u64::MAX).for_each(|step| fill(root, alloc, step)));
        refused(error, ErrorKind::LimitReached, &["a.heap", "cannot grow"]);
        assert!(!fileheap::is_writing());
        let read = heap.read().unwrap();
        assert_eq!(counts(&read), [1, 0, 0, 0, 0, 0, 0], "{name}");
        assert!(read.vec[0].iter().copied().eq(0..10) && read.boxed.is_none());
        drop(read);
        clean(&heap);
    }
    heap.update(|root, alloc| root.vec.push(alloc.vec_from(0..10))).unwrap();
}

/// Why a transaction of the test below ended.
enum End {
    Full(fileheap::Error),
    Done,
}

impl From<fileheap::Error> for End {
    fn from(error: fileheap::Error) -> Self {
        End::Full(error)
    }
}

/// Space runs out a little later each time, so that each allocation of the work fails once.
#[test]
fn at_every_nth_allocation() {
    let scratch = Scratch::new("nth");
    let heap = small(&scratch);
    for (name, fill) in fillings() {
        let (mut failed, mut done) = (0, false);
        for spare in 0..400 {
            let end = heap.try_update(|root, alloc| {
                // `make` tells by an error, and dooms nothing: all space is taken, some given back.
                let mut blocks = std::vec::Vec::new();
                while let Ok(block) = alloc.make::<[u8; 480]>([0; 480]) {
                    blocks.push(block);
                }
                while alloc.make::<u64>(0).is_ok() {}
                for block in blocks.into_iter().rev().take(spare) {
                    alloc.take(block)?;
                }
                (1..12).for_each(|step| fill(root, alloc, step));
                Err::<(), End>(End::Done)
            });
            match end {
                Err(End::Full(error)) => {
                    refused::<()>(Err(error), ErrorKind::LimitReached, &["a.heap"]);
                    failed += 1;
                }
                _ => done = true,
            }
            let read = heap.read().unwrap();
            assert_eq!(counts(&read), [0; 7], "{name}");
            if done {
                break;
            }
        }
        assert!(done && failed > 3, "{name}: {failed} failed, then done: {done}");
        clean(&heap);
    }
}

#[test]
fn a_guard_used_by_hand_panics_with_the_reason_and_then_refuses_to_commit() {
    let scratch = Scratch::new("by-hand");
    let heap = small(&scratch);
    let mut guard = heap.write().unwrap();
    let text = panics(|| {
        let (root, _) = guard.split();
        root.filler.resize(64 << 20, 1);
    });
    assert!(text.contains("cannot grow") && text.contains("Write::run"), "{text}");
    guard.root().filler.push(1);
    refused(guard.commit(), ErrorKind::LimitReached, &["a.heap"]);
    let mut guard = heap.write().unwrap();
    let failed = guard.run(|root, _| root.filler.resize(64 << 20, 1));
    refused(failed, ErrorKind::LimitReached, &["a.heap"]);
    refused(guard.commit_and_continue(), ErrorKind::LimitReached, &["cannot be committed"]);
    refused(guard.commit(), ErrorKind::LimitReached, &["cannot be committed"]);
    // Who catches the unwinding is not believed either.
    let caught = heap.update(|root, _| {
        let filled = std::panic::AssertUnwindSafe(|| root.filler.resize(64 << 20, 1));
        assert!(std::panic::catch_unwind(filled).is_err());
    });
    refused(caught, ErrorKind::LimitReached, &["a.heap"]);
    assert_eq!(heap.read().unwrap().filler.len(), 0);
    clean(&heap);
}

/// Allocates in its destructor.
struct Busybody<'a, 'x>(&'a mut Vec<'x, u8>);

impl Drop for Busybody<'_, '_> {
    fn drop(&mut self) {
        let more = self.0.len() + (8 << 20);
        self.0.resize(more, 1);
    }
}

#[test]
fn what_allocates_while_unwinding_gets_other_memory_and_nobody_aborts() {
    let scratch = Scratch::new("unwinding");
    let heap = small(&scratch);
    let failed = heap.update(|root, alloc| {
        let mut own = alloc.vec();
        let busybody = Busybody(&mut own);
        root.filler.resize(64 << 20, 1);
        drop(busybody);
    });
    refused(failed, ErrorKind::LimitReached, &["a.heap"]);
    clean(&heap);
    heap.update(|root, _| root.filler.push(1)).unwrap();
}

/// Grows its heap's root while unwinding, then lets a thread that writes elsewhere look at it.
struct Exhibitor<'a>(fileheap::Write<Everything<'static>>, &'a Heap<Everything<'static>>);

impl Drop for Exhibitor<'_> {
    fn drop(&mut self) {
        let (root, alloc) = self.0.split();
        root.vec.extend((0..1_000_000).map(|_| alloc.vec()));
        let (own, last) = (root.vec[0].clone(), root.vec.len() - 1);
        root.vec[last] = own;
        let (guard, other) = (&self.0, self.1);
        let looks = || {
            // Else it would outlive the memory that the other heap's abort takes.
            let text = panics(|| {
                other.update(|_, _| drop(guard.peek().vec[last].clone())).unwrap();
            });
            assert!(text.contains("another heap"), "{text}");
        };
        std::thread::scope(|scope| scope.spawn(looks).join().unwrap());
    }
}

#[test]
fn other_memory_is_the_heaps_to_other_threads_too() {
    let scratch = Scratch::new("stray");
    let heap = small(&scratch);
    let other = Heap::<Everything>::create(scratch.file("other.heap"), empty).unwrap();
    let text = panics(|| {
        let _exhibitor = Exhibitor(heap.write().unwrap(), &other);
        panic!("on purpose");
    });
    assert_eq!(text, "on purpose");
    clean(&heap);
    heap.update(|root, alloc| root.vec.push(alloc.vec())).unwrap();
}
