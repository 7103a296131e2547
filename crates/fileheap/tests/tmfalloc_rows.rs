//! What TMFAlloc's tests name, each as a row of its own; its to-do list is in tmfalloc_to_do.rs.

mod common;

use std::fs;
use std::os::unix::fs::FileExt;

use common::store::{Store, create, empty, open};
use common::*;
use fileheap::{
    BTreeMap, BTreeSet, Box, ErrorKind, HashMap, HashSet, Heap, Persist, String, Vec, VecDeque,
};

#[test]
fn row_initialise() {
    let scratch = Scratch::new("row-initialise");
    let heap = create(&scratch);
    assert!(heap.read().unwrap().numbers.is_empty());
    let again = Heap::<Store>::create(scratch.file("a.heap"), empty);
    refused(again, ErrorKind::AlreadyExists, &["a.heap"]);
    let failed = panics(|| {
        let path = scratch.file("b.heap");
        drop(Heap::<Store>::create(path, |_| panic!("no root")));
    });
    assert_eq!(failed, "no root");
    assert!(!scratch.file("b.heap").exists(), "a heap without root is in nobody's way");
    Heap::<Store>::open_or_create(scratch.file("b.heap"), empty).unwrap();
}

#[test]
fn row_reopen_at_the_stored_address_and_size() {
    let scratch = Scratch::new("row-reopen");
    let path = scratch.file("a.heap");
    let options = Heap::<Store>::options().limit_bytes(64 << 20).base(0x5b00_0000_0000);
    let heap = options.create(&path, empty).unwrap();
    heap.update(|root, _| root.numbers.extend(0..1000)).unwrap();
    let address = heap.read().unwrap().numbers.as_ptr() as usize;
    assert!((0x5b00_0000_0000..0x5b00_0400_0000).contains(&address));
    let bytes = heap.stat().unwrap().file_bytes;
    drop(heap);
    let heap = open(&scratch);
    assert_eq!(heap.read().unwrap().numbers.as_ptr() as usize, address);
    assert_eq!(heap.stat().unwrap().file_bytes, bytes);
}

#[test]
fn row_committed_data_persists() {
    let scratch = Scratch::new("row-persists");
    let heap = create(&scratch);
    heap.update(|root, _| root.numbers.extend(0..100_000)).unwrap();
    drop(heap);
    assert!(open(&scratch).read().unwrap().numbers.iter().copied().eq(0..100_000));
}

#[test]
fn row_explicit_and_implicit_rollback() {
    let scratch = Scratch::new("row-rollback");
    let heap = create(&scratch);
    heap.update(|root, _| root.numbers.push(1)).unwrap();
    for explicit in [true, false] {
        let mut guard = heap.write().unwrap();
        let (root, alloc) = guard.split();
        root.numbers.extend(0..10_000);
        root.map.insert(1, alloc.vec_from([1; 10_000]));
        root.boxed = Some(alloc.boxed([1; 100]));
        if explicit {
            guard.abort().unwrap()
        } else {
            drop(guard)
        }
        let read = heap.read().unwrap();
        assert_eq!(read.numbers, [1]);
        assert!(read.map.is_empty() && read.boxed.is_none());
    }
    clean(&heap);
    drop(heap);
    assert_eq!(open(&scratch).read().unwrap().numbers, [1]);
}

#[test]
fn row_collections_persist() {
    let scratch = Scratch::new("row-collections");
    let heap = create(&scratch);
    heap.update(|root, alloc| {
        for key in 0..5000_u64 {
            let key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            root.map.insert(key, alloc.vec_from(key.to_le_bytes()));
            root.set.insert((key as u8, key as u32));
        }
        root.boxed = Some(alloc.boxed([9; 100]));
    })
    .unwrap();
    drop(heap);
    let heap = open(&scratch);
    let read = heap.read().unwrap();
    assert_eq!((read.map.len(), read.set.len()), (5000, 5000));
    assert!(read.map.keys().zip(read.map.keys().skip(1)).all(|(a, b)| a < b));
    assert!(read.map.iter().all(|(key, value)| value[..] == key.to_le_bytes()));
    assert_eq!(**read.boxed.as_ref().unwrap(), [9; 100]);
    drop(read);
    heap.update(|root, _| {
        (0..5000_u64).for_each(|key| {
            root.map.remove(&key.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("still there");
        });
    })
    .unwrap();
    assert!(heap.read().unwrap().map.is_empty());
    clean(&heap);
}

#[derive(Persist)]
struct Others<'h> {
    hash: HashMap<'h, String<'h>, u64>,
    set: HashSet<'h, (u32, bool)>,
    queue: VecDeque<'h, String<'h>>,
    empty: HashMap<'h, u8, u8>,
}

