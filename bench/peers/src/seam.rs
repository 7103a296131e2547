//! The seam: what a peer, or the engine itself, implements to appear in a table.

use std::hash::Hash;
use std::path::Path;

/// Peers fail in their own ways; the harness only prints the text.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a commit promises when it returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Survives a power cut.
    PowerSafe,
    /// Atomic for other readers; the operating system decides when it reaches the disk.
    Buffered,
}

/// The shape of a store. A word store lays `item_count` items `item_bytes` apart and its words are
/// the first 8 bytes of each; a key-value store keeps a value of `value_bytes` under the item's
/// number (8 bytes, big-endian) and rewrites that value.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub item_count: u64,
    pub item_bytes: u64,
    pub value_bytes: usize,
}

impl Spec {
    pub fn total_bytes(&self) -> u64 {
        self.item_count * self.item_bytes
    }

    /// What a fresh store holds in item `index`.
    pub fn initial(index: u64) -> u64 {
        index ^ 0x5bd1_e995_9d1b_54a5
    }
}

/// An allocator. The workloads are compiled once per implementor: no call through a table.
pub trait Alloc: Sync + Sized {
    /// A fresh instance; files go into `dir`, which exists and is empty.
    fn create(dir: &Path) -> Result<Self>;
    /// At least `bytes` bytes aligned to 16, null when there are none.
    fn alloc(&self, bytes: usize) -> *mut u8;
    /// # Safety
    /// `block` came from `alloc` of this instance and was not freed since.
    unsafe fn free(&self, block: *mut u8);
    /// Bytes taken from the system now: blocks of the file, or resident memory of the process.
    fn footprint_bytes(&self) -> Result<u64>;
    /// Gives back to the system what the allocator is able to give back.
    fn trim(&self) {}
}

/// A store whose words are changed in transactions.
pub trait WordStore {
    /// Makes the store in the empty directory `dir`, item `i` holding `Spec::initial(i)`, safe on
    /// disk on return.
    fn create(dir: &Path, spec: &Spec) -> Result<()>
    where
        Self: Sized;
    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self>
    where
        Self: Sized;
    fn read(&mut self, item: u64) -> Result<u64>;
    /// One transaction that sets every named item to `value`. The items differ from each other.
    fn commit(&mut self, items: &[u64], value: u64) -> Result<()>;
}

/// What maps hold, keys and values alike: `u64` or `String`.
pub trait Item: Clone + Ord + Hash + 'static {
    type Bytes<'a>: AsRef<[u8]>;
    /// The item of a number; different numbers give different items.
    fn of(number: u64) -> Self;
    /// What stores of bytes keep; it sorts as the items do.
    fn bytes(&self) -> Self::Bytes<'_>;
}

impl Item for u64 {
    type Bytes<'a> = [u8; 8];

    fn of(number: u64) -> Self {
        number
    }

    #[inline]
    fn bytes(&self) -> [u8; 8] {
        self.to_be_bytes()
    }
}

impl Item for String {
    type Bytes<'a> = &'a [u8];

    fn of(number: u64) -> Self {
        format!("item {number:016x}")
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// What an item's bytes add to the sum that shows that the right items were found.
#[inline]
pub fn weight(bytes: &[u8]) -> u64 {
    bytes.last_chunk::<8>().map_or(0, |last| u64::from_be_bytes(*last))
}

/// A map from items to items.
pub trait Map<T> {
    /// An empty map in `dir`.
    fn create(dir: &Path) -> Result<Self>
    where
        Self: Sized;
    /// Inserts the pairs, in this order, in one power-safe transaction.
    fn build(&mut self, pairs: &[(T, T)]) -> Result<()>;
    /// Looks all keys up in one reader; the wrapping sum of the weights of the values found.
    fn look_up(&mut self, keys: &[T]) -> Result<u64>;
    /// Reads all values in the map's order; the wrapping sum of their weights.
    fn iterate(&mut self) -> Result<u64>;
}

/// A map that is still there when its process is not.
pub trait KeptMap<T>: Map<T> {
    fn open(dir: &Path) -> Result<Self>
    where
        Self: Sized;
    /// Sets the value of a key that is there, in one power-safe transaction.
    fn update(&mut self, key: &T, value: &T) -> Result<()>;
}

/// Something with room to be filled by large stores.
pub trait Fill {
    /// Everything there is before the first byte of room is asked for.
    fn create(dir: &Path) -> Result<Self>
    where
        Self: Sized;
    /// Takes `block_count` fresh blocks of `FILL_BLOCK_BYTES` in one piece and stores
    /// `fill_value(i)` into every word of block `i`.
    fn fill(&mut self, block_count: usize, seed: u64) -> Result<()>;
    /// Makes what was filled safe on disk.
    fn sync(&mut self) -> Result<()>;
}

/// Bytes of one block of the fill workload.
pub const FILL_BLOCK_BYTES: usize = 1 << 20;

/// The word stored throughout block `index`.
pub fn fill_value(seed: u64, index: usize) -> u64 {
    (seed ^ index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A store of many small objects, opened for one read.
pub trait Open {
    /// Makes a store of `object_count` objects, object `i` starting with `Spec::initial(i)`.
    fn create(dir: &Path, object_count: u64) -> Result<()>
    where
        Self: Sized;
    fn open(dir: &Path, object_count: u64) -> Result<Self>
    where
        Self: Sized;
    fn read(&mut self, object: u64) -> Result<u64>;
}

/// Every word store opens: its objects are its items.
impl<S: WordStore> Open for S {
    fn create(dir: &Path, object_count: u64) -> Result<()> {
        <S as WordStore>::create(dir, &open_spec(object_count))
    }

    fn open(dir: &Path, object_count: u64) -> Result<Self> {
        <S as WordStore>::open(dir, &open_spec(object_count), Level::PowerSafe)
    }

    fn read(&mut self, object: u64) -> Result<u64> {
        <S as WordStore>::read(self, object)
    }
}

fn open_spec(object_count: u64) -> Spec {
    Spec { item_count: object_count, item_bytes: 64, value_bytes: 8 }
}

/// The value of a key-value peer: the word, then bytes that do not compress to nothing.
pub fn value_of(word: u64, value_bytes: usize) -> Vec<u8> {
    let mut state = word | 1;
    let mut value = Vec::with_capacity(value_bytes + 8);
    value.extend_from_slice(&word.to_le_bytes());
    while value.len() < value_bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value.extend_from_slice(&state.to_le_bytes());
    }
    value.truncate(value_bytes);
    value
}

/// The word at the start of a stored value.
pub fn word_of(value: &[u8]) -> Result<u64> {
    let bytes = value.first_chunk::<8>().ok_or("value shorter than a word")?;
    Ok(u64::from_le_bytes(*bytes))
}
