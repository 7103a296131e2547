//! Bitmaps of a zone: one bit for each granule, and the ways to look for the next one.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::format::ZONE_GRANULES;

/// Words of a bitmap.
pub(super) const WORDS: usize = ZONE_GRANULES as usize / 64;
/// Bits of a bitmap; also what a search returns that finds nothing.
pub(super) const END: usize = ZONE_GRANULES as usize;

/// Only the zone's owner stores, so that load and store suffice; others may load.
pub(super) type Bits = [AtomicU64; WORDS];

#[inline]
pub(super) fn word(bits: &Bits, index: usize) -> u64 {
    bits[index].load(Relaxed)
}

#[inline]
pub(super) fn get(bits: &Bits, at: usize) -> bool {
    word(bits, at / 64) >> (at % 64) & 1 != 0
}

#[inline]
pub(super) fn set(bits: &Bits, at: usize) {
    bits[at / 64].store(word(bits, at / 64) | 1 << (at % 64), Relaxed);
}

#[inline]
pub(super) fn clear(bits: &Bits, at: usize) {
    bits[at / 64].store(word(bits, at / 64) & !(1 << (at % 64)), Relaxed);
}

/// The first set bit at or after `from`, or END.
#[inline]
pub(super) fn next_set(bits: &Bits, from: usize) -> usize {
    next(from, |index| word(bits, index))
}

/// The first bit at or after `from` that is set in `starts` and not in `busy`, or END.
#[inline]
pub(super) fn next_free(starts: &Bits, busy: &Bits, from: usize) -> usize {
    next(from, |index| word(starts, index) & !word(busy, index))
}

#[inline]
fn next(from: usize, word: impl Fn(usize) -> u64) -> usize {
    if from >= END {
        return END;
    }
    let mut index = from / 64;
    let mut rest = word(index) & u64::MAX << (from % 64);
    while rest == 0 {
        index += 1;
        if index == WORDS {
            return END;
        }
        rest = word(index);
    }
    index * 64 + rest.trailing_zeros() as usize
}

/// The last set bit before `end`.
#[inline]
pub(super) fn last_set(bits: &Bits, end: usize) -> Option<usize> {
    let mut index = end / 64;
    let mut rest = if end % 64 == 0 { 0 } else { word(bits, index) & !(u64::MAX << (end % 64)) };
    while rest == 0 {
        index = index.checked_sub(1)?;
        rest = word(bits, index);
    }
    Some(index * 64 + 63 - rest.leading_zeros() as usize)
}

/// Clears the bits from `from` to before `end`; returns whether any was set.
pub(super) fn clear_range(bits: &Bits, from: usize, end: usize) -> bool {
    let mut any = false;
    let mut at = from;
    while at < end {
        let index = at / 64;
        let stop = end.min(index * 64 + 64);
        let mask = (u64::MAX >> (64 - (stop - at))) << (at % 64);
        let old = word(bits, index);
        if old & mask != 0 {
            bits[index].store(old & !mask, Relaxed);
            any = true;
        }
        at = stop;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort::effort;

    #[test]
    fn searches_agree_with_counting() {
        let bits: Bits = std::array::from_fn(|_| AtomicU64::new(0));
        let marks = [0, 1, 63, 64, 127, 500, 4095, 16383];
        marks.iter().for_each(|&at| set(&bits, at));
        for at in (0..END).step_by(effort(1, 2047) as usize) {
            let next = marks.iter().copied().find(|&mark| mark >= at).unwrap_or(END);
            assert_eq!(next_set(&bits, at), next);
            assert_eq!(last_set(&bits, at), marks.iter().copied().rfind(|&mark| mark < at));
        }
        assert!(clear_range(&bits, 1, 500) && !clear_range(&bits, 1, 500));
        assert!(get(&bits, 0) && !get(&bits, 127) && get(&bits, 500));
    }
}
