//! Named roots: values of any type beside the main one.

mod common;

use common::*;
use fileheap::{BTreeMap, ErrorKind, Heap, Persist, Vec};

#[derive(Persist, Debug)]
struct Index<'h> {
    places: BTreeMap<'h, u64, Vec<'h, u32>>,
}

#[test]
fn put_change_take_list() {
    let scratch = Scratch::new("named");
    let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 5).unwrap();
    heap.try_update(|_, alloc| {
        let mut places = alloc.btree_map();
        places.insert(7, alloc.vec_from([1, 2]));
        alloc.put_named::<Index>("index", Index { places })?;
        alloc.put_named::<u32>("a number", 17)
    })
    .unwrap();
    let mut guard = heap.write().unwrap();
    assert_eq!(guard.names().unwrap(), ["a number", "index"]);
    *guard.named_mut::<u32>("a number").unwrap().unwrap() += 1;
    let index = guard.named_mut::<Index>("index").unwrap().unwrap();
    index.places.get_mut(&7).unwrap().push(3);
    assert!(guard.named::<u32>("nothing").unwrap().is_none());
    assert_eq!(*guard.peek(), 5);
    guard.commit().unwrap();
    drop(heap);

    let heap = Heap::<u64>::open(scratch.file("a.heap")).unwrap();
    let read = heap.read().unwrap();
    assert_eq!(read.names().unwrap(), ["a number", "index"]);
    assert_eq!(read.named::<u32>("a number").unwrap(), Some(&18));
    assert_eq!(read.named::<Index>("index").unwrap().unwrap().places[&7], [1, 2, 3]);
    assert!(read.named::<u32>("nothing").unwrap().is_none());
    let wrong = read.named::<u64>("a number");
    refused(wrong, ErrorKind::WrongType, &["a number", "the type was u32 v1, is u64 v1", "a.heap"]);
    drop(read);
    heap.try_update(|root, alloc| {
        let index = alloc.take_named::<Index>("index")?.expect("put above");
        *root = index.places.len() as u64;
        assert!(alloc.take_named::<Index>("index")?.is_none());
        Ok::<_, fileheap::Error>(())
    })
    .unwrap();
    let read = heap.read().unwrap();
    assert_eq!((*read, read.names().unwrap()), (1, vec!["a number".to_owned()]));
    drop(read);
    clean(&heap);
}

#[test]
fn names_that_cannot_be() {
    let scratch = Scratch::new("names");
    let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 5).unwrap();
    let put = |name: &str| heap.try_update(|_, alloc| alloc.put_named::<u8>(name, 1));
    for name in [":root", ":x", "shape:0"] {
        refused(put(name), ErrorKind::InvalidArgument, &[name, "keeps for itself"]);
        refused(heap.read().unwrap().named::<u64>(name), ErrorKind::InvalidArgument, &[name]);
        let taken = heap.try_update(|_, alloc| alloc.take_named::<u64>(name).map(drop));
        refused(taken, ErrorKind::InvalidArgument, &[name]);
    }
    refused(put(""), ErrorKind::InvalidArgument, &["a.heap"]);
    refused(put(&"n".repeat(256)), ErrorKind::InvalidArgument, &["256"]);
    put("twice").unwrap();
    refused(put("twice"), ErrorKind::AlreadyExists, &["twice"]);
    assert_eq!(heap.read().unwrap().names().unwrap(), ["twice"]);
}

#[test]
fn who_goes_on_after_a_refusal_has_lost_no_memory() {
    let scratch = Scratch::new("refused-put");
    let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 5).unwrap();
    heap.try_update(|_, alloc| alloc.put_named::<Vec<u64>>("name", alloc.vec())).unwrap();
    let before = heap.stat().unwrap().alloc.live_bytes;
    heap.update(|_, alloc| {
        for name in ["name", ":x", "", "\0"] {
            assert!(alloc.put_named::<Vec<u64>>(name, alloc.vec_from(0..1000)).is_err(), "{name}");
        }
    })
    .unwrap();
    assert_eq!(heap.stat().unwrap().alloc.live_bytes, before);
    clean(&heap);
}
