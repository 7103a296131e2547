//! Runs of pages: reuse, joining, growth and cutting, holes.

use super::super::Mapped::{Direct, Private, Shared};
use super::*;

#[test]
fn everything_freed_is_one_run_again() {
    let (ram, heap) = heap();
    let all: Vec<u64> =
        (0..500).map(|index| heap.alloc(&ram, 40_000 + index * 64, 16).unwrap()).collect();
    for index in (0..500).step_by(2).chain((1..500).step_by(2)) {
        heap.free(&ram, all[index]).unwrap();
    }
    // What is not safe yet stays apart from what is.
    assert!(heap.stat().free_run_count <= 2);
    ram.txn.fetch_add(9, Relaxed);
    let before = heap.stat().heap_bytes;
    let all = heap.alloc_run(&ram, before - (3 << 20), 1, Private).unwrap();
    assert_eq!(heap.stat().heap_bytes, before);
    heap.free(&ram, all.offset).unwrap();
    ram.txn.fetch_add(9, Relaxed);
    assert_eq!(heap.shrink_tail(&ram).unwrap(), INITIAL_BYTES / PAGE_BYTES);
    ram.assert_sound();
}

#[test]
fn map_chunks_come_and_go() {
    let (ram, heap) = heap();
    let large = heap.alloc_run(&ram, 150 << 20, 1, Private).unwrap();
    let small = heap.alloc(&ram, 50_000, 16).unwrap();
    assert!(large.claimed && large.zero && large.offset % EXTENT_BYTES == 0);
    ram.assert_sound();
    heap.free(&ram, large.offset).unwrap();
    heap.free(&ram, small).unwrap();
    for _ in 0..4 {
        ram.txn.fetch_add(9, Relaxed);
        heap.shrink_tail(&ram).unwrap();
        ram.assert_sound();
    }
    assert_eq!(heap.stat().heap_bytes, INITIAL_BYTES);
    heap.alloc(&ram, 100 << 20, 1).unwrap();
    ram.assert_sound();
}

#[test]
fn a_hole_that_cannot_be_filled_stays_one() {
    let (ram, heap) = heap();
    let run = heap.alloc(&ram, 1 << 20, 1).unwrap();
    heap.free(&ram, run).unwrap();
    ram.txn.fetch_add(9, Relaxed);
    // SAFETY: one thread.
    let holes = unsafe { heap.punch(&ram, 8).unwrap() };
    let pages: u64 = holes.pages.iter().map(|hole| hole.end - hole.start).sum();
    let before = heap.stat();
    assert_eq!(before.punched_bytes, pages * PAGE_BYTES);
    ram.limit_pages.store(60, Relaxed);
    assert_eq!(heap.alloc(&ram, 1 << 19, 1).unwrap_err().kind(), ErrorKind::DiskFull);
    assert_eq!(heap.stat(), before);
    ram.limit_pages.store(1 << 16, Relaxed);
    heap.alloc(&ram, 1 << 19, 1).unwrap();
    ram.assert_sound();
}

#[test]
fn a_zone_with_holes_is_filled_before_it_is_used() {
    let (ram, heap) = heap();
    ram.lag.store(1, Relaxed);
    let mut cells: Vec<u64> = (0..1000).map(|_| heap.alloc(&ram, 3000, 1).unwrap()).collect();
    let rest: Vec<u64> = cells.iter().copied().step_by(10).collect();
    cells.retain(|cell| !rest.contains(cell));
    free_all(&ram, &heap, cells.iter().copied());
    // SAFETY: one thread.
    unsafe { heap.return_spare(&ram).unwrap() };
    ram.commit();
    ram.lag.store(2, Relaxed);
    // SAFETY: one thread.
    assert!(unsafe { heap.punch(&ram, 8).unwrap() }.zones_kept, "somebody may read them");
    ram.lag.store(1, Relaxed);
    // SAFETY: one thread.
    let holes = unsafe { heap.punch(&ram, 8).unwrap() };
    let pages: u64 = holes.pages.iter().map(|hole| hole.end - hole.start).sum();
    assert!(!holes.zones_kept && pages > 500 && pages < 800, "{pages}");
    ram.assert_sound();
    for hole in &holes.pages {
        ram.slice(hole.start * PAGE_BYTES, (hole.end - hole.start) * PAGE_BYTES).fill(0xAA);
    }
    // Freeing asks for no disk space; nothing is taken of what is free.
    ram.limit_pages.store(0, Relaxed);
    heap.free(&ram, rest[7]).unwrap();
    assert!(!heap.resize_in_place(&ram, rest[8], 6000).unwrap());
    assert_eq!(ram.reserved.load(Relaxed), 0);
    // A full disk: an error, and nothing has changed.
    let before = heap.stat();
    assert_eq!(heap.alloc(&ram, 2000, 1).unwrap_err().kind(), ErrorKind::DiskFull);
    assert_eq!(heap.stat(), before);
    // There is space again: each zone once, before the heap grows.
    ram.limit_pages.store(1 << 16, Relaxed);
    ram.reserved.store(0, Relaxed);
    for _ in 0..700 {
        heap.alloc(&ram, 3000, 1).unwrap();
    }
    assert_eq!(heap.stat().heap_bytes, before.heap_bytes);
    assert!(ram.reserved.load(Relaxed) <= before.zone_count * 64);
    ram.assert_sound();
    // A zone that was given back with its holes has them still.
    free_all(&ram, &heap, rest[8..].iter().copied());
    ram.assert_sound();
}

