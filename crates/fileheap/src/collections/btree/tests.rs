//! The B-tree against the standard library's, its invariants, and every way an allocator can fail.

use std::collections::{BTreeMap as Plain, BTreeSet as PlainSet};
use std::ops::Bound;

use allocator_api2::alloc::Allocator;

use super::node::{CAPACITY, Node};
use super::{BTreeMap, BTreeSet};
use crate::collections::testing::{Budget, Census, Counted, Rng, at_every_allocation, effort};

/// Checks the invariants of the module's text and returns the number of entries.
fn check<K: Ord, V, A: Allocator>(map: &BTreeMap<K, V, A>) {
    unsafe fn below<K, V>(node: Node<K, V>, height: usize) -> usize {
        // SAFETY: a node of a live tree.
        unsafe {
            let len = node.len();
            assert!(len <= CAPACITY);
            let mut sum = len;
            for index in 0..(len + 1) * usize::from(height > 0) {
                assert!(len > 0, "an internal node has an entry");
                let child = node.child(index);
                assert!(child.parent().is_some_and(|it| it.0 == node && it.1 == index));
                assert!(child.len() > 0, "a node below the root has an entry");
                sum += below(child, height - 1);
            }
            sum
        }
    }
    // SAFETY: the map is borrowed.
    let sum = map.root.map_or(0, |root| unsafe {
        assert!(root.parent().is_none());
        below(root, map.height)
    });
    assert_eq!(sum, map.len());
    assert!(map.keys().zip(map.keys().skip(1)).all(|(a, b)| a < b));
}

fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug, A: Allocator>(
    map: &BTreeMap<K, V, A>,
    plain: &Plain<K, V>,
) {
    check(map);
    assert!(map.iter().eq(plain.iter()));
    assert!(map.iter().rev().eq(plain.iter().rev()));
    assert_eq!(map.first_key_value(), plain.first_key_value());
    assert_eq!(map.last_key_value(), plain.last_key_value());
}

/// A range that is not refused.
fn range(rng: &mut Rng, keys: usize) -> (Bound<u32>, Bound<u32>) {
    let (a, b) = (rng.below(keys) as u32, rng.below(keys) as u32);
    let bound = |kind, key| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(key),
        _ => Bound::Excluded(key),
    };
    (bound(rng.below(3), a.min(b)), bound(rng.below(2), a.max(b)))
}

fn steps(rng: &mut Rng, keys: usize, count: usize, census: &Census) {
    let mut map = BTreeMap::new_in(Budget::endless());
    let mut plain = Plain::new();
    let mut removal = 4;
    for step in 0..count {
        let key = rng.below(keys) as u32;
        if step % 500 == 0 {
            removal = 2 + rng.below(5);
        }
        match rng.below(10 + removal) {
            0..6 => {
                let value = census.value(key);
                assert_eq!(map.insert(key, value.clone()), plain.insert(key, value));
            }
            6 => {
                *map.entry(key).or_insert_with(|| census.value(1)) = census.value(7);
                *plain.entry(key).or_insert_with(|| census.value(1)) = census.value(7);
            }
            7 => {
                let bounds = range(rng, keys);
                assert!(map.range(bounds).eq(plain.range(bounds)), "{bounds:?}");
                assert!(map.range(bounds).rev().eq(plain.range(bounds).rev()), "{bounds:?}");
                map.range_mut(bounds).for_each(|(_, value)| *value = census.value(3));
                plain.range_mut(bounds).for_each(|(_, value)| *value = census.value(3));
            }
            8 => assert_eq!(map.get_key_value(&key), plain.get_key_value(&key)),
            9 => match rng.below(60) {
                0 => {
                    let part = rng.below(4) as u32;
                    map.retain(|key, _| key % 4 >= part);
                    plain.retain(|key, _| key % 4 >= part);
                }
                1 => {
                    let (mut above, mut plain_above) = (map.split_off(&key), plain.split_off(&key));
                    same(&above, &plain_above);
                    same(&map, &plain);
                    above.extend([(key / 2, census.value(5))]);
                    plain_above.extend([(key / 2, census.value(5))]);
                    map.append(&mut above);
                    plain.append(&mut plain_above);
                    assert!(above.is_empty());
                }
                2 => map = map.clone(),
                3 => {
                    let entries: Vec<_> = plain.clone().into_iter().rev().collect();
                    map = BTreeMap::from_iter_in(entries, map.allocator().clone());
                }
                4 => {
                    let mut owned =
                        std::mem::replace(&mut map, BTreeMap::new_in(Budget::endless()));
                    assert_eq!(owned.pop_first(), plain.pop_first());
                    let mut all = owned.into_iter();
                    let back = all.next_back();
                    assert_eq!(back, plain.pop_last());
                    map.extend(all);
                }
                _ => assert_eq!(map.pop_last(), plain.pop_last()),
            },
            10 => assert_eq!(map.pop_first(), plain.pop_first()),
            _ => assert_eq!(map.remove_entry(&key), plain.remove_entry(&key)),
        }
        if step % 16 == 0 || count < 200 {
            same(&map, &plain);
        }
    }
    same(&map, &plain);
}

