//! Position-independent pointers: good at any address, bad when stale, foreign or forged.

mod common;

use common::*;
use fileheap::{ErrorKind, Heap, Persist, Rel, Vec};

#[derive(Persist, Debug, PartialEq)]
struct Node {
    number: u64,
    next: Option<Rel<Node>>,
}

type List = Option<Rel<Node>>;

fn list(scratch: &Scratch) -> Heap<List> {
    let heap = Heap::<List>::create(scratch.file("a.heap"), |_| None).unwrap();
    heap.try_update(|first, alloc| {
        for number in 0..100 {
            *first = Some(alloc.make::<Node>(Node { number, next: *first })?);
        }
        Ok::<_, fileheap::Error>(())
    })
    .unwrap();
    heap
}

fn sum(heap: &Heap<List>) -> u64 {
    let read = heap.read().unwrap();
    let (mut at, mut sum) = (*read, 0);
    while let Some(node) = at {
        let node = node.get(&read).unwrap();
        (at, sum) = (node.next, sum + node.number);
    }
    sum
}

#[test]
fn a_list_is_read_at_another_address() {
    let scratch = Scratch::new("anywhere");
    let heap = list(&scratch);
    heap.backup(scratch.file("b.heap")).unwrap();
    // Both are open at once: the copy cannot have the same address.
    let copy = Heap::<List>::open(scratch.file("b.heap")).unwrap();
    assert_eq!((sum(&heap), sum(&copy)), (4950, 4950));
    let mut guard = copy.write().unwrap();
    let first = guard.root().unwrap();
    first.get_mut(&mut guard).unwrap().number += 50;
    guard.commit().unwrap();
    assert_eq!((sum(&heap), sum(&copy)), (4950, 5000));
    let text = "u64: 8 bytes";
    let put = copy.try_update(|_, alloc| alloc.put_named::<Vec<u8>>(text, alloc.vec_from([1])));
    refused(put, ErrorKind::AddressTaken, &["Vec<u8>", "b.heap", "addresses"]);
}

#[test]
fn stale_foreign_and_forged_pointers_are_told() {
    let scratch = Scratch::new("stale");
    let heap = list(&scratch);
    let other = Heap::<List>::create(scratch.file("other.heap"), |_| None).unwrap();
    let first = heap.read().unwrap().unwrap();
    refused(first.get(&other.read().unwrap()), ErrorKind::BadPointer, &["other.heap", "Node"]);
    let mut guard = heap.write().unwrap();
    let (root, alloc) = guard.split();
    let node = alloc.take(first).unwrap();
    assert_eq!((root.take(), node.number), (Some(first), 99));
    refused(alloc.take(first), ErrorKind::BadPointer, &["a.heap", "taken"]);
    // The same place gets another value; the old pointer does not lead to it.
    let again = alloc.make::<Node>(Node { number: 5, next: node.next }).unwrap();
    assert_ne!(again, first);
    *root = Some(again);
    refused(first.get_mut(&mut guard), ErrorKind::BadPointer, &["a.heap"]);
    let second = node.next.unwrap();
    assert_eq!(second.get(&guard).unwrap().number, 98);
    guard.abort().unwrap();
    refused(again.get(&heap.read().unwrap()), ErrorKind::BadPointer, &["aborted"]);
    assert_eq!(first.get(&heap.read().unwrap()).unwrap().number, 99);
    assert_eq!(sum(&heap), 4950);
}

#[derive(Persist)]
struct Wide<'h> {
    first: Option<Rel<Aligned<'h>>>,
}

/// More aligned than any cell by itself, and with memory of its own.
#[derive(Persist)]
#[repr(align(64))]
struct Aligned<'h> {
    text: Vec<'h, u8>,
}

#[test]
fn targets_own_memory_and_may_be_aligned() {
    let scratch = Scratch::new("owning");
    let heap = Heap::<Wide>::create(scratch.file("a.heap"), |_| Wide { first: None }).unwrap();
    let before = heap.stat().unwrap();
    for round in 0..3_u8 {
        heap.try_update(|root, alloc| {
            let text = alloc.vec_from([round; 1000]);
            root.first = Some(alloc.make::<Aligned>(Aligned { text })?);
            Ok::<_, fileheap::Error>(())
        })
        .unwrap();
        let read = heap.read().unwrap();
        let target = read.first.unwrap().get(&read).unwrap();
        assert_eq!(std::ptr::from_ref(target) as usize % 64, 0);
        assert_eq!(target.text[..], [round; 1000]);
        drop(read);
        heap.try_update(|root, alloc| alloc.take(root.first.take().unwrap()).map(drop)).unwrap();
    }
    let after = heap.stat().unwrap();
    assert_eq!(format!("{:?}", after.names), format!("{:?}", before.names));
    clean(&heap);
}

/// Large enough that its memory is filled in the file itself.
#[derive(Persist)]
struct Large<'h> {
    owned: Vec<'h, u64>,
    rest: [u8; 136 << 20],
}

