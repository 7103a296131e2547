//! Random numbers, and the pattern that a block of a given identity must hold.

/// Splitmix64: small, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// Spreads a number over all bits.
pub fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a block is: its key, the commit that wrote it, its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub key: u64,
    pub commit: u64,
    pub bytes: u64,
}

/// The identity stands at the beginning of the block.
pub const HEAD_BYTES: u64 = 24;

impl Identity {
    /// What the block adds to the sum of its heap.
    pub fn hash(&self) -> u64 {
        mix(mix(self.key ^ mix(self.commit)) ^ self.bytes)
    }

    /// Fills a block.
    pub fn write(&self, block: &mut [u8]) {
        for (at, word) in [self.key, self.commit, self.bytes].into_iter().enumerate() {
            block[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
        }
        let seed = self.hash();
        for (at, chunk) in (0..).zip(block[HEAD_BYTES as usize..].chunks_mut(8)) {
            let word = word_at(seed, at).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// The identity at the beginning of some bytes.
    pub fn read(head: &[u8]) -> Self {
        let word =
            |at: usize| u64::from_le_bytes(head[at * 8..at * 8 + 8].try_into().unwrap_or_default());
        Self { key: word(0), commit: word(1), bytes: word(2) }
    }

    /// The first byte of a block that is not as `write` made it.
    pub fn flaw(&self, block: &[u8]) -> Option<u64> {
        let seed = self.hash();
        for (at, chunk) in (0..).zip(block[HEAD_BYTES as usize..].chunks(8)) {
            let word = word_at(seed, at).to_le_bytes();
            if *chunk != word[..chunk.len()] {
                return Some(HEAD_BYTES + at * 8);
            }
        }
        None
    }
}

fn word_at(seed: u64, at: u64) -> u64 {
    (seed ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