#[test]
fn does_what_the_standard_library_does() {
    let mut rng = Rng::new("btree");
    for keys in [3, 20, 100, effort(1000, 60), 10_000] {
        let census = Census::default();
        steps(&mut rng, keys, effort(6000, 120), &census);
        for _ in 0..effort(20, 1) {
            steps(&mut rng, keys, effort(100, 50), &census);
        }
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn ascending_and_descending_entries_leave_full_nodes_behind() {
    let count = effort(10_000, 150) as u32;
    for order in [false, true] {
        let budget = Budget::endless();
        let mut map = BTreeMap::new_in(budget.clone());
        for key in 0..count {
            map.insert(if order { key } else { count - key }, key);
            if key % 97 == 0 {
                check(&map);
            }
        }
        assert!(
            budget.blocks() <= count as usize / (CAPACITY - 1) + 20,
            "{} nodes",
            budget.blocks()
        );
        while let Some((key, _)) = map.pop_first() {
            if key % 97 == 0 {
                check(&map);
            }
        }
        assert_eq!(budget.blocks(), 1, "an emptied map keeps its root");
    }
}

fn filled(budget: &Budget, census: &Census, count: u32) -> BTreeMap<Counted, Counted, Budget> {
    let entries = (0..count).map(|key| (census.value(key * 2), census.value(key)));
    BTreeMap::from_iter_in(entries, budget.clone())
}

#[test]
fn an_insertion_without_memory_changes_nothing() {
    let (most, added) = (effort(1330, 40) as u32, effort(150, 12) as u32);
    for count in [0, CAPACITY as u32, effort(120, 20) as u32, most] {
        // Before, behind and between what is there.
        for stride in [1, 2, 37].into_iter().step_by(effort(1, 2)) {
            let key = |more: u32| ((more * stride) % (2 * count + 1000)) | 1;
            at_every_allocation(
                |budget, census| filled(budget, census, count),
                |map, census| {
                    for more in 0..added {
                        map.insert(census.value(key(more)), census.value(more));
                    }
                },
                |map, is_done| {
                    check(map);
                    let got: PlainSet<u32> = map.keys().map(|key| key.number).collect();
                    let mut expected: PlainSet<u32> = (0..count).map(|key| key * 2).collect();
                    let mut more = 0;
                    while got != expected && more < added {
                        expected.insert(key(more));
                        more += 1;
                    }
                    assert_eq!(got, expected);
                    assert!(is_done || more < added);
                },
            );
        }
    }
}

#[test]
fn copies_and_splits_without_memory_leave_whole_maps() {
    let count = effort(300, 40) as u32;
    at_every_allocation(
        |budget, census| filled(budget, census, count),
        |map, _| drop(map.clone()),
        |map, _| same_keys(map, count),
    );
    at_every_allocation(
        |budget, census| filled(budget, census, count),
        |map, census| drop(map.split_off(&census.value(77))),
        |map, _| check(map),
    );
    at_every_allocation(
        |budget, census| (filled(budget, census, count / 3), filled(budget, census, count)),
        |(map, other), _| map.append(other),
        |(map, other), is_done| {
            check(map);
            check(other);
            assert!(!is_done || (map.len() == count as usize && other.is_empty()));
            let all: PlainSet<u32> = map.keys().chain(other.keys()).map(|key| key.number).collect();
            assert!(
                all.len() >= count as usize - 1,
                "one entry may be lost on the way, {} are left",
                all.len()
            );
        },
    );
    at_every_allocation(
        |budget, _| budget.clone(),
        |budget, census| drop(filled(budget, census, count)),
        |_, _| {},
    );
}

fn same_keys(map: &BTreeMap<Counted, Counted, Budget>, count: u32) {
    check(map);
    assert!(map.keys().map(|key| key.number).eq((0..count).map(|key| key * 2)));
}

#[test]
fn values_without_size_or_with_much_alignment_have_their_places() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    #[repr(align(128))]
    struct Wide(u32);
    let mut map = BTreeMap::new_in(Budget::endless());
    for number in 0..500 {
        map.insert(Wide(number * 7 % 500), Wide(number));
    }
    for (index, (key, value)) in map.iter().enumerate() {
        assert_eq!((key.0 as usize, value.0 as usize * 7 % 500), (index, index));
        assert_eq!(std::ptr::from_ref(key) as usize % 128, 0);
        assert_eq!(std::ptr::from_ref(value) as usize % 128, 0);
    }
    let mut unit = BTreeMap::new_in(Budget::endless());
    assert_eq!((unit.insert((), ()), unit.insert((), ())), (None, Some(())));
    assert_eq!((unit.len(), unit.get(&())), (1, Some(&())));
    assert_eq!(unit.pop_last(), Some(((), ())));
    let no_values: BTreeMap<u32, ()> = (0..500).map(|key| (key, ())).collect();
    assert_eq!(no_values.range(100..=200).count(), 101);
}

#[test]
fn a_drop_that_panics_does_not_keep_the_others_from_dropping() {
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0.number == 33 {
                std::panic::resume_unwind(Box::new("bomb"));
            }
        }
    }
    let (census, budget) = (Census::default(), Budget::endless());
    for taken in [0, 5] {
        let entries = (0..100).map(|key| (key, Bomb(census.value(key))));
        let map = BTreeMap::from_iter_in(entries, budget.clone());
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut all = map.into_iter();
            for _ in 0..taken {
                all.next();
                all.next_back();
            }
        }));
        assert!(dropped.is_err());
        assert_eq!((census.alive(), budget.blocks()), (0, 0));
    }
}

