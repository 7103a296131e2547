//! Types of one name: their shapes must not be taken for each other's.

mod common;

use common::*;
use fileheap::{Box, ErrorKind, Heap, Persist, Rel, Shape, Vec};

mod old {
    #[derive(fileheap::Persist)]
    pub struct Item<'h> {
        pub owned: fileheap::Box<'h, u64>,
    }
}

mod new {
    #[derive(fileheap::Persist)]
    pub struct Item {
        pub number: u64,
    }
}

/// A number that is none.
mod fake {
    #[derive(fileheap::Persist)]
    #[persist(name = "u64")]
    pub struct Number<'h>(pub fileheap::Box<'h, u64>);
}

/// A root of three fields whose types differ, and so does nothing else.
macro_rules! root {
    ($name:ident, $one:ty, $two:ty, $three:ty) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[derive(fileheap::Persist)]
            #[repr(C)]
            pub struct Root<'h> {
                pub one: $one,
                pub two: $two,
                pub three: $three,
                pub more: Vec<'h, u8>,
            }
        }
    };
}

type Old<'h> = old::Item<'h>;
type Fake<'h> = fake::Number<'h>;
root!(first, old::Item<'h>, new::Item, new::Item);
root!(second, old::Item<'h>, new::Item, old::Item<'h>);
root!(third, old::Item<'h>, old::Item<'h>, new::Item);
root!(vec_first, Vec<'h, old::Item<'h>>, Vec<'h, new::Item>, Vec<'h, old::Item<'h>>);
root!(vec_second, Vec<'h, old::Item<'h>>, Vec<'h, new::Item>, Vec<'h, new::Item>);
root!(array_first, old::Item<'h>, new::Item, [old::Item<'h>; 1]);
root!(array_second, old::Item<'h>, new::Item, [new::Item; 1]);
root!(fake_first, u64, fake::Number<'h>, u64);
root!(fake_second, fake::Number<'h>, u64, u64);
root!(fake_third, fake::Number<'h>, fake::Number<'h>, u64);
root!(fake_fourth, u64, fake::Number<'h>, fake::Number<'h>);
root!(fake_fifth, fake::Number<'h>, fake::Number<'h>, fake::Number<'h>);

#[test]
fn types_of_one_name_that_changed_places_are_another_shape() {
    let shapes = [
        Shape::of::<first::Root>(),
        Shape::of::<second::Root>(),
        Shape::of::<third::Root>(),
        Shape::of::<vec_first::Root>(),
        Shape::of::<vec_second::Root>(),
        Shape::of::<array_first::Root>(),
        Shape::of::<array_second::Root>(),
        Shape::of::<fake_first::Root>(),
        Shape::of::<fake_second::Root>(),
        Shape::of::<fake_third::Root>(),
        Shape::of::<fake_fourth::Root>(),
        Shape::of::<fake_fifth::Root>(),
    ];
    for (index, shape) in shapes.iter().enumerate() {
        for other in &shapes[..index] {
            assert_ne!(shape.fingerprint, other.fingerprint, "{}\n{}", shape.text, other.text);
        }
    }
    assert!(shapes[0].text.contains("\nItem #2 v1: 8 bytes"), "{}", shapes[0].text);
    assert!(shapes[0].text.contains("\nItem #2 again\n"), "{}", shapes[0].text);
}

#[test]
fn a_number_is_not_taken_for_a_box() {
    let scratch = Scratch::new("one-name");
    let path = scratch.file("a.heap");
    let heap = Heap::<first::Root>::create(&path, |alloc| first::Root {
        one: Old { owned: alloc.boxed(1) },
        two: new::Item { number: 2 },
        three: new::Item { number: 3 },
        more: alloc.vec(),
    });
    drop(heap.unwrap());
    let error = Heap::<second::Root>::open(&path);
    refused(error, ErrorKind::WrongType, &["Root: types of one name changed places"]);
    let heap = Heap::<first::Root>::open(&path).unwrap();
    let read = heap.read().unwrap();
    assert_eq!((*read.one.owned, read.two.number, read.three.number), (1, 2, 3));
    let fake = |alloc: fileheap::Alloc<'_>| drop(fake::Number(alloc.boxed(1)));
    drop(read);
    heap.update(|_, alloc| fake(alloc)).unwrap();
    assert_ne!(Shape::of::<Fake>().fingerprint, Shape::of::<u64>().fingerprint);
}

/// What a derive can say of itself that comes nearest to a `Rel` and a `Box`.
mod alike {
    #[derive(fileheap::Persist)]
    #[repr(C)]
    pub struct Rel<const N: u8> {
        pub offset: u64,
        pub stamp: u64,
    }
}

#[test]
fn no_derived_type_looks_like_one_of_ours() {
    let alike = alike::Rel::<5> { offset: 1, stamp: 2 };
    assert_eq!(alike.offset + alike.stamp, 3);
    assert!(!Shape::of::<alike::Rel<5>>().text.contains("stamped"));
    for text in [Shape::of::<Rel<u8>>().text, Shape::of::<Box<u8>>().text] {
        // A derived block has fields, or variants behind their representation.
        let fact = text.lines().nth(1).unwrap();
        assert!(fact.contains(' ') && !fact.contains('@') && !fact.contains('='), "{fact}");
        assert!(!fact.trim().starts_with("represented"), "{fact}");
    }
}

#[derive(Persist)]
struct Marked<const C: char, const B: bool>;

#[test]
fn parameters_are_written_as_in_the_source() {
    let _ = Marked::<'\n', true>;
    let text = Shape::of::<Marked<'\n', true>>().text;
    assert_eq!(text, "Marked<'\\n', true> v1: 0 bytes, aligned to 1\n");
}