/// In another process: its code, and so what an empty table points at, lies elsewhere.
#[test]
fn row_hash_maps_and_queues_persist() {
    let test = "row_hash_maps_and_queues_persist";
    let scratch = Scratch::new("row-others");
    let dir = role().map_or(scratch.0.clone(), |(_, dir)| dir);
    let path = dir.join("a.heap");
    if role().is_some() {
        let heap = Heap::<Others>::open(&path).unwrap();
        let read = heap.read().unwrap();
        assert_eq!((read.hash.len(), read.set.len(), read.queue.len()), (1000, 1000, 1000));
        for number in 0..1000_u32 {
            assert_eq!(read.hash.get(number.to_string().as_str()), Some(&number.into()));
            assert!(read.set.contains(&(number, true)));
            assert_eq!(read.queue[number as usize].as_str(), (999 - number).to_string());
        }
        assert!(read.empty.is_empty() && !read.empty.contains_key(&1));
        assert_eq!(read.empty.iter().count(), 0);
        drop(read);
        return heap
            .update(|root, _| {
                root.empty.insert(1, 2);
                (0..1000).for_each(|number: u32| {
                    root.hash.remove(number.to_string().as_str()).expect("still there");
                });
                root.set.clear();
                root.queue.pop_front();
            })
            .unwrap();
    }
    let heap = Heap::<Others>::create(&path, |alloc| Others {
        hash: alloc.hash_map(),
        set: alloc.hash_set(),
        queue: alloc.deque(),
        empty: alloc.hash_map(),
    })
    .unwrap();
    heap.update(|root, alloc| {
        for number in 0..1000_u32 {
            root.hash.insert(alloc.string(&number.to_string()), number.into());
            root.set.insert((number, true));
            root.queue.push_front(alloc.string(&number.to_string()));
        }
    })
    .unwrap();
    play(test, "other", &dir).succeeds();
    let read = heap.read().unwrap();
    assert_eq!((read.hash.len(), read.set.len(), read.queue.len()), (0, 0, 999));
    assert_eq!(read.empty[&1], 2);
    drop(read);
    clean(&heap);
}

#[test]
fn row_memory_of_dropped_values_is_reused_at_the_same_address() {
    let scratch = Scratch::new("row-reused");
    let heap = create(&scratch);
    heap.update(|root, alloc| {
        let first = alloc.boxed([1_u8; 100]);
        let address = std::ptr::from_ref(&*first) as usize;
        drop(first);
        let second = alloc.boxed([2_u8; 100]);
        assert_eq!(std::ptr::from_ref(&*second) as usize, address);
        root.boxed = Some(second);
    })
    .unwrap();
    // Over transactions the file does not grow either.
    let replace = |round: u64| {
        heap.update(|root, alloc| drop(root.map.insert(1, alloc.vec_from([round as u8; 50_000]))))
    };
    (0..10).for_each(|round| replace(round).unwrap());
    let before = heap.stat().unwrap().file_bytes;
    (0..100).for_each(|round| replace(round).unwrap());
    assert_eq!(heap.stat().unwrap().file_bytes, before);
}

#[test]
fn row_expansion_on_its_own_while_mapped() {
    let scratch = Scratch::new("row-expansion");
    let heap = create(&scratch);
    let address = heap
        .update(|root, _| {
            root.numbers.push(17);
            std::ptr::from_ref(root) as usize
        })
        .unwrap();
    let before = heap.stat().unwrap().file_bytes;
    for key in 0..40 {
        heap.update(|root, alloc| {
            drop(root.map.insert(key, alloc.vec_from(std::iter::repeat_n(1, 1 << 20))))
        })
        .unwrap();
    }
    assert!(heap.stat().unwrap().file_bytes >= before + (40 << 20));
    assert_eq!(std::ptr::from_ref(&*heap.read().unwrap()) as usize, address);
    assert_eq!(heap.read().unwrap().numbers, [17]);
}

