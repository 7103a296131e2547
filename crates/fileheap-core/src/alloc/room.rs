//! Where in a zone is room: for each 1 KiB an upper bound of the free ranges that start there.

use super::bits::WORDS;

const GROUPS: usize = 16;
const _: () = assert!(GROUPS * GROUPS == WORDS);

/// Two levels of sixteen: the processor compares sixteen at once.
pub(super) struct Room {
    largest: i16,
    groups: [i16; GROUPS],
    words: [[i16; GROUPS]; GROUPS],
}

impl Room {
    pub(super) fn new() -> Self {
        Self { largest: 0, groups: [0; GROUPS], words: [[0; GROUPS]; GROUPS] }
    }

    /// Granules of the largest range, or more.
    #[inline]
    pub(super) fn largest(&self) -> usize {
        self.largest as usize
    }

    #[inline]
    pub(super) fn set(&mut self, word: usize, len: usize) {
        let group = &mut self.words[word / GROUPS];
        group[word % GROUPS] = len as i16;
        self.groups[word / GROUPS] = most(group);
        self.largest = most(&self.groups);
    }

    /// Notes a range of `len` granules that starts in the word.
    #[inline]
    pub(super) fn raise(&mut self, word: usize, len: usize) {
        let (group, len) = (word / GROUPS, len as i16);
        if self.words[group][word % GROUPS] < len {
            self.words[group][word % GROUPS] = len;
            self.groups[group] = self.groups[group].max(len);
            self.largest = self.largest.max(len);
        }
    }

    /// The first word in which a range of `len` granules may start.
    #[inline]
    pub(super) fn find(&self, len: usize) -> Option<usize> {
        let group = first(&self.groups, len as i16)?;
        Some(group * GROUPS + first(&self.words[group], len as i16)?)
    }
}

#[inline]
fn most(values: &[i16; GROUPS]) -> i16 {
    values.iter().fold(0, |most, value| most.max(*value))
}

#[inline]
fn first(values: &[i16; GROUPS], least: i16) -> Option<usize> {
    // One byte each: a shape that becomes a few instructions, without a branch.
    let hits: [u8; GROUPS] = std::array::from_fn(|index| u8::from(values[index] >= least));
    let hits = u128::from_le_bytes(hits);
    (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
}
