//! Data into a heap and out again, by serde; and data that does not fit.
#![cfg(feature = "serde")]

mod common;

use common::*;
use fileheap::{
    BTreeMap, BTreeSet, Box, HashMap, HashSet, Heap, Persist, String, Vec, VecDeque, deserialize_in,
};
use serde::{Deserialize, Serialize};

#[derive(Persist, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Colour {
    Red,
    Green,
}
deserialize_in!(plain Colour);

#[derive(Persist, Serialize)]
struct Item<'h> {
    name: String<'h>,
    colour: Option<Colour>,
    at: (i32, f64),
}
deserialize_in!(Item<'h> { name, colour, at });

#[derive(Persist, Serialize)]
struct Everything<'h> {
    items: Vec<'h, Item<'h>>,
    queue: VecDeque<'h, u8>,
    words: BTreeSet<'h, String<'h>>,
    index: BTreeMap<'h, String<'h>, Vec<'h, u64>>,
    one: HashMap<'h, u32, Option<bool>>,
    seen: HashSet<'h, char>,
    boxed: Box<'h, (u8,)>,
}
deserialize_in!(Everything<'h> { items, queue, words, index, one, seen, boxed });

const JSON: &str = r#"{"items":[{"name":"a \"heap\"","colour":"Green","at":[-1,2.5]},
    {"name":"","colour":null,"at":[0,0.5]}],"queue":[3,1,2],"words":["a","b"],
    "index":{"x":[1,18446744073709551615],"y":[]},"one":{"7":null},"seen":["ö"],"boxed":[9]}"#;

#[test]
fn data_goes_in_and_comes_out_the_same() {
    let scratch = Scratch::new("serde-1");
    let heap = Heap::<Option<Everything>>::create(scratch.file("a.heap"), |_| None).unwrap();
    heap.update(|root, alloc| {
        let mut from = serde_json::Deserializer::from_str(JSON);
        *root = Some(alloc.deserialize(&mut from).unwrap());
    })
    .unwrap();
    let read = heap.read().unwrap();
    let out: serde_json::Value = serde_json::to_value(&*read).unwrap();
    assert_eq!(out, serde_json::from_str::<serde_json::Value>(JSON).unwrap());
    let everything = read.as_ref().unwrap();
    assert_eq!(everything.index["x"][1], u64::MAX);
    assert_eq!(everything.items[0].colour, Some(Colour::Green));
    assert_eq!((everything.one.get(&7), everything.seen.contains(&'ö')), (Some(&None), true));
}

#[test]
fn data_that_does_not_fit_is_refused() {
    let scratch = Scratch::new("serde-2");
    let heap = Heap::<Option<Item>>::create(scratch.file("a.heap"), |_| None).unwrap();
    let cases = [
        (r#"{"name":"a","at":[1,2]}"#, "missing field `colour`"),
        (r#"{"name":"a","name":"b","colour":null,"at":[1,2]}"#, "duplicate field `name`"),
        (r#"{"name":7,"colour":null,"at":[1,2]}"#, "expected a string"),
        (r#"{"name":"a","colour":"Blue","at":[1,2]}"#, "unknown variant `Blue`"),
        (r#"{"name":"a","colour":null,"at":[1]}"#, "expected a tuple of 2"),
        (r#"["a",null]"#, "missing field `at`"),
    ];
    for (json, expected) in cases {
        heap.update(|root, alloc| {
            let mut from = serde_json::Deserializer::from_str(json);
            let made = alloc.deserialize::<Item, _>(&mut from);
            let error = made.err().expect("refused").to_string();
            assert!(error.contains(expected), "{error}");
            let more = json.replace("\"at\":[1", "\"more\":{},\"at\":[1");
            let mut from = serde_json::Deserializer::from_str(&more);
            assert!(alloc.deserialize::<Item, _>(&mut from).is_err());
            let json = r#"{"more":[{}],"name":"a","colour":null,"at":[1,2]}"#;
            let mut from = serde_json::Deserializer::from_str(json);
            *root = Some(alloc.deserialize(&mut from).unwrap());
        })
        .unwrap();
    }
    clean(&heap);
}

/// As formats do that have no names.
#[test]
fn fields_may_come_in_their_order() {
    let scratch = Scratch::new("serde-3");
    let heap = Heap::<Option<Item>>::create(scratch.file("a.heap"), |_| None).unwrap();
    heap.update(|root, alloc| {
        let mut from = serde_json::Deserializer::from_str(r#"["a","Red",[1,2]]"#);
        *root = Some(alloc.deserialize(&mut from).unwrap());
    })
    .unwrap();
    let read = heap.read().unwrap();
    let item = read.as_ref().unwrap();
    assert_eq!((item.name.as_str(), item.colour, item.at), ("a", Some(Colour::Red), (1, 2.0)));
}
