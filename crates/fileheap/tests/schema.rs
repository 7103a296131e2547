//! Types that change: what is told, and how old becomes new.

mod common;

use common::*;
use fileheap::{ErrorKind, Heap, Persist, Shape, Vec};

mod v1 {
    #[derive(fileheap::Persist)]
    pub struct Shop<'h> {
        pub names: fileheap::Vec<'h, fileheap::Vec<'h, u8>>,
        pub visits: u32,
    }
}

mod v2 {
    #[derive(fileheap::Persist)]
    #[persist(version = 2)]
    pub struct Shop<'h> {
        pub names: fileheap::Vec<'h, fileheap::Vec<'h, u8>>,
        pub visits: u64,
        pub open: bool,
    }
}

/// As it is now.
#[derive(Persist)]
#[persist(version = 3)]
struct Shop<'h> {
    names: Vec<'h, Name<'h>>,
    open: bool,
}

#[derive(Persist, PartialEq, Debug)]
struct Name<'h> {
    text: Vec<'h, u8>,
    visits: u64,
}

fn old(scratch: &Scratch) -> std::path::PathBuf {
    let path = scratch.file("a.heap");
    let heap = Heap::<v1::Shop>::create(&path, |alloc| {
        let mut names = alloc.vec();
        names.push(alloc.vec_from(*b"corner"));
        v1::Shop { names, visits: 7 }
    });
    heap.unwrap().close().unwrap();
    path
}

fn first_step<'x>(old: v1::Shop<'x>, _: fileheap::Alloc<'x>) -> v2::Shop<'x> {
    v2::Shop { names: old.names, visits: old.visits.into(), open: true }
}

fn second_step<'x>(old: v2::Shop<'x>, alloc: fileheap::Alloc<'x>) -> Shop<'x> {
    let visits = old.visits;
    let name = |text| Name { text, visits };
    Shop { names: alloc.vec_from(old.names.into_iter().map(name)), open: old.open }
}

fn both() -> fileheap::Options<Shop<'static>> {
    let options = Heap::<Shop<'static>>::options();
    options.migrate::<v1::Shop, v2::Shop>(first_step).migrate::<v2::Shop, Shop>(second_step)
}

#[test]
fn another_type_is_told_field_by_field() {
    let scratch = Scratch::new("types");
    let path = old(&scratch);
    let error = Heap::<v2::Shop>::open(&path);
    let parts = [
        "a.heap",
        "Shop: `visits` was u32, is u64",
        "Shop: `open: bool` was added",
        "it was Shop v1, is Shop v2",
        "migrate",
    ];
    refused(error, ErrorKind::WrongType, &parts);
    let error = Heap::<Shop>::open(&path);
    refused(error, ErrorKind::WrongType, &["`names` was Vec<Vec<u8>>, is Vec<Name>", "removed"]);
    let error = Heap::<Vec<u8>>::open_or_create(&path, |alloc| alloc.vec());
    refused(error, ErrorKind::WrongType, &["the type was Shop v1, is Vec<u8> v1"]);
    assert_eq!(Heap::<v1::Shop>::open(&path).unwrap().read().unwrap().visits, 7);
}

#[test]
fn a_chain_of_steps_runs_once() {
    let scratch = Scratch::new("chain");
    let path = old(&scratch);
    let heap = both().open(&path).unwrap();
    let read = heap.read().unwrap();
    assert_eq!((read.names[0].text.as_slice(), read.names[0].visits), (&b"corner"[..], 7));
    assert!(read.open);
    drop(read);
    clean(&heap);
    let number = heap.read().unwrap().number();
    drop(heap);
    let heap = both().open(&path).unwrap();
    assert_eq!(heap.read().unwrap().number(), number, "nothing was left to do");
    drop(heap);
    Heap::<Shop>::open(&path).unwrap();
    refused(Heap::<v1::Shop>::open(&path), ErrorKind::WrongType, &["Shop v3"]);
}

#[test]
fn a_handle_of_the_old_type_sees_that_it_is_old() {
    let scratch = Scratch::new("meanwhile");
    let path = old(&scratch);
    let before = Heap::<v1::Shop>::open(&path).unwrap();
    let after = both().open(&path).unwrap();
    refused(before.read(), ErrorKind::WrongType, &["a.heap"]);
    refused(before.write(), ErrorKind::WrongType, &["a.heap"]);
    assert!(!fileheap::is_writing());
    assert_eq!(after.read().unwrap().names.len(), 1);
}