#[test]
fn row_limit_is_kept_and_a_shrink_below_what_is_used_refused() {
    let scratch = Scratch::new("row-limit");
    let path = scratch.file("a.heap");
    let heap = Heap::<Store>::options().limit_bytes(8 << 20).create(&path, empty).unwrap();
    let fill = |heap: &Heap<Store<'static>>, bytes| {
        heap.update(move |root, _| root.map.clear_and_fill(bytes))
    };
    fill(&heap, 4 << 20).unwrap();
    refused(fill(&heap, 16 << 20), ErrorKind::LimitReached, &["a.heap", "cannot grow"]);
    drop(heap);
    let smaller = Heap::<Store>::options().limit_bytes(1 << 20).open(&path);
    refused(smaller, ErrorKind::InvalidArgument, &["a.heap", "1048576", "the file has"]);
    // Who gives none leaves the limit as it is.
    let heap = open(&scratch);
    refused(fill(&heap, 16 << 20), ErrorKind::LimitReached, &["reopen with a larger limit_bytes"]);
    assert_eq!(heap.read().unwrap().map[&0].len(), 4 << 20);
    drop(heap);
    let none = Heap::<Store>::options().limit_bytes(4096).create(scratch.file("b.heap"), empty);
    refused(none, ErrorKind::InvalidArgument, &["limit"]);
}

#[test]
fn row_expansion_by_reopening_with_a_larger_limit() {
    let scratch = Scratch::new("row-larger-limit");
    let path = scratch.file("a.heap");
    let with = |bytes| Heap::<Store>::options().limit_bytes(bytes);
    let heap = with(8 << 20).create(&path, empty).unwrap();
    let fill = |heap: &Heap<Store<'static>>, bytes| {
        heap.update(move |root, _| root.map.clear_and_fill(bytes))
    };
    fill(&heap, 4 << 20).unwrap();
    let address = heap.read().unwrap().map[&0].as_ptr() as usize;
    refused(fill(&heap, 16 << 20), ErrorKind::LimitReached, &["larger limit_bytes"]);
    refused(with(64 << 20).open(&path), ErrorKind::Busy, &["a.heap", "8388608", "67108864"]);
    drop(heap);
    let heap = with(64 << 20).open(&path).unwrap();
    assert_eq!(heap.read().unwrap().map[&0].as_ptr() as usize, address);
    fill(&heap, 16 << 20).unwrap();
    drop(heap);
    let heap = open(&scratch);
    assert_eq!(heap.read().unwrap().map[&0].len(), 16 << 20);
    fill(&heap, 20 << 20).unwrap();
    refused(fill(&heap, 64 << 20), ErrorKind::LimitReached, &["67108864"]);
    clean(&heap);
}

/// What the rows above fill with.
trait Fill {
    fn clear_and_fill(&mut self, bytes: usize);
}

impl<'x> Fill for BTreeMap<'x, u64, Vec<'x, u8>> {
    fn clear_and_fill(&mut self, bytes: usize) {
        let alloc = self.allocator().clone();
        self.clear();
        let mut value = Vec::new_in(alloc);
        value.resize(bytes, 7);
        self.insert(0, value);
    }
}

#[test]
fn row_use_from_several_threads() {
    let scratch = Scratch::new("row-threads");
    let heap = create(&scratch);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let heap = &heap;
            scope.spawn(move || {
                for step in 0..50 {
                    heap.update(|root, alloc| {
                        root.numbers.push(thread);
                        root.map.insert(thread << 32 | step, alloc.vec_from([thread as u8; 64]));
                    })
                    .unwrap();
                    assert!(heap.read().unwrap().map.contains_key(&(thread << 32 | step)));
                }
            });
        }
    });
    let read = heap.read().unwrap();
    assert_eq!((read.numbers.len(), read.map.len()), (200, 200));
    for thread in 0..4 {
        assert_eq!(read.numbers.iter().filter(|number| **number == thread).count(), 50);
    }
    drop(read);
    clean(&heap);
}

#[test]
fn row_wrong_magic_type_version_address_and_size() {
    let scratch = Scratch::new("row-wrong");
    create(&scratch).close().unwrap();
    let copy = |name: &str| {
        let path = scratch.file(name);
        fs::copy(scratch.file("a.heap"), &path).unwrap();
        path
    };
    let magic = copy("magic.heap");
    let file = fs::OpenOptions::new().write(true).open(&magic).unwrap();
    (0..2).for_each(|page| file.write_all_at(b"NOTAHEAP", page * 4096).unwrap());
    refused(Heap::<Store>::open(&magic), ErrorKind::NotAHeap, &["magic.heap"]);
    fs::write(scratch.file("text.heap"), "a text").unwrap();
    refused(Heap::<Store>::open(scratch.file("text.heap")), ErrorKind::NotAHeap, &["text.heap"]);
    let wrong = Heap::<u64>::open(scratch.file("a.heap"));
    refused(wrong, ErrorKind::WrongType, &["a.heap", "Store v1", "u64"]);
    #[derive(Persist)]
    #[persist(name = "Store", version = 2)]
    struct Later<'h> {
        numbers: Vec<'h, u64>,
        map: BTreeMap<'h, u64, Vec<'h, u8>>,
        set: BTreeSet<'h, (u8, u32)>,
        boxed: Option<Box<'h, [u8; 100]>>,
    }
    let _ = |later: Later<'static>| (later.numbers, later.map, later.set, later.boxed);
    let wrong = Heap::<Later>::open(scratch.file("a.heap"));
    refused(wrong, ErrorKind::WrongType, &["it was Store v1, is Store v2"]);
    let heap = open(&scratch);
    let taken = Heap::<Store>::open(copy("address.heap"));
    refused(taken, ErrorKind::AddressTaken, &["address.heap"]);
    drop(heap);
    let cut = copy("size.heap");
    fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(100_000).unwrap();
    refused(Heap::<Store>::open(&cut), ErrorKind::Truncated, &["size.heap", "100000"]);
    assert!(open(&scratch).read().unwrap().numbers.is_empty());
}

