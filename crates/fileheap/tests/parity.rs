//! The same program over the standard library's collections and over those in a heap: each step's
//! result is written down as text, and the texts are the same. What is missing does not compile.

mod common;

use std::collections as plain;
use std::hash::{BuildHasher, RandomState};

use common::*;
use fileheap::{Alloc, Heap};

/// Runs a program twice, with what makes its collections here and there.
macro_rules! same {
    ($test:ident, $program:ident, $plain:expr, |$alloc:ident| $ours:expr) => {
        #[test]
        fn $test() {
            let expected: Vec<String> = $program!($plain);
            let scratch = Scratch::new(stringify!($test));
            let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 0).unwrap();
            let found = heap.update(|_, $alloc: Alloc<'_>| -> Vec<String> { $program!($ours) });
            assert_eq!(found.unwrap(), expected);
            clean(&heap);
        }
    };
}

/// What some expressions are, as texts; one after another, in rows.
macro_rules! told {
    ($(($($step:expr),+ $(,)?)),+ $(,)?) => { vec![$($(format!("{:?}", $step)),+),+] };
}

/// In an order that tells.
fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all = Vec::from_iter(items);
    all.sort();
    all
}

macro_rules! vector {
    ($from:expr) => {{
        let from = $from;
        let (mut v, mut w) = (from(&[5, 3, 1, 3]), from(&[9]));
        let hasher = RandomState::new();
        told![
            (v.push(7), v.pop(), v.len(), v.is_empty(), v.capacity() >= 4),
            (v.insert(1, 8), v.remove(0), v.swap_remove(1), &v),
            (v.append(&mut w), &w, v.extend([1, 2, 2]), v.extend(&[4, 4]), &v),
            (v.extend_from_slice(&[6]), v.extend_from_within(..2), &v),
            (v.dedup(), v.dedup_by_key(|it| *it / 2), v.dedup_by(|a, b| a == b), &v),
            (v.retain(|it| it % 5 > 0), v.retain_mut(|it| std::mem::replace(it, 3) > 1), &v),
            (v.drain(1..2).rev().sum::<i32>(), v.split_off(1), &v),
            (v.resize(4, 2), v.resize_with(5, || 1), v.truncate(4), &v),
            (v.splice(1..2, [11, 12, 13]).collect::<Vec<_>>()),
            (v.sort(), v.sort_unstable_by(|a, b| b.cmp(a)), v.sort_by_key(|it| -it), &v),
            (v.reverse(), v.swap(0, 1), v.rotate_left(2), &v, v.contains(&11)),
            (v.sort_unstable(), v.binary_search(&11), v.partition_point(|it| *it < 12)),
            (v.first(), v.last(), v.get(1), v[0], &v[1..2], v.iter().rev().max()),
            (v.chunks(2).count(), v.windows(2).count(), v.iter().position(|it| *it == 12)),
            (v.iter_mut().for_each(|it| *it += 1), v.first_mut(), v.as_slice().len()),
            (
                v == [0; 3],
                v[..] == *v.clone(),
                v < v.clone(),
                v.cmp(&v.clone()),
                v[..] == v.to_vec()
            ),
            (hasher.hash_one(&v) == hasher.hash_one(v.to_vec())),
            (v.reserve(9), v.reserve_exact(9), v.shrink_to(8), v.shrink_to_fit(), v.capacity()),
            (v.clone().into_boxed_slice().len(), v.clone().leak().len()),
            (v.try_reserve(1).is_ok(), v.as_mut_slice().len(), v.spare_capacity_mut().len() > 0),
            (v.clone().into_iter().rev().collect::<Vec<_>>(), v.clear(), v.clone_from(&w), v),
        ]
    }};
}
same!(vectors, vector, |items: &[i32]| items.to_vec(), |alloc| |items: &[i32]| alloc
    .vec_from(items.iter().copied()));