#[test]
fn an_order_that_panics_or_lies_breaks_no_memory() {
    #[derive(Clone)]
    struct Liar(Counted, std::rc::Rc<std::cell::RefCell<Rng>>);
    impl PartialEq for Liar {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }
    impl Eq for Liar {}
    impl PartialOrd for Liar {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Liar {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            match self.1.borrow_mut().below(40) {
                0 => std::panic::resume_unwind(Box::new("no order")),
                1..4 => other.0.cmp(&self.0),
                _ => self.0.cmp(&other.0),
            }
        }
    }
    let rng = std::rc::Rc::new(std::cell::RefCell::new(Rng::new("liar")));
    let (census, budget) = (Census::default(), Budget::endless());
    let mut map = BTreeMap::new_in(budget.clone());
    for _ in 0..effort(5000, 60) {
        let number = rng.borrow_mut().below(300) as u32;
        let key = Liar(census.value(number), rng.clone());
        let end = Liar(census.value(number + 50), rng.clone());
        let choice = rng.borrow_mut().below(5);
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match choice {
            0 => drop(map.remove(&key)),
            1 => {
                let mut range = map.range_mut(key..end);
                let (mut first, mut last): (Vec<&mut Counted>, Vec<_>) = Default::default();
                while let (Some(a), b) = (range.next(), range.next_back()) {
                    first.push(a.1);
                    last.extend(b.map(|b| b.1));
                }
                let all: PlainSet<usize> = first
                    .iter()
                    .chain(&last)
                    .map(|it| std::ptr::from_ref(&**it) as usize)
                    .collect();
                assert_eq!(all.len(), first.len() + last.len(), "an entry was given twice");
            }
            _ => drop(map.insert(key, census.value(number))),
        }));
    }
    assert_eq!(map.iter().count(), map.len());
    drop(map);
    assert_eq!((census.alive(), budget.blocks()), (0, 0));
}

#[test]
fn sets_do_what_those_of_the_standard_library_do() {
    let mut rng = Rng::new("btree set");
    for _ in 0..effort(200, 2) {
        let mut values = || (0..rng.below(40)).map(|_| rng.below(50) as u32).collect::<Vec<_>>();
        let (first, second) = (values(), values());
        let (a, b) =
            (BTreeSet::<u32>::from_iter(first.clone()), BTreeSet::from_iter(second.clone()));
        let (c, d) = (PlainSet::from_iter(first), PlainSet::from_iter(second));
        assert!(a.union(&b).eq(c.union(&d)) && (&a | &b).iter().eq(&(&c | &d)));
        assert!(a.intersection(&b).eq(c.intersection(&d)) && (&a & &b).iter().eq(&(&c & &d)));
        assert!(a.difference(&b).eq(c.difference(&d)) && (&a - &b).iter().eq(&(&c - &d)));
        assert!(a.symmetric_difference(&b).eq(c.symmetric_difference(&d)));
        assert!((&a ^ &b).iter().eq(&(&c ^ &d)));
        assert_eq!(a.is_subset(&b), c.is_subset(&d));
        assert_eq!(a.is_superset(&b), c.is_superset(&d));
        assert_eq!(a.is_disjoint(&b), c.is_disjoint(&d));
        assert_eq!((a.first(), a.last()), (c.first(), c.last()));
        assert_eq!((a == b, a.cmp(&b)), (c == d, c.cmp(&d)));
        assert_eq!(format!("{a:?}"), format!("{c:?}"));
        assert!(a.range(10..30).eq(c.range(10..30)));
        assert!(a.into_iter().rev().eq(c.into_iter().rev()));
    }
    let mut set = BTreeSet::new();
    assert!(set.insert(5) && !set.insert(5) && set.insert(7) && set.remove(&7));
    assert_eq!((set.replace(5), set.replace(6), set.take(&6)), (Some(5), None, Some(6)));
    assert_eq!((set.get(&5), set.contains(&6), set.len()), (Some(&5), false, 1));
}

#[test]
#[should_panic(expected = "starts at a greater key")]
fn a_range_that_ends_before_it_starts_is_refused() {
    let (start, end) = (7, 3);
    BTreeMap::from([(1, 1)]).range(start..end);
}