#[test]
fn row_overlapping_mapping_is_detected() {
    let scratch = Scratch::new("row-overlap");
    let at = |name: &str, base: u64| {
        let options = Heap::<Store>::options().limit_bytes(64 << 20).base(base);
        options.create(scratch.file(name), empty)
    };
    let heap = at("a.heap", 0x5c00_0000_0000).unwrap();
    refused(at("b.heap", 0x5c00_0100_0000), ErrorKind::AddressTaken, &["b.heap", "0x5c0001000000"]);
    assert!(!scratch.file("b.heap").exists());
    let beside = at("c.heap", 0x5c00_0400_0000).unwrap();
    beside.update(|root, _| root.numbers.push(1)).unwrap();
    assert!(heap.read().unwrap().numbers.is_empty());
}

#[test]
fn row_several_processes_and_a_writer_killed_in_the_middle() {
    let test = "row_several_processes_and_a_writer_killed_in_the_middle";
    if let Some((part, dir)) = role() {
        let heap = Heap::<Store>::open(dir.join("a.heap")).unwrap();
        if part == "counter" {
            for _ in 0..100 {
                heap.update(|root, _| root.numbers[0] += 1).unwrap();
            }
            return;
        }
        let mut guard = heap.write().unwrap();
        let (root, alloc) = guard.split();
        root.numbers[0] = 1_000_000;
        root.map.insert(1, alloc.vec_from([1; 500_000]));
        signal(&dir, "half");
        sleep_on();
    }
    let scratch = Scratch::new("row-processes");
    let heap = create(&scratch);
    heap.update(|root, _| root.numbers.push(0)).unwrap();
    let victim = play(test, "victim", &scratch.0);
    await_signal(&scratch.0, "half");
    let counters = [play(test, "counter", &scratch.0), play(test, "counter", &scratch.0)];
    victim.kill();
    counters.into_iter().for_each(Actor::succeeds);
    let read = heap.read().unwrap();
    assert_eq!((read.numbers[0], read.map.len()), (200, 0));
    drop(read);
    clean(&heap);
}

#[test]
fn row_page_boundary_writes() {
    let scratch = Scratch::new("row-pages");
    let heap = create(&scratch);
    heap.update(|root, alloc| drop(root.map.insert(0, alloc.vec_from([0; 5 * 4096])))).unwrap();
    let first = heap.read().unwrap().map[&0].as_ptr() as usize;
    let edge = first.next_multiple_of(4096) - first;
    for page in 0..4 {
        let at = edge + page * 4096;
        heap.update(|root, _| root.map.get_mut(&0).unwrap()[at - 3..at + 3].fill(page as u8 + 1))
            .unwrap();
    }
    drop(heap);
    let heap = open(&scratch);
    let read = heap.read().unwrap();
    let bytes = &read.map[&0];
    for (at, byte) in bytes.iter().enumerate() {
        let page = (at + 3).wrapping_sub(edge) / 4096;
        let is_edge = (at + 3).wrapping_sub(edge) % 4096 < 6 && page < 4;
        assert_eq!(*byte, if is_edge { page as u8 + 1 } else { 0 }, "byte {at}");
    }
}

#[test]
fn row_grow_and_shrink_in_place() {
    let scratch = Scratch::new("row-in-place");
    let heap = create(&scratch);
    heap.update(|root, _| {
        root.numbers.reserve_exact(100_000);
        root.numbers.extend(0..1000);
        let address = root.numbers.as_ptr();
        root.numbers.shrink_to_fit();
        assert_eq!(root.numbers.as_ptr(), address, "shrunk in place");
        root.numbers.reserve_exact(50_000);
        assert_eq!(root.numbers.as_ptr(), address, "grown in place, into what it gave up");
    })
    .unwrap();
    assert!(heap.read().unwrap().numbers.iter().copied().eq(0..1000));
    clean(&heap);
}
