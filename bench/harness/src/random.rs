//! The pseudo-random numbers of all workloads: fast, seeded, the same for every row.

use std::collections::HashSet;

/// splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in 0..end, by multiplication.
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Uniform in first..=last.
    #[inline]
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Log-uniform between two powers of two, 2^first..2^last.
    #[inline]
    pub fn log_uniform(&mut self, first: u32, last: u32) -> u64 {
        let shift = self.between(u64::from(first), u64::from(last) - 1);
        (1 << shift) + self.below(1 << shift)
    }

    /// `count` different numbers below `end`, in random order.
    pub fn distinct(&mut self, count: usize, end: u64) -> Vec<u64> {
        let mut seen = HashSet::with_capacity(count);
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            let number = self.below(end);
            if seen.insert(number) {
                numbers.push(number);
            }
        }
        numbers
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index as u64 + 1) as usize);
        }
    }
}

/// A bijection that scatters: different inputs give different outputs.
#[inline]
pub fn mix(input: u64) -> u64 {
    let first = (input ^ (input >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}