#[test]
fn unsafe_pages_are_reused_for_private_runs_only() {
    let (ram, heap) = heap();
    let run = heap.alloc_run(&ram, 3 << 20, 1, Direct).unwrap();
    ram.commit();
    assert!(heap.free(&ram, run.offset).unwrap().direct);
    for mapped in [Direct, Shared] {
        let extent = heap.alloc_run(&ram, 3 << 20, 1, mapped).unwrap();
        assert!(extent.offset > run.offset && extent.claimed);
    }
    let plain = heap.alloc_run(&ram, 3 << 20, 1, Private).unwrap();
    assert!(plain.offset == run.offset && !plain.claimed);
}

#[test]
fn what_others_freed_is_safe_as_soon_as_for_them() {
    let (ram, heap) = heap();
    // SAFETY: as for the first.
    let other = unsafe { Allocator::new(ram.base, RESERVED) };
    let direct = |of: &Allocator| of.alloc_run(&ram, 3 << 20, 1, Direct).unwrap();
    let (early, late) = (direct(&heap), direct(&heap));
    ram.commit();
    heap.free(&ram, early.offset).unwrap();
    ram.commit();
    ram.commit();
    heap.free(&ram, late.offset).unwrap();
    ram.commit();
    // SAFETY: one thread; the first allocator is not used again.
    unsafe { other.reset(ram.txn.load(Relaxed) - 1) };
    assert_eq!(direct(&other).offset, early.offset);
    assert!(direct(&other).offset > late.offset, "the one freed just now may be read still");
}

#[test]
fn what_one_transaction_claims_and_frees_it_can_claim_again() {
    let (ram, heap) = heap();
    let kept = heap.alloc_run(&ram, 3 << 20, 1, Shared).unwrap();
    let first = heap.alloc_run(&ram, 3 << 20, 1, Shared).unwrap();
    for _ in 0..50 {
        heap.free(&ram, first.offset).unwrap();
        let again = heap.alloc_run(&ram, 3 << 20, 1, Shared).unwrap();
        assert!(again.offset == first.offset && again.claimed && !again.zero);
    }
    let cells: Vec<u64> = (0..9000).map(|_| heap.alloc(&ram, 1000, 1).unwrap()).collect();
    free_all(&ram, &heap, cells.iter().copied());
    // SAFETY: one thread.
    unsafe { heap.return_spare(&ram).unwrap() };
    let before = heap.stat().heap_bytes;
    heap.free(&ram, first.offset).unwrap();
    // The zones' pages are as good as before, too; so they are behind the commit.
    let take = |_| heap.alloc_run(&ram, 1 << 20, 1, Shared).unwrap();
    let wide: Vec<_> = (0..9).map(take).collect();
    free_all(&ram, &heap, wide.iter().map(|run| run.offset));
    ram.commit();
    (0..9).for_each(|index| assert!(take(index).claimed));
    assert_eq!(heap.stat().heap_bytes, before);
    // What was committed as used is not.
    heap.free(&ram, kept.offset).unwrap();
    let other = heap.alloc_run(&ram, 3 << 20, 1, Shared).unwrap();
    assert!(other.offset != kept.offset);
}

#[test]
fn on_a_full_disk_a_hole_is_passed_over_for_pages_that_have_space() {
    let (ram, heap) = heap();
    let take = |pages| heap.alloc_run(&ram, pages * PAGE_BYTES, 1, Private).unwrap().offset;
    let (before, hole, _wall) = (take(20), take(130), take(20));
    let (whole, _end) = (take(200), take(20));
    heap.free(&ram, hole).unwrap();
    ram.txn.fetch_add(9, Relaxed);
    // SAFETY: one thread.
    unsafe { heap.punch(&ram, 8).unwrap() };
    heap.free(&ram, whole).unwrap();
    ram.txn.fetch_add(9, Relaxed);
    ram.limit_pages.store(0, Relaxed);
    // The hole would fit better; nor can a run grow into it.
    assert!(!heap.resize_in_place(&ram, before, 40 * PAGE_BYTES).unwrap());
    assert_eq!(take(128), whole);
    ram.assert_sound();
    assert_eq!(heap.alloc(&ram, 100 * PAGE_BYTES, 1).unwrap_err().kind(), ErrorKind::DiskFull);
    ram.limit_pages.store(1 << 16, Relaxed);
    assert!((before..whole).contains(&take(128)));
    ram.assert_sound();
}

#[test]
fn free_pages_are_found_behind_any_number_of_runs_before_the_disk_is_full() {
    let (ram, heap) = heap();
    let take = |pages| heap.alloc_run(&ram, pages * PAGE_BYTES, 1, Private).unwrap().offset;
    (0..effort(17_000, 60)).for_each(|_| assert!(take(1) > 0));
    let (room, _end) = (take(100), take(1));
    heap.free(&ram, room).unwrap();
    ram.commit();
    // SAFETY: one thread.
    unsafe { heap.reset(ram.txn.load(Relaxed)) };
    ram.limit_pages.store(0, Relaxed);
    assert_eq!(take(100), room);
    ram.assert_sound();
}
