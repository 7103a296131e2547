//! The derive among names that are in its way, and on types of all forms.

// The point of it: the derive must not take these for what it means.
#![allow(dead_code, non_camel_case_types, non_upper_case_globals, non_snake_case)]

mod common;

use common::*;
use fileheap::{Heap, Shape};

/// A module where everything has the name of something else.
mod hostile {
    pub struct Option;
    pub struct Result;
    pub struct Some;
    pub struct Ok;
    pub struct Err;
    pub struct String;
    pub struct Vec;
    pub struct Box;
    pub struct Book;
    pub struct Block;
    pub struct Persist;
    pub struct bool;
    pub struct u32;
    pub struct usize;
    pub struct i128;
    pub struct str;
    pub struct book;
    pub struct block;
    pub struct parts;
    pub struct number;
    pub struct field;
    pub mod std {}
    pub mod core {}
    pub mod fileheap {}
    pub trait Sized {}
    #[allow(unused_macros)]
    macro_rules! format {
        ($($any:tt)*) => {
            compile_error!("not this one")
        };
    }
    #[allow(unused_imports)]
    use format;

    #[derive(::fileheap::Persist)]
    pub struct Struct<'h, T: ::fileheap::Persist, const book: ::core::primitive::usize> {
        pub r#type: ::fileheap::Vec<'h, T>,
        pub block: [T; book],
        pub number: ::core::primitive::u8,
    }

    #[derive(::fileheap::Persist)]
    #[repr(u8)]
    pub enum Enum<'h, T: ::fileheap::Persist> {
        r#match { r#fn: T },
        book(::fileheap::Box<'h, T>) = 7,
        None = { 3 + 8 },
    }

    #[derive(::fileheap::Persist)]
    pub enum Plain {
        block,
        book = 5,
    }

    #[derive(::fileheap::Persist)]
    pub struct r#struct(pub ::core::primitive::u8);

    #[derive(::fileheap::Persist)]
    pub struct Marker;
}

#[test]
fn names_of_others_are_not_in_the_way() {
    let text = Shape::of::<hostile::Struct<u8, 3>>().text;
    assert!(text.starts_with("Struct<u8, 3> v1: 32 bytes") && text.contains("  type @"), "{text}");
    let text = Shape::of::<hostile::Enum<u64>>().text;
    assert!(text.contains("match.fn: u64") && text.contains("  None = 11"), "{text}");
    assert!(Shape::of::<hostile::Plain>().text.contains("  book = 5"));
    assert!(Shape::of::<hostile::r#struct>().text.starts_with("struct v1"));
    assert_eq!(Shape::of::<hostile::Marker>().text, "Marker v1: 0 bytes, aligned to 1\n");
}

/// Types of the forms that there are.
mod forms {
    use fileheap::{Box, Persist, Rel, Vec};

    #[derive(Persist)]
    #[repr(C, packed(2))]
    pub struct Packed<'h> {
        pub small: u8,
        pub large: u64,
        pub owns: Vec<'h, u8>,
    }

    #[derive(Persist, Clone, Copy, Debug, PartialEq)]
    #[repr(C, align(4096))]
    pub struct Page(pub u8);

    #[derive(Persist, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[repr(align(65536))]
    pub struct Wide(pub u64);

    #[derive(Persist)]
    #[repr(transparent)]
    pub struct Through<'h>(pub Vec<'h, Through<'h>>);

    #[derive(Persist)]
    pub struct Nothing<'h>(pub [Vec<'h, u8>; 0], pub (), pub std::marker::PhantomData<u8>);

    #[derive(Persist)]
    #[repr(i64)]
    pub enum Deep<'h> {
        Leaf = -5,
        Both(Box<'h, Deep<'h>>, Box<'h, Deep<'h>>),
        Far { at: Option<Rel<Deep<'h>>> },
    }

    macro_rules! made {
        ($name:ident, $life:lifetime, $($field:ident: $type:ty),*) => {
            #[derive(Persist)]
            pub struct $name<$life> { $(pub $field: $type),* }
        };
    }
    made!(Made, 'm, one: Vec<'m, u64>, two: Option<Box<'m, [u8; 3]>>, three: (u8, char));
}

#[derive(fileheap::Persist)]
struct Forms<'h> {
    packed: forms::Packed<'h>,
    through: forms::Through<'h>,
    nothing: fileheap::Vec<'h, forms::Nothing<'h>>,
    deep: Option<forms::Deep<'h>>,
    made: forms::Made<'h>,
    pages: fileheap::Vec<'h, forms::Page>,
    range: std::ops::Range<std::num::Saturating<u128>>,
}

