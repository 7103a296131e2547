//! Numbers of bins for sizes of runs, and which bins hold something.

/// Sizes below it have a bin each; above, each doubling has `PARTS`.
const EXACT: u64 = 1024;
const PARTS_BITS: u32 = 5;
const PARTS: u64 = 1 << PARTS_BITS;
const DOUBLINGS: u64 = (u64::BITS - EXACT.ilog2()) as u64;
/// Bins for every size.
pub(super) const BINS: usize = (EXACT + DOUBLINGS * PARTS) as usize;
const WORDS: usize = BINS.div_ceil(64);
const _: () = assert!(WORDS <= 64, "one word says which words are not zero");

/// The bin of runs of so many pages. Larger runs are never in an earlier bin.
#[inline]
pub(super) fn bin(pages: u64) -> usize {
    if pages < EXACT {
        return pages as usize;
    }
    let doubling = pages.ilog2();
    let part = (pages >> (doubling - PARTS_BITS)) - PARTS;
    (EXACT + u64::from(doubling - EXACT.ilog2()) * PARTS + part) as usize
}

/// Whether all runs in a bin are of one size.
#[inline]
pub(super) fn is_exact(bin: usize) -> bool {
    (bin as u64) < EXACT
}

/// The set of bins that hold something.
pub(super) struct Filled {
    /// Which words are not zero.
    summary: u64,
    words: [u64; WORDS],
}

impl Filled {
    pub(super) const NONE: Self = Self { summary: 0, words: [0; WORDS] };

    #[inline]
    pub(super) fn add(&mut self, bin: usize) {
        self.words[bin / 64] |= 1 << (bin % 64);
        self.summary |= 1 << (bin / 64);
    }

    #[inline]
    pub(super) fn remove(&mut self, bin: usize) {
        let word = &mut self.words[bin / 64];
        *word &= !(1 << (bin % 64));
        if *word == 0 {
            self.summary &= !(1 << (bin / 64));
        }
    }

    /// The first filled bin from `from` on.
    #[inline]
    pub(super) fn first(&self, from: usize) -> Option<usize> {
        let index = from / 64;
        let here = self.words.get(index)? & u64::MAX << (from % 64);
        if here != 0 {
            return Some(index * 64 + here.trailing_zeros() as usize);
        }
        let rest = self.summary & (u64::MAX << index << 1);
        let index = rest.trailing_zeros() as usize;
        let word = self.words.get(index).filter(|_| rest != 0)?;
        Some(index * 64 + word.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effort::effort;

    #[test]
    fn bins_ascend_with_the_size_and_none_is_left_out() {
        assert_eq!((bin(0), bin(1023), bin(1024), bin(u64::MAX)), (0, 1023, 1024, BINS - 1));
        let mut last = 0;
        for pages in 1..effort(1 << 20, 1200) {
            assert!((last..=last + 1).contains(&bin(pages)), "{pages}");
            last = bin(pages);
        }
    }

    #[test]
    fn the_first_filled_bin_is_found() {
        let mut filled = Filled::NONE;
        assert_eq!(filled.first(0), None);
        let some = [0, 63, 64, 500, BINS - 1];
        some.into_iter().for_each(|bin| filled.add(bin));
        for from in (0..BINS + 100).step_by(effort(1, 97) as usize) {
            assert_eq!(filled.first(from), some.into_iter().find(|bin| *bin >= from));
        }
        some.into_iter().for_each(|bin| filled.remove(bin));
        assert!((0..BINS).all(|from| filled.first(from).is_none()) && filled.summary == 0);
    }
}