macro_rules! text {
    ($from:expr) => {{
        use std::fmt::Write;
        let from = $from;
        let mut s = from("grün");
        let hasher = RandomState::new();
        told![
            (s.push('!'), s.push_str(" Ä"), s.pop(), s.len(), s.is_empty(), &s),
            (s.insert(2, 'é'), s.insert_str(0, "ab"), s.remove(1), s.truncate(5), &s),
            (s.retain(|it| it != 'g'), s.replace_range(..1, "xyz"), &s, s.split_off(2), &s),
            (s.extend(['a', 'ß']), s.extend(&['c']), s.extend(["de", "f"]), &s),
            (s.extend([String::from("g")]), s.extend([std::borrow::Cow::from("h")]), &s),
            (s.extend([from("own")]), &s),
            (write!(s, "{}-{:02}", 1, 2).is_ok(), s.drain(1..3).rev().collect::<String>(), &s),
            (s.as_str().len(), s.as_mut_str().make_ascii_uppercase(), s.as_bytes(), &s),
            (s.clone() + "x", s += "y", &s[1..3], s.chars().rev().count(), s.find('-')),
            (s.starts_with("X"), s.to_lowercase(), s.trim(), s.split('-').collect::<Vec<_>>()),
            (s == "x", "x" == s, s == *"y".repeat(3), s == s.clone(), s < s.clone()),
            (s.cmp(&s.clone()), hasher.hash_one(&s) == hasher.hash_one(s.as_str()), s.to_string()),
            (AsRef::<[u8]>::as_ref(&s).len(), AsRef::<std::path::Path>::as_ref(&s), format!("{s}")),
            (s.reserve(9), s.reserve_exact(9), s.shrink_to(40), s.shrink_to_fit(), s.capacity()),
            (s.clone().leak().len(), s.clone().into_bytes().len(), String::from(s.clone())),
            (s.clear(), s.pop(), s.parse::<u8>().is_err(), s),
        ]
    }};
}
same!(texts, text, String::from, |alloc| |text: &str| alloc.string(text));

macro_rules! queue {
    ($from:expr) => {{
        let from = $from;
        let (mut q, mut r) = (from(&[5, 3, 1, 3]), from(&[9, 9]));
        let hasher = RandomState::new();
        told![
            (q.push_front(7), q.push_back(2), q.pop_front(), q.pop_back(), q.len(), q.is_empty()),
            (q.insert(1, 8), q.remove(0), q.remove(99), q.swap(0, 1), &q),
            (q.append(&mut r), q.extend([1, 2]), q.extend(&[4]), &q, &r),
            (q.swap_remove_back(1), q.swap_remove_front(2), &q),
            (q.retain(|it| it % 4 > 0), q.retain_mut(|it| std::mem::replace(it, 3) > 1), &q),
            (q.drain(1..2).rev().sum::<i32>(), q.split_off(1), &q),
            (q.resize(4, 2), q.resize_with(6, || 1), q.truncate(5), &q),
            (q.rotate_left(2), q.rotate_right(1), q.make_contiguous().sort(), &q),
            (q.binary_search(&2), q.binary_search_by(|it| it.cmp(&1)), q.contains(&9)),
            (q.binary_search_by_key(&2, |it| *it), q.partition_point(|it| *it < 2)),
            (q.front(), q.back(), q.get(1), q[0], q.as_slices().0.len(), q.iter().rev().max()),
            (q.front_mut().map(|it| *it = 6), q.back_mut().is_some(), q.get_mut(1).is_some()),
            (q.range(1..).count(), q.range_mut(..2).for_each(|it| *it += 1), &q),
            (q.iter_mut().for_each(|it| *it += 1), q.as_mut_slices().0.len(), q[1] += 1),
            (q == [0; 3], q == &[0; 3][..], q == q.clone(), q < q.clone(), q.cmp(&q.clone())),
            (hasher.hash_one(&q) == hasher.hash_one(plain::VecDeque::from_iter(q.iter().copied()))),
            (q.reserve(9), q.reserve_exact(9), q.shrink_to(8), q.shrink_to_fit(), q.capacity() > 0),
            (q.clone().into_iter().rev().collect::<Vec<_>>()),
            (q.clear(), q),
        ]
    }};
}
same!(queues, queue, |items: &[i32]| plain::VecDeque::from(items.to_vec()), |alloc| {
    |items: &[i32]| alloc.deque_from(items.iter().copied())
});

