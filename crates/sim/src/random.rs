//! Numbers that follow from a seed.

/// A small generator (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A number from `from` to `to`, small ones more often: each magnitude is equally likely.
    pub fn size(&mut self, from: u64, to: u64) -> u64 {
        let bits = 64 - (to / from.max(1)).leading_zeros() as u64;
        let top = from.max(1) << self.below(bits.max(1));
        (top + self.below(top)).clamp(from, to)
    }
}

/// The seed of a test run: FILEHEAP_SEED if set, else the default.
#[must_use]
pub fn seed_or(default: u64) -> u64 {
    let given = std::env::var("FILEHEAP_SEED").ok();
    given.and_then(|text| text.trim().parse().ok()).unwrap_or(default)
}

/// Fills memory with the pattern of a seed.
pub fn fill(seed: u64, out: &mut [u8]) {
    let mut random = Random::new(seed);
    for part in out.chunks_mut(8) {
        let word = random.word().to_le_bytes();
        part.copy_from_slice(&word[..part.len()]);
    }
}

/// Where memory differs from the pattern of a seed.
#[must_use]
pub fn differs(seed: u64, bytes: &[u8]) -> Option<usize> {
    let mut random = Random::new(seed);
    for (index, part) in bytes.chunks(8).enumerate() {
        let word = random.word().to_le_bytes();
        if *part != word[..part.len()] {
            return Some(index * 8);
        }
    }
    None
}
