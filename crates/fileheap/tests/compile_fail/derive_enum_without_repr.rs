//! An enum that carries data without a fixed layout, and a program that uses it.
//! expect: add `#[repr(u8)]`
//! errors: 1

use fileheap::{BTreeMap, Heap, Persist, String, Vec};

#[derive(Persist)]
struct Shop<'h> {
    all: Vec<'h, Kind<'h>>,
    numbered: BTreeMap<'h, u64, Kind<'h>>,
}

#[derive(Persist)]
enum Kind<'h> {
    None,
    Some(String<'h>),
}

fn main() {
    let heap = Heap::<Shop>::open_or_create("a.heap", |alloc| Shop {
        all: alloc.vec_from([Kind::Some(alloc.string("one"))]),
        numbered: alloc.btree_map(),
    });
    let heap = heap.unwrap();
    heap.update(|shop, alloc| {
        shop.all.push(Kind::None);
        shop.numbered.insert(7, Kind::Some(alloc.string("two")));
    })
    .unwrap();
    assert!(matches!(heap.read().unwrap().all[0], Kind::None));
}
