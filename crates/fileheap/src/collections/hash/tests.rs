//! The hash map against the standard library's, tables of other programs, and failing allocators.

use std::collections::{BTreeMap, HashMap as Plain, HashSet as PlainSet};
use std::hash::BuildHasher;

use super::{HashMap, HashSet, Seed};
use crate::collections::testing::{Budget, Census, Counted, Rng, at_every_allocation, effort};

#[test]
fn hashes_are_what_they_will_always_be() {
    // SipHash-1-3 of a word under a known key; a change would orphan every stored map.
    let seed = Seed::fixed([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
    assert_eq!(seed.hash_one(2_u64), 9_167_353_701_869_799_148);
    // The standard library's hasher is the same algorithm under a key of zeros, today.
    let zero = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
    for text in ["", "a", "a heap is a file", "a text that is longer than a few words are"] {
        assert_eq!(Seed::fixed([0, 0]).hash_one(text), zero.hash_one(text));
    }
    assert_ne!(Seed::random(), Seed::random());
}

fn steps(rng: &mut Rng, keys: usize, count: usize, census: &Census) {
    let mut map = HashMap::new_in(Budget::endless());
    let mut plain = Plain::new();
    for step in 0..count {
        let key = rng.below(keys) as u32;
        match rng.below(12) {
            0..5 => {
                let value = census.value(key);
                assert_eq!(map.insert(key, value.clone()), plain.insert(key, value));
            }
            5 => {
                *map.entry(key).or_insert_with(|| census.value(1)) = census.value(step as u32);
                *plain.entry(key).or_insert_with(|| census.value(1)) = census.value(step as u32);
            }
            6 => assert_eq!(map.get_key_value(&key), plain.get_key_value(&key)),
            7 => match rng.below(40) {
                0 => {
                    map.retain(|key, _| key % 3 > 0);
                    plain.retain(|key, _| key % 3 > 0);
                }
                1 => map = map.clone(),
                2 => {
                    assert!(map.drain().all(|(key, value)| plain.remove(&key) == Some(value)));
                    assert!(plain.is_empty());
                }
                3 => assert_eq!(map.keys().len(), plain.len()),
                4 => map.shrink_to_fit(),
                5 => {
                    map.iter_mut().for_each(|(key, value)| *value = census.value(key * 2));
                    plain.iter_mut().for_each(|(key, value)| *value = census.value(key * 2));
                }
                6 => {
                    let old = std::mem::replace(&mut map, HashMap::new_in(Budget::endless()));
                    map.extend(old);
                }
                _ => assert_eq!(map.contains_key(&key), plain.contains_key(&key)),
            },
            _ => assert_eq!(map.remove_entry(&key), plain.remove_entry(&key)),
        }
        if step % 16 == 0 {
            assert!(BTreeMap::from_iter(&map) == BTreeMap::from_iter(&plain));
        }
    }
}

#[test]
fn does_what_the_standard_library_does() {
    let mut rng = Rng::new("hash map");
    let census = Census::default();
    for keys in [3, 100, 2000] {
        steps(&mut rng, keys, effort(5000, 120), &census);
    }
    assert_eq!(census.alive(), 0);
}

/// The map as another process would see it that has the program elsewhere: the pointer to the
/// table of a map without entries leads nowhere.
fn from_elsewhere(map: &mut HashMap<u64, u64, Budget>) {
    let words = std::ptr::from_mut(map).cast::<usize>();
    let bare = HashMap::<u64, u64, Budget>::new_in(map.allocator().clone());
    let table = words_of(&bare).iter().position(|word| {
        // The only word of a bare map that is an address in the program.
        let here = from_elsewhere as fn(&mut HashMap<u64, u64, Budget>) as usize;
        word.abs_diff(here) < 1 << 30
    });
    // SAFETY: a pointer that is not looked at may lead anywhere.
    unsafe { words.add(table.expect("the pointer is there")).write(0x10) };
}

fn words_of(map: &HashMap<u64, u64, Budget>) -> Vec<usize> {
    let count = size_of_val(map) / size_of::<usize>();
    // SAFETY: the map is made of words.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(map).cast(), count).to_vec() }
}

#[test]
fn an_empty_map_of_another_program_is_used_without_looking_at_its_table() {
    let budget = Budget::endless();
    let fresh = || {
        let mut map = HashMap::<u64, u64, Budget>::new_in(budget.clone());
        from_elsewhere(&mut map);
        map
    };
    let map = fresh();
    assert_eq!((map.len(), map.get(&1), map.contains_key(&1)), (0, None, false));
    assert_eq!((map.iter().count(), map.keys().count(), map.values().count()), (0, 0, 0));
    assert_eq!((format!("{map:?}"), map == map.clone()), ("{}".into(), true));
    drop(map);
    assert_eq!((fresh().remove(&1), fresh().get_mut(&1)), (None, None));
    assert_eq!((fresh().into_iter().count(), fresh().into_keys().count()), (0, 0));
    assert_eq!((fresh().into_values().count(), fresh().drain().count()), (0, 0));
    assert_eq!((fresh().iter_mut().count(), fresh().values_mut().count()), (0, 0));
    let changes: [fn(&mut HashMap<u64, u64, Budget>); 8] = [
        |map| assert_eq!(map.insert(1, 2), None),
        |map| *map.entry(1).or_insert(0) = 2,
        |map| map.extend([(1, 2)]),
        |map| map.reserve(100),
        |map| map.try_reserve(1).unwrap(),
        |map| map.shrink_to_fit(),
        |map| map.clear(),
        |map| map.retain(|_, _| true),
    ];
    for change in changes {
        let mut map = fresh();
        change(&mut map);
        map.extend([(1, 2), (3, 4)]);
        assert_eq!((map[&1], map[&3], map.len()), (2, 4, 2));
        // Forgetting what drains it leaves a bare map behind.
        std::mem::forget(map.drain());
        from_elsewhere(&mut map);
        assert_eq!((map.insert(5, 6), map.len()), (None, 1));
    }
}

#[test]
fn a_map_without_memory_stays_whole() {
    let count = effort(200, 20) as u32;
    let fill = |map: &mut HashMap<Counted, Counted, Budget>, census: &Census| {
        (0..count).for_each(|n| drop(map.insert(census.value(n), census.value(n))));
    };
    at_every_allocation(
        |budget, _| HashMap::new_in(budget.clone()),
        |map, census| fill(map, census),
        |map, _| assert!((0..map.len() as u32).all(|n| map.keys().any(|key| key.number == n))),
    );
    at_every_allocation(
        |budget, census| {
            let mut map = HashMap::new_in(budget.clone());
            fill(&mut map, census);
            map.retain(|key, _| key.number % 2 == 0);
            map
        },
        |map, _| {
            drop(map.clone());
            map.shrink_to_fit();
            map.reserve(1000);
        },
        |map, _| assert_eq!(map.len() as u32, count / 2),
    );
}

#[test]
fn sets_do_what_those_of_the_standard_library_do() {
    let mut rng = Rng::new("hash set");
    for _ in 0..effort(100, 2) {
        let mut values = || (0..rng.below(40)).map(|_| rng.below(50) as u32).collect::<Vec<_>>();
        let (first, second) = (values(), values());
        let (a, b) = (HashSet::<u32>::from_iter(first.clone()), HashSet::from_iter(second.clone()));
        let (c, d) = (PlainSet::from_iter(first), PlainSet::from_iter(second));
        let same = |ours: HashSet<u32>, std: PlainSet<u32>| {
            assert!(ours.len() == std.len() && ours.iter().all(|value| std.contains(value)));
        };
        same(&a | &b, &c | &d);
        same(&a & &b, &c & &d);
        same(&a - &b, &c - &d);
        same(&a ^ &b, &c ^ &d);
        assert_eq!(a.is_subset(&b), c.is_subset(&d));
        assert!(a.is_superset(&(&a & &b)));
        assert_eq!(a.is_disjoint(&b), c.is_disjoint(&d));
    }
    let mut set = HashSet::from(["a", "b"]);
    assert_eq!((set.replace("a"), set.replace("c"), set.take("b")), (Some("a"), None, Some("b")));
    assert_eq!((set.get("c"), set.contains("x")), (Some(&"c"), false));
    assert_eq!((set.remove("x"), set.drain().count()), (false, 2));
}

#[test]
fn the_layout_says_where_each_word_is() {
    let text = HashMap::<u64, u32, Budget>::layout();
    // Without SSE2, as under Miri, hashbrown looks at 8 entries at a time, not at 16.
    let table = format!("table of 16 in bytes [{}]", effort(288, 280));
    assert!(!text.contains("nowhere"), "{text}");
    assert!(text.contains("seed at ") && text.contains(&table), "{text}");
}
