//! The queue against the standard library's, and every way an allocator can fail.

use std::collections::VecDeque as Plain;

use super::VecDeque;
use crate::collections::testing::{Budget, Census, Rng, at_every_allocation, effort};

fn steps(rng: &mut Rng, count: usize, census: &Census) {
    let mut queue = VecDeque::new_in(Budget::endless());
    let mut plain = Plain::new();
    for step in 0..count {
        let (a, b) = (rng.below(plain.len() + 1), rng.below(plain.len() + 1));
        let value = census.value(step as u32);
        match rng.below(24) {
            0..4 => (queue.push_back(value.clone()), plain.push_back(value)).0,
            4..8 => (queue.push_front(value.clone()), plain.push_front(value)).0,
            8 | 9 => (queue.insert(a, value.clone()), plain.insert(a, value)).0,
            10 => assert_eq!(queue.remove(a), plain.remove(a)),
            11 => assert_eq!(queue.swap_remove_front(a), plain.swap_remove_front(a)),
            12 => assert_eq!(queue.swap_remove_back(a), plain.swap_remove_back(a)),
            13 => (queue.rotate_left(a), plain.rotate_left(a)).0,
            14 => (queue.rotate_right(a), plain.rotate_right(a)).0,
            15 => {
                let range = a.min(b).max(a.max(b).saturating_sub(6))..a.max(b);
                let (mut ours, mut std) = (queue.drain(range.clone()), plain.drain(range));
                assert_eq!((ours.next(), ours.next_back()), (std.next(), std.next_back()));
                assert_eq!(ours.len(), std.len());
            }
            16 if rng.below(8) == 0 => {
                let (mut ours, mut std) = (queue.split_off(a), plain.split_off(a));
                assert_eq!(ours.range(..).len(), std.len());
                ours.append(&mut queue);
                std.append(&mut plain);
                (queue, plain) = (ours, std);
            }
            17 => (queue.make_contiguous().reverse(), plain.make_contiguous().reverse()).0,
            18 => queue.shrink_to_fit(),
            19 if rng.below(8) == 0 => {
                queue.retain(|value| value.number % 5 > 0);
                plain.retain(|value| value.number % 5 > 0);
            }
            20 => {
                let range = a.min(b)..=a.max(b).saturating_sub(1).max(a.min(b));
                if *range.end() < plain.len() {
                    assert!(queue.range(range.clone()).rev().eq(plain.range(range.clone()).rev()));
                    queue.range_mut(range.clone()).for_each(|it| *it = value.clone());
                    plain.range_mut(range).for_each(|it| *it = value.clone());
                }
            }
            21 if rng.below(20) == 0 => queue = queue.clone(),
            22 if rng.below(8) == 0 => (queue.truncate(a), plain.truncate(a)).0,
            23 => {
                queue.resize(a.max(plain.len()), value.clone());
                plain.resize(a.max(plain.len()), value);
            }
            _ => assert_eq!((queue.pop_front(), queue.pop_back()), {
                let front = plain.pop_front();
                (front, plain.pop_back())
            }),
        }
        assert!(queue.iter().eq(&plain), "{queue:?} {plain:?}");
        assert_eq!(queue.as_slices().0.len() + queue.as_slices().1.len(), plain.len());
        assert_eq!((queue.front(), queue.back()), (plain.front(), plain.back()));
    }
    assert!(queue.into_iter().rev().eq(plain.into_iter().rev()));
}

#[test]
fn does_what_the_standard_library_does() {
    let mut rng = Rng::new("deque");
    let census = Census::default();
    for count in [30, effort(300, 60), effort(3000, 60), effort(3000, 60)] {
        steps(&mut rng, count, &census);
    }
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_sorted_queue_is_searched_across_its_seam() {
    for shift in (0..16).step_by(effort(1, 5)) {
        let mut queue = VecDeque::with_capacity_in(16, Budget::endless());
        (0..shift).for_each(|_| queue.push_back(0));
        queue.drain(..);
        queue.extend((0..12).map(|n| n * 2));
        let plain: Plain<i32> = (0..12).map(|n| n * 2).collect();
        for key in -1..25 {
            assert_eq!(queue.binary_search(&key), plain.binary_search(&key), "{key} {shift}");
            let below = |value: &i32| *value < key;
            assert_eq!(queue.partition_point(below), plain.partition_point(below));
        }
    }
}

#[test]
fn a_queue_without_memory_stays_whole() {
    at_every_allocation(
        |budget, census| {
            let mut queue = VecDeque::new_in(budget.clone());
            queue.extend((0..5).map(|n| census.value(n)));
            queue
        },
        |queue, census| {
            (5..100).for_each(|n| queue.push_back(census.value(n)));
            queue.insert(50, census.value(1000));
            drop(queue.clone());
            queue.split_off(60);
            queue.shrink_to_fit();
        },
        |queue, _| {
            let ordered = queue.iter().filter(|value| value.number < 1000);
            assert!(ordered.enumerate().all(|(index, value)| value.number == index as u32));
        },
    );
}

#[test]
fn elements_without_size_or_with_much_alignment_have_their_places() {
    #[repr(align(256))]
    struct Wide(u8);
    let mut wide = VecDeque::new_in(Budget::endless());
    (0..50)
        .for_each(|n| if n % 2 == 0 { wide.push_back(Wide(n)) } else { wide.push_front(Wide(n)) });
    assert!(wide.iter().all(|value| std::ptr::from_ref(value) as usize % 256 == 0));
    assert_eq!((wide[0].0, wide[49].0), (49, 48));

    let mut unit = VecDeque::new_in(Budget::new(0));
    unit.resize(1000, ());
    unit.push_front(());
    unit.insert(500, ());
    assert_eq!((unit.drain(10..20).count(), unit.remove(3), unit.len()), (10, Some(()), 991));
    assert_eq!(unit.make_contiguous().len(), 991);
    unit.rotate_left(5);
    assert_eq!(
        (unit.iter().count(), unit.pop_back(), unit.split_off(100).len()),
        (991, Some(()), 890)
    );
}

#[test]
fn a_drop_that_panics_leaves_a_whole_queue() {
    struct Bomb(u32, #[expect(dead_code)] crate::collections::testing::Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 == 13 {
                std::panic::resume_unwind(Box::new("bomb"));
            }
        }
    }
    let (census, budget) = (Census::default(), Budget::endless());
    let mut queue = VecDeque::new_in(budget.clone());
    queue.extend((0..40).map(|n| Bomb(n, census.value(n))));
    let work = std::panic::AssertUnwindSafe(|| drop(queue.drain(5..30)));
    assert!(std::panic::catch_unwind(work).is_err());
    assert!(queue.iter().map(|it| it.0).eq((0..5).chain(30..40)));
    drop(queue);
    assert_eq!((budget.blocks(), census.alive()), (0, 0));
}