fn forms_of(alloc: fileheap::Alloc<'_>) -> Forms<'_> {
    use forms::*;
    let both = |one, other| Deep::Both(alloc.boxed(one), alloc.boxed(other));
    let mut nothing = alloc.vec();
    nothing.extend((0..5).map(|_| Nothing([], (), std::marker::PhantomData)));
    Forms {
        packed: Packed { small: 1, large: u64::MAX, owns: alloc.vec_from(*b"packed") },
        through: Through(alloc.vec_from((0..3).map(|_| Through(alloc.vec())))),
        nothing,
        deep: Some(both(Deep::Leaf, both(Deep::Leaf, Deep::Far { at: None }))),
        made: Made { one: alloc.vec(), two: Some(alloc.boxed([7; 3])), three: (1, 'x') },
        pages: alloc.vec_from((0..9).map(Page)),
        range: std::num::Saturating(3)..std::num::Saturating(u128::MAX),
    }
}

fn depth(deep: &forms::Deep<'_>) -> usize {
    match deep {
        forms::Deep::Leaf => 1,
        forms::Deep::Both(one, other) => 1 + depth(one).max(depth(other)),
        forms::Deep::Far { at } => usize::from(at.is_none()),
    }
}

#[test]
fn types_of_all_forms_are_kept() {
    let scratch = Scratch::new("forms");
    let path = scratch.file("a.heap");
    drop(Heap::<Forms>::create(&path, forms_of).unwrap());
    let heap = Heap::<Forms>::open(&path).unwrap();
    let read = heap.read().unwrap();
    let (large, owns) = (read.packed.large, &raw const read.packed.owns);
    // SAFETY: a vector; looked at bit by bit, dropped by nobody.
    let owns = std::mem::ManuallyDrop::new(unsafe { owns.read_unaligned() });
    assert_eq!((read.packed.small, large, &owns[..]), (1, u64::MAX, &b"packed"[..]));
    assert_eq!((read.through.0.len(), read.through.0[1].0.len(), read.nothing.len()), (3, 0, 5));
    assert_eq!((depth(read.deep.as_ref().unwrap()), read.made.three), (3, (1, 'x')));
    assert!(read.pages.iter().zip(0..).all(|(page, at)| page.0 == at));
    assert!(read.pages.iter().all(|page| std::ptr::from_ref(page) as usize % 4096 == 0));
    assert_eq!(read.range.end.0, u128::MAX);
    drop(read);
    let empty = heap.stat().unwrap().alloc.live_bytes;
    for _ in 0..2 {
        heap.update(|root, alloc| *root = forms_of(alloc)).unwrap();
    }
    assert_eq!(heap.stat().unwrap().alloc.live_bytes, empty);
    clean(&heap);
}

#[test]
fn wide_alignments_are_kept_by_everything_that_has_values() {
    use forms::{Page, Wide};
    let scratch = Scratch::new("wide");
    let heap = Heap::<Page>::create(scratch.file("a.heap"), |_| Page(1)).unwrap();
    let is_good = |at: *const Wide| at as usize % align_of::<Wide>() == 0;
    let before = heap.stat().unwrap().alloc.live_bytes;
    heap.try_update(|page, alloc| {
        assert_eq!(std::ptr::from_ref(page) as usize % 4096, 0);
        let all = || (0..40).map(Wide);
        let rel = alloc.make::<Wide>(Wide(5))?;
        alloc.put_named::<Wide>("wide", Wide(6))?;
        assert!(is_good(&*alloc.boxed(Wide(1))));
        let (mut vec, mut queue) = (alloc.vec_from(all()), alloc.deque_from(all()));
        vec.shrink_to_fit();
        queue.shrink_to_fit();
        assert!(vec.iter().chain(&queue).all(|it| is_good(it)));
        let (tree, table) = (alloc.btree_set_from(all()), alloc.hash_set_from(all()));
        assert!(tree.iter().chain(&table).all(|it| is_good(it)) && tree.iter().eq(&vec));
        assert!(all().all(|it| table.contains(&it)));
        assert_eq!((alloc.take(rel)?, alloc.take_named::<Wide>("wide")?), (Wide(5), Some(Wide(6))));
        Ok::<_, fileheap::Error>(())
    })
    .unwrap();
    // The shape of the named root stays.
    assert!(heap.stat().unwrap().alloc.live_bytes < before + 4096);
    clean(&heap);
}
