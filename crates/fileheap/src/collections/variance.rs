//! A collection of what lives long is one of what lives shorter, as with the standard library's.
//! That these compile is the test.

use super::{btree, deque, hash};

macro_rules! shortens {
    ($($name:ident: $($path:ident)::+<$($param:ty),+>;)*) => {$(
        #[test]
        fn $name() {
            type Of<'a> = $($path)::+<$($param),+>;
            fn shorten<'a>(long: &'a Of<'static>) -> &'a Of<'a> {
                long
            }
            assert_eq!(shorten(&Of::new()).len(), 0);
        }
    )*};
}
shortens! {
    ordered_map: btree::BTreeMap<&'a str, &'a str>;
    ordered_set: btree::BTreeSet<&'a str>;
    queue: deque::VecDeque<&'a str>;
    hash_map: hash::HashMap<&'a str, &'a str>;
    hash_set: hash::HashSet<&'a str>;
    vector: allocator_api2::vec::Vec<&'a str>;
}

#[test]
fn iterators() {
    fn shorten<'a>(
        long: btree::map_types::Iter<'a, &'static str, &'static str>,
    ) -> btree::map_types::Iter<'a, &'a str, &'a str> {
        long
    }
    assert_eq!(shorten(btree::BTreeMap::new().iter()).len(), 0);
}

/// So a function may ask for one lifetime where the heap has two.
#[test]
fn what_is_in_a_heap() {
    type Map<'h> = crate::BTreeMap<'h, u64, crate::String<'h>>;
    fn both<'a>(one: &'a Map<'a>, _other: &'a Map<'a>) -> &'a Map<'a> {
        one
    }
    fn ask<'a>(one: &'a Map<'static>, other: &'a Map<'a>) -> &'a Map<'a> {
        both(one, other)
    }
    let _ = ask;
}