macro_rules! ordered_map {
    ($from:expr) => {{
        use std::ops::Bound::{Excluded, Unbounded};
        let from = $from;
        let (mut m, mut n) = (from(5), from(2));
        let hasher = RandomState::new();
        told![
            (m.insert(7, 70), m.insert(7, 71), m.remove(&7), m.remove_entry(&0), m.len()),
            (m.get(&1), m.get_mut(&2).map(|it| *it += 1), m.get_key_value(&2), m.contains_key(&9)),
            (*m.entry(8).or_insert(3), *m.entry(9).or_default(), m.entry(8).key() == &8),
            (m.entry(8).and_modify(|it| *it += 1).or_insert_with(|| 4), m.is_empty()),
            (*m.entry(10).or_insert_with_key(|key| key * 2), m.entry(11).or_insert(5) == &5),
            (m.first_key_value(), m.last_key_value(), m.first_entry().map(|it| it.remove())),
            (m.last_entry().map(|it| it.remove_entry()), m.pop_first(), m.pop_last(), &m),
            (m.append(&mut n), &n, m.extend([(1, 1), (20, 2)]), m.extend(&from(2)), &m),
            (m.range(2..9).rev().collect::<Vec<_>>(), m.range((Excluded(2), Unbounded)).count()),
            (m.range_mut(..=3).for_each(|(_, it)| *it += 1), m.range(..).next_back()),
            (m.retain(|key, it| *key + *it > 3), m.split_off(&9), &m),
            (m.keys(), m.values(), m.values_mut(), m.iter_mut(), m.range_mut(1..), m.iter().rev()),
            (m.iter().min(), m.keys().max(), m.values().sum::<i32>(), m.iter().len()),
            (
                m.iter_mut().rev().for_each(|(_, it)| *it += 1),
                m.values_mut().for_each(|it| *it += 1)
            ),
            (m == m.clone(), m < n, m.cmp(&n), m[&8], (&m).into_iter().count()),
            (hasher.hash_one(&m) == hasher.hash_one(plain::BTreeMap::from_iter(m.clone()))),
            (m.clone().into_keys().collect::<Vec<_>>(), m.clone().into_values().next_back()),
            (m.clone().into_iter().rev().collect::<Vec<_>>(), m.clone_from(&n), m.clear(), m),
        ]
    }};
}
same!(
    ordered_maps,
    ordered_map,
    |count| plain::BTreeMap::from_iter((0..count).map(|it| (it, it * 10))),
    |alloc| |count| alloc.btree_map_from((0..count).map(|it| (it, it * 10)))
);

macro_rules! ordered_set {
    ($from:expr) => {{
        let from = $from;
        let (mut s, mut t) = (from(0..6), from(3..9));
        told![
            (s.insert(7), s.insert(7), s.remove(&7), s.take(&0), s.replace(1), s.get(&1), s.len()),
            (s.contains(&1), s.first(), s.last(), s.is_subset(&t), s.is_superset(&t), s.is_empty()),
            (sorted(s.union(&t)), sorted(s.intersection(&t)), sorted(s.difference(&t))),
            (sorted(s.symmetric_difference(&t)), s.union(&t).clone().last()),
            (&s | &t, &s & &t, &s - &t, &s ^ &t, s.is_disjoint(&t)),
            (s.range(2..4).rev().collect::<Vec<_>>(), s.pop_first(), s.pop_last(), s.iter()),
            (s.append(&mut t), &t, s.extend([20]), s.extend(&[21]), &s),
            (s.retain(|it| it % 3 > 0), s.split_off(&9), &s),
            (s == s.clone(), s < t, s.cmp(&t), (&s).into_iter().rev().count(), s.iter().len()),
            (s.clone().into_iter().rev().collect::<Vec<_>>(), s.clear(), s),
        ]
    }};
}
same!(ordered_sets, ordered_set, plain::BTreeSet::<i32>::from_iter, |alloc| |range| alloc
    .btree_set_from::<i32>(range));

macro_rules! hash_map {
    ($from:expr) => {{
        let from = $from;
        let (mut m, mut n) = (from(5), from(0));
        told![
            (m.insert(7, 70), m.insert(7, 71), m.remove(&7), m.remove_entry(&0), m.len()),
            (m.get(&1), m.get_mut(&2).map(|it| *it += 1), m.get_key_value(&2), m.contains_key(&9)),
            (*m.entry(8).or_insert(3), *m.entry(9).or_default(), m.entry(8).key() == &8),
            (m.entry(8).and_modify(|it| *it += 1).or_insert_with(|| 4), m.is_empty()),
            (*m.entry(10).or_insert_with_key(|key| key * 2), m.entry(11).or_insert(5) == &5),
            (n.drain().count(), n.len()),
            (m.extend([(1, 1), (20, 2)]), m.extend(&from(2)), sorted(&m)),
            (m.retain(|key, it| *key + *it > 3), sorted(m.keys()), sorted(m.values())),
            (m.values_mut().for_each(|it| *it += 1), m.iter_mut().for_each(|(_, it)| *it += 1)),
            (m == m.clone(), m == n, m[&8], (&m).into_iter().count(), m.iter().len()),
            (m.reserve(9), m.shrink_to(20), m.shrink_to_fit(), m.try_reserve(1).is_ok()),
            (sorted(m.clone().into_keys()), sorted(m.clone().into_values()), m.capacity() > 0),
            (sorted(m.clone()), sorted(m.drain()), m.len(), m.clear(), m),
        ]
    }};
}
same!(
    hash_maps,
    hash_map,
    |count| plain::HashMap::<i32, i32>::from_iter((0..count).map(|it| (it, it * 10))),
    |alloc| |count| alloc.hash_map_from::<i32, i32>((0..count).map(|it| (it, it * 10)))
);