#[test]
fn a_chain_that_does_not_lead_here_changes_nothing() {
    let scratch = Scratch::new("gap");
    let path = old(&scratch);
    let options = Heap::<Shop>::options().migrate::<v2::Shop, Shop>(second_step);
    refused(options.open(&path), ErrorKind::WrongType, &["Shop v1"]);
    let text = panics(|| {
        let options = Heap::<v2::Shop>::options();
        drop(options.migrate::<v1::Shop, v2::Shop>(|_, _| panic!("half-way")).open(&path));
    });
    assert_eq!(text, "half-way");
    assert_eq!(Heap::<v1::Shop>::open(&path).unwrap().read().unwrap().visits, 7);
}

#[test]
fn a_process_killed_in_a_migration_leaves_the_old_root() {
    if let Some((_, dir)) = role() {
        let options = Heap::<Shop<'static>>::options().migrate::<v1::Shop, v2::Shop>(first_step);
        let options = options.migrate::<v2::Shop, Shop>(move |old, alloc| {
            let new = second_step(old, alloc);
            signal(&dir, "half-way");
            if new.open {
                sleep_on();
            }
            new
        });
        let path = std::path::PathBuf::from(std::env::var("FILEHEAP_DIR").unwrap());
        drop(options.open(path.join("a.heap")));
        return;
    }
    let scratch = Scratch::new("killed");
    let path = old(&scratch);
    let actor = play("a_process_killed_in_a_migration_leaves_the_old_root", "x", &scratch.0);
    await_signal(&scratch.0, "half-way");
    actor.kill();
    let heap = Heap::<v1::Shop>::open(&path).unwrap();
    let read = heap.read().unwrap();
    assert_eq!((read.visits, read.names.len()), (7, 1));
    drop(read);
    clean(&heap);
    drop(heap);
    assert_eq!(both().open(&path).unwrap().read().unwrap().names[0].visits, 7);
}

#[derive(Persist)]
struct Pair<T: Persist, const N: usize> {
    one: T,
    many: [T; N],
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
enum Kind {
    Small,
    Large(u32),
    Named { number: u64, is: bool } = 7,
}

#[derive(Persist)]
enum Plain {
    One,
    Seven = 7,
    Eight,
}

#[derive(Persist)]
struct Tree<'h> {
    children: Vec<'h, Self>,
    pair: Pair<(u8, Option<u64>), 3>,
    kind: Kind,
    #[allow(dead_code)]
    plain: Plain,
}

#[test]
fn shapes_are_what_they_say() {
    let text = Shape::of::<Tree>().text;
    for part in [
        "Tree v1:",
        "children @",
        ": Vec<Tree>\n",
        "Pair<(u8, Option<u64>), 3> v1:",
        "many @",
        ": [(u8, Option<u64>); 3]\n",
        "Kind v1: 24 bytes, aligned to 8\n  represented as u8\n  Small\n  Large\n  Large.0: u32\n  \
         Named = 7\n  Named.number: u64\n  Named.is: bool\n",
        "Plain v1: 1 bytes, aligned to 1\n  represented as its numbers\n  One = 0\n  Seven = 7\n  \
         Eight = 8\n",
        "Option<u64> v1: 16 bytes, aligned to 8\n  tagged\n  some @8 of 16\n",
        "pointer",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert_eq!(text.matches("Tree v1").count(), 1, "{text}");
    assert_eq!(Shape::of::<Tree>(), Shape::of::<Tree<'_>>());
    // Arrays and numbers have no block of their own, yet differ.
    let shapes = [Shape::of::<Kind>(), Shape::of::<[Kind; 2]>(), Shape::of::<[Kind; 3]>()];
    assert!(shapes[0] != shapes[1] && shapes[1] != shapes[2]);
    assert_ne!(Shape::of::<u64>().fingerprint, Shape::of::<i64>().fingerprint);
    let _ = [Plain::One, Plain::Seven, Plain::Eight];
    let pair = Pair::<u8, 2> { one: 1, many: [2, 3] };
    assert_eq!((pair.one, pair.many), (1, [2, 3]));
    let kinds = [Kind::Small, Kind::Large(1), Kind::Named { number: 1, is: true }];
    assert_eq!(kinds, kinds.clone());
}
