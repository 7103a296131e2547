//! The vector and the box that others wrote, on allocators that unwind: what this crate asks of
//! them beyond what they promise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;

use super::testing::{Budget, Census, Counted, at_every_allocation};

type Counts = Vec<Counted, Budget>;

fn some(budget: &Budget, census: &Census) -> Counts {
    let mut vec = Vec::new_in(budget.clone());
    vec.extend((0..20).map(|number| census.value(number)));
    vec
}

fn full(budget: &Budget, census: &Census) -> Counts {
    let mut vec = some(budget, census);
    vec.shrink_to_fit();
    vec
}

/// Each way to need memory, at each allocation that it makes: what was there is there still.
#[test]
fn growing_fails_before_anything_moves() {
    type Work = fn(&mut Counts, &Census);
    let works: [Work; 9] = [
        |vec, census| vec.push(census.value(100)),
        |vec, census| vec.insert(3, census.value(100)),
        |vec, _| vec.reserve(1000),
        |vec, census| vec.resize(50, census.value(100)),
        |vec, _| vec.extend_from_within(5..),
        |vec, census| vec.extend_from_slice(&[census.value(100), census.value(101)]),
        |vec, census| vec.extend((100..140).map(|number| census.value(number))),
        |vec, census| {
            let mut other = Vec::new_in(vec.allocator().clone());
            other.extend((100..140).map(|number| census.value(number)));
            vec.append(&mut other);
        },
        |vec, census| drop(vec.splice(20.., (100..140).map(|number| census.value(number)))),
    ];
    for work in works {
        at_every_allocation(full, work, |vec, is_done| {
            let first = vec.iter().map(|it| it.number).filter(|number| *number < 100);
            assert!(first.take(20).eq(0..20) && (!is_done || vec.capacity() > 20));
        });
    }
}

#[test]
fn copies_and_conversions_fail_whole() {
    at_every_allocation(some, |vec, _| drop(vec.clone()), |vec, _| assert_eq!(vec.len(), 20));
    let boxes = |vec: &mut Counts, _: &Census| {
        let slice = vec.clone().into_boxed_slice();
        assert_eq!((slice.clone().into_vec().len(), vec.split_off(15).len()), (20, 5));
    };
    at_every_allocation(some, boxes, |vec, _| assert!(vec.len() >= 15));
    let nested = |vec: &mut Vec<Box<Counted, Budget>, Budget>, census: &Census| {
        let alloc = vec.allocator().clone();
        for number in 0..9 {
            vec.push(Box::new_in(census.value(number), alloc.clone()));
        }
        vec.extend(vec.clone());
        vec.shrink_to_fit();
    };
    let empty = |budget: &Budget, _: &Census| Vec::new_in(budget.clone());
    at_every_allocation(empty, nested, |vec, _| assert!(vec.iter().all(|it| it.number < 9)));
}

#[test]
fn splices_in_the_middle_lose_nothing_that_lives() {
    let work = |vec: &mut Counts, census: &Census| {
        let between = vec.splice(5..10, (100..150).map(|number| census.value(number)));
        assert_eq!(between.map(|it| it.number).sum::<u32>(), 5 + 6 + 7 + 8 + 9);
    };
    at_every_allocation(full, work, |vec, is_done| {
        let low: std::vec::Vec<u32> = vec.iter().map(|it| it.number).filter(|n| *n < 100).collect();
        assert!(low.iter().copied().eq((0..5).chain(10..20)) || !is_done, "{low:?}");
    });
}

fn stop<T>() -> T {
    std::panic::resume_unwind(std::boxed::Box::new("stop"))
}

#[test]
fn closures_and_iterators_that_panic() {
    let panics = |work: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    let (budget, census) = (Budget::endless(), Census::default());
    let mut vec = some(&budget, &census);
    let at = |number: u32, limit: u32| if number == limit { stop() } else { number % 2 == 0 };
    panics(&mut || vec.retain(|it| at(it.number, 7)));
    panics(&mut || vec.dedup_by(|a, _| at(a.number, 12)));
    panics(&mut || vec.sort_by_key(|it| if it.number == 14 { stop() } else { 99 - it.number }));
    panics(&mut || {
        vec.resize_with(60, || if census.alive() > 40 { stop() } else { census.value(1) })
    });
    panics(&mut || drop(vec.splice(2..4, (0..9).map(|_| -> Counted { stop() }))));
    panics(&mut || vec.extend((0..9).map(|n| if n == 5 { stop() } else { census.value(n) })));
    let len = vec.len();
    std::mem::forget(vec.drain(2..4));
    assert!(vec.len() <= len && vec.iter().all(|it| it.number < 20));
    // Two values were leaked with the iterator, and perhaps those behind it.
    drop(vec);
    assert_eq!((budget.blocks(), census.alive() >= 2), (0, true));
}
