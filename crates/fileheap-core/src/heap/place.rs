//! Where a new heap is to lie: addresses that programs, their tools and other heaps leave alone.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::identity;
use super::own::Own;

const SLOT_BYTES: u64 = 1 << 40;

/// Slots of the lower half of 48 bits of addresses.
const SLOT_COUNT: u64 = 128;

/// The slots that loaders, sanitizers and runtimes keep away from: see PLATFORM.md.
const RANGES: [Range<u64>; 2] = [0x40..0x50, 0x66..0x70];

/// When this process last chose or opened something in a slot; 0: never.
static LAST_USE: Own<LastUse> = Own::new();

struct LastUse([u64; SLOT_COUNT as usize]);

impl Default for LastUse {
    fn default() -> Self {
        Self([0; SLOT_COUNT as usize])
    }
}

/// A base for a heap of that limit: any place aligned to its size, but one that this process used
/// longest ago. Heaps that one process makes are likely to be opened together again.
pub fn choose(limit_bytes: u64) -> u64 {
    let wide = limit_bytes.next_power_of_two().max(SLOT_BYTES) / SLOT_BYTES;
    let places = RANGES.into_iter().flat_map(|range| {
        let first = range.start.next_multiple_of(wide);
        (first..range.end).step_by(wide as usize).filter(move |slot| slot + wide <= range.end)
    });
    let (random, salt) = (RandomState::new(), identity::new_uuid());
    let mut last_use = LAST_USE.lock();
    let latest = |slot| slots(slot * SLOT_BYTES, wide * SLOT_BYTES).map(|it| last_use.0[it]).max();
    let oldest = places.min_by_key(|&slot| (latest(slot), random.hash_one((slot, salt))));
    let base = oldest.unwrap_or(RANGES[0].start) * SLOT_BYTES;
    mark(&mut last_use, base, wide * SLOT_BYTES);
    base
}

/// Remembers that this process has a heap there.
pub fn remember(base: u64, limit_bytes: u64) {
    mark(&mut LAST_USE.lock(), base, limit_bytes);
}

fn mark(last_use: &mut LastUse, base: u64, bytes: u64) {
    let now = last_use.0.iter().max().map_or(1, |latest| latest + 1);
    slots(base, bytes).for_each(|slot| last_use.0[slot] = now);
}

/// The slots that a heap touches.
fn slots(base: u64, bytes: u64) -> Range<usize> {
    let end = base.saturating_add(bytes).div_ceil(SLOT_BYTES).min(SLOT_COUNT);
    (base / SLOT_BYTES).min(SLOT_COUNT) as usize..end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::HEAP_MAX_BYTES;

    /// In one test, because the memory of the process is one: other tests of this program, which
    /// make heaps too, can only take places away meanwhile.
    #[test]
    fn places_fit_and_those_of_this_process_come_back_last() {
        for limit in [1, SLOT_BYTES, SLOT_BYTES + 1, 5 * SLOT_BYTES, HEAP_MAX_BYTES] {
            let wide = limit.next_power_of_two().max(SLOT_BYTES);
            for _ in 0..100 {
                let base = choose(limit);
                assert_eq!(base % wide, 0);
                let inside = |range: &Range<u64>| {
                    base >= range.start * SLOT_BYTES && base + wide <= range.end * SLOT_BYTES
                };
                assert!(RANGES.iter().any(inside), "{base:#x}");
            }
        }
        let first = choose(1 << 30);
        remember(first + 4096, 1 << 30);
        for _ in 0..5 {
            assert_ne!(choose(1 << 30), first, "it was used last, and there are 25 others");
        }
    }

    #[test]
    fn a_range_touches_these_slots() {
        for (base, bytes, touched) in [
            (SLOT_BYTES, SLOT_BYTES, 1..2),
            (SLOT_BYTES + 4096, SLOT_BYTES, 1..3),
            (3 * SLOT_BYTES - 1, 1, 2..3),
            (3 * SLOT_BYTES - 1, 2, 2..4),
            (0, HEAP_MAX_BYTES, 0..8),
            (127 * SLOT_BYTES, u64::MAX, 127..128),
            (u64::MAX, 1 << 30, 128..128),
        ] {
            assert_eq!(slots(base, bytes), touched, "{base:#x} {bytes:#x}");
        }
    }
}
