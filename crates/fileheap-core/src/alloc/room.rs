//! Where in a zone is room: for each 1 KiB an upper bound of the free ranges that start there.

use super::bits::WORDS;

const GROUPS: usize = 16;
const _: () = assert!(GROUPS * GROUPS == WORDS);

/// Two levels of sixteen: the processor compares sixteen at once.
pub(super) struct Room {
    groups: [i16; GROUPS],
    words: [[i16; GROUPS]; GROUPS],
}

impl Room {
    pub(super) fn new() -> Self {
        Self { groups: [0; GROUPS], words: [[0; GROUPS]; GROUPS] }
    }

    /// Granules of the largest range, or more.
    #[inline]
    pub(super) fn largest(&self) -> usize {
        most(&self.groups) as usize
    }

    #[inline]
    pub(super) fn set(&mut self, word: usize, len: usize) {
        let group = &mut self.words[word / GROUPS];
        group[word % GROUPS] = len as i16;
        self.groups[word / GROUPS] = most(group);
    }

    /// Notes a range of `len` granules that starts in the word.
    #[inline]
    pub(super) fn raise(&mut self, word: usize, len: usize) {
        let (group, len) = (word / GROUPS, len as i16);
        if self.words[group][word % GROUPS] < len {
            self.words[group][word % GROUPS] = len;
            self.groups[group] = self.groups[group].max(len);
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
    let mask = values
        .iter()
        .enumerate()
        .fold(0_u32, |mask, (index, value)| mask | u32::from(*value >= least) << index);
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}