/// What such an allocation was filled with stays when its transaction aborts; its head must not.
#[test]
fn a_large_value_whose_transaction_aborted_is_gone() {
    let body = || {
        let scratch = Scratch::new("large");
        let heap = Heap::<Vec<u8>>::create(scratch.file("a.heap"), |alloc| alloc.vec()).unwrap();
        let make = |alloc: fileheap::Alloc<'_>| {
            alloc.make::<Large>(Large { owned: alloc.vec_from([1, 2]), rest: [7; 136 << 20] })
        };
        let mut guard = heap.write().unwrap();
        let gone = make(guard.split().1).unwrap();
        assert_eq!(gone.get(&guard).unwrap().rest[1000], 7);
        guard.abort().unwrap();
        // The same memory becomes something else, which nobody fills.
        heap.update(|root, alloc| *root = alloc.vec_with_capacity(300 << 20)).unwrap();
        refused(gone.get(&heap.read().unwrap()), ErrorKind::BadPointer, &["Large"]);
        heap.update(|root, alloc| *root = alloc.vec()).unwrap();
        let live = heap.try_update(|_, alloc| make(alloc)).unwrap();
        assert_eq!(live.get(&heap.read().unwrap()).unwrap().owned[..], [1, 2]);
        let before = heap.stat().unwrap().alloc.live_bytes;
        heap.update(|_, alloc| drop(alloc.take(live).unwrap())).unwrap();
        refused(live.get(&heap.read().unwrap()), ErrorKind::BadPointer, &["Large"]);
        assert!(heap.stat().unwrap().alloc.live_bytes + (136 << 20) <= before);
        clean(&heap);
    };
    // Values pass over the stack on their way.
    std::thread::Builder::new().stack_size(2 << 30).spawn(body).unwrap().join().unwrap();
}

/// Nor does a head that came to lie where such an allocation was, in the same transaction.
#[test]
fn values_in_what_a_large_allocation_left_are_gone_with_their_transaction() {
    const LARGE: usize = 300 << 20;
    type Half = [u8; 500_000];
    let scratch = Scratch::new("left");
    let heap = Heap::<Vec<u8>>::create(scratch.file("a.heap"), |alloc| alloc.vec()).unwrap();
    let mut guard = heap.write().unwrap();
    let alloc = guard.split().1;
    let large = alloc.vec_with_capacity::<u8>(LARGE);
    let first = large.as_ptr() as usize;
    drop(large);
    let made: [Rel<Half>; 150] = std::array::from_fn(|_| alloc.make::<Half>([7; 500_000]).unwrap());
    let address = |rel: &Rel<Half>| rel.get(&guard).unwrap().as_ptr() as usize;
    let inside = made.iter().filter(|rel| (first..first + LARGE).contains(&address(rel)));
    assert!(inside.count() > 50, "the memory was not used again");
    guard.abort().unwrap();
    heap.update(|root, alloc| *root = alloc.vec_with_capacity(400 << 20)).unwrap();
    let read = heap.read().unwrap();
    assert!(made.iter().all(|rel| rel.get(&read).is_err()));
}

/// Values of all sizes, in pages old and new: after an abort none is found, whatever comes to lie
/// where it was.
#[test]
fn pointers_of_an_aborted_transaction_lead_nowhere() {
    let scratch = Scratch::new("aborted");
    let heap = Heap::<Vec<u8>>::create(scratch.file("a.heap"), |alloc| alloc.vec()).unwrap();
    for round in 0..3 {
        let mut guard = heap.write().unwrap();
        let alloc = guard.split().1;
        let one = std::vec::Vec::from_iter((0..3000).map(|_| alloc.make::<u64>(1).unwrap()));
        let two = [(); 500].map(|()| alloc.make::<[u8; 900]>([2; 900]).unwrap());
        let three = [(); 60].map(|()| alloc.make::<[u8; 70_000]>([3; 70_000]).unwrap());
        let four = [(); 5].map(|()| alloc.make::<[u8; 1_000_000]>([4; 1_000_000]).unwrap());
        if round == 1 {
            // Carried into the file half way, as part of nothing.
            std::mem::forget(alloc.vec_from(std::iter::repeat_n(7_u8, 64 << 20)));
        }
        guard.abort().unwrap();
        if round == 2 {
            heap.update(|root, alloc| *root = alloc.vec_with_capacity(100 << 20)).unwrap();
        }
        let read = heap.read().unwrap();
        assert!(one.iter().all(|rel| rel.get(&read).is_err()), "{round}");
        assert!(two.iter().all(|rel| rel.get(&read).is_err()), "{round}");
        assert!(three.iter().all(|rel| rel.get(&read).is_err()), "{round}");
        assert!(four.iter().all(|rel| rel.get(&read).is_err()), "{round}");
        drop(read);
        let mut guard = heap.write().unwrap();
        assert!(two.iter().all(|rel| rel.get_mut(&mut guard).is_err()), "{round}");
    }
    clean(&heap);
}