macro_rules! hash_set {
    ($from:expr) => {{
        let from = $from;
        let (mut s, t) = (from(0..6), from(3..9));
        told![
            (s.insert(7), s.insert(7), s.remove(&7), s.take(&0), s.replace(1), s.get(&1), s.len()),
            (s.contains(&1), s.is_subset(&t), s.is_superset(&t), s.is_disjoint(&t), s.is_empty()),
            (sorted(s.union(&t)), sorted(s.intersection(&t)), sorted(s.difference(&t))),
            (sorted(s.symmetric_difference(&t)), sorted(&(&s | &t)), sorted(&(&s & &t))),
            (sorted(&(&s - &t)), sorted(&(&s ^ &t)), sorted(s.iter())),
            (s.extend([20]), s.extend(&[21]), sorted(&s)),
            (s.retain(|it| it % 3 > 0), s == s.clone(), s == t, (&s).into_iter().count()),
            (s.reserve(9), s.shrink_to(20), s.shrink_to_fit(), s.try_reserve(1).is_ok()),
            (sorted(s.clone()), sorted(s.drain()), s.capacity() > 0, s.clear(), s),
        ]
    }};
}
same!(hash_sets, hash_set, plain::HashSet::<i32>::from_iter, |alloc| |range| alloc
    .hash_set_from::<i32>(range));

macro_rules! boxed {
    ($from:expr) => {{
        let from = $from;
        let (mut b, c) = (from(5), from(7));
        told![
            (*b, *b += 1, &b, b.as_ref(), b.as_mut(), b == c, b < c, b.cmp(&c), b.clone()),
            (std::mem::replace(&mut *b, 9), b.to_string(), b.checked_add(1), b.clone_from(&c), b),
        ]
    }};
}
same!(boxes, boxed, |it: i32| Box::new(it), |alloc| |it: i32| alloc.boxed(it));

/// What the standard library has had since versions that are younger than the oldest compiler we
/// promise: against texts.
#[test]
fn younger_methods() {
    let scratch = Scratch::new("younger");
    let heap = Heap::<u64>::create(scratch.file("a.heap"), |_| 0).unwrap();
    let found = heap.update(|_, alloc: Alloc<'_>| {
        let mut text = alloc.string("grün");
        let mut queue = alloc.deque_from([5, 3, 1]);
        let mut map = alloc.btree_map_from((0..9).map(|it| (it, it * 10)));
        let mut set = alloc.btree_set_from(0..9);
        let mut table = alloc.hash_map_from((0..9).map(|it| (it, it * 10)));
        let mut seen = alloc.hash_set_from(0..9);
        let mut none = alloc.hash_map::<u8, u8>();
        told![
            (text.extend_from_within(2..), text),
            (queue.pop_front_if(|it| *it == 5), queue.pop_back_if(|it| *it == 5), queue),
            (map.extract_if(2..7, |key, _| key % 2 == 1).collect::<Vec<_>>(), map.len()),
            (set.extract_if(2..7, |it| it % 2 == 1).collect::<Vec<_>>(), set.len()),
            (sorted(table.extract_if(|key, _| *key > 6)), sorted(seen.extract_if(|it| *it > 6))),
            (table.get_disjoint_mut([&1, &99]), none.get_disjoint_mut([&1]), table.len()),
            (none.extract_if(|_, _| true).count(), seen.len()),
            (map.entry(11).insert_entry(5).get(), map.entry(11).insert_entry(6).remove_entry()),
        ]
    });
    let expected = [
        ("()", "\"grünün\""),
        ("Some(5)", "None"),
        ("[3, 1]", "[(3, 30), (5, 50)]"),
        ("7", "[3, 5]"),
        ("7", "[(7, 70), (8, 80)]"),
        ("[7, 8]", "[Some(10), None]"),
        ("[None]", "7"),
        ("0", "7"),
        ("5", "(11, 6)"),
    ];
    let expected = expected.iter().flat_map(|(one, two)| [*one, *two]);
    assert!(found.as_ref().unwrap().iter().eq(expected), "{found:?}");
}
