//! The engine's own rows: an adapter of `fileheap_core` for every trait of the seam.

use std::cell::UnsafeCell;
use std::path::Path;

use fileheap_core::catalog::{OrderedMap, OrderedMapView};
use fileheap_core::{Durability, Heap, Options, ReadTxn, Wait, WriteTxn};
use peers::fill::store_blocks;
use peers::seam::{
    Alloc, FILL_BLOCK_BYTES, Fill, KeptMap, Level, Map, Open, Result, Spec, WordStore,
};

use crate::roster::{AllocRow, OpenRow, Row, StoreRow};

pub fn allocs() -> Vec<AllocRow> {
    vec![AllocRow::of::<InTxn>("fileheap")]
}

pub fn stores() -> Vec<StoreRow> {
    vec![
        StoreRow::of::<Words<true>>("fileheap, tracked").large(),
        StoreRow::of::<Words<false>>("fileheap, captured").large(),
    ]
}

pub fn fills() -> Vec<Row<dyn Fill>> {
    vec![Row::<dyn Fill>::of::<Extent>("fileheap")]
}

pub fn opens() -> Vec<OpenRow> {
    vec![OpenRow::of::<Objects>("fileheap")]
}

const FILE: &str = "bench.heap";

fn create(dir: &Path) -> Result<Heap> {
    Ok(Heap::create(dir.join(FILE), &Options::new())?)
}

/// Allocations inside one open transaction.
struct InTxn {
    heap: Heap,
    txn: UnsafeCell<Option<WriteTxn>>,
}

// SAFETY: only `trim` replaces the transaction, and the harness calls that while nobody else is
// at work; WriteTxn itself may be shared.
unsafe impl Sync for InTxn {}

impl InTxn {
    #[inline]
    fn txn(&self) -> &WriteTxn {
        // SAFETY: see `Sync` above; it is None within `trim` only.
        unsafe { (*self.txn.get()).as_ref().unwrap_unchecked() }
    }
}

impl Alloc for InTxn {
    fn create(dir: &Path) -> Result<Self> {
        let heap = create(dir)?;
        let txn = UnsafeCell::new(Some(heap.begin_write()?));
        Ok(Self { heap, txn })
    }

    #[inline]
    fn alloc(&self, bytes: usize) -> *mut u8 {
        let txn = self.txn();
        match txn.alloc(bytes as u64, 16) {
            Ok(offset) => txn.resolve(offset),
            Err(_) => std::ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn free(&self, block: *mut u8) {
        let txn = self.txn();
        let offset = block as u64 - txn.base() as u64;
        if let Err(error) = txn.free(offset) {
            panic!("{error}");
        }
    }

    fn footprint_bytes(&self) -> Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(std::fs::metadata(self.heap.path())?.blocks() * 512)
    }

    fn trim(&self) {
        // SAFETY: as `Sync` says, nobody else is at work now.
        let txn = unsafe { &mut *self.txn.get() };
        txn.take().map(WriteTxn::commit).transpose().expect("commit before trim");
        self.heap.trim().expect("trim");
        *txn = Some(self.heap.begin_write().expect("begin after trim"));
    }
}

/// Words in one extent; tracked or captured.
struct Words<const TRACKED: bool> {
    heap: Heap,
    offset: u64,
    item_bytes: u64,
    durability: Durability,
}

impl<const TRACKED: bool> WordStore for Words<TRACKED> {
    fn create(dir: &Path, spec: &Spec) -> Result<()> {
        let heap = create(dir)?;
        let mut txn = heap.begin_write()?;
        let offset = txn.alloc(spec.total_bytes(), 4096)?;
        for item in 0..spec.item_count {
            let word = txn.resolve(offset + item * spec.item_bytes).cast::<u64>();
            // SAFETY: inside the extent just allocated; item_bytes is a multiple of 8.
            unsafe { word.write(Spec::initial(item)) };
        }
        txn.set_face_root(0, offset);
        txn.commit()?;
        heap.close()?;
        Ok(())
    }

    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self> {
        let durability = match level {
            Level::PowerSafe => Durability::Power,
            Level::Buffered => Durability::Process,
        };
        let heap = Heap::open(dir.join(FILE), &Options::new().durability(durability))?;
        let offset = heap.begin_read()?.face_root(0);
        Ok(Self { heap, offset, item_bytes: spec.item_bytes, durability })
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        let read = self.heap.begin_read()?;
        let bytes = read.bytes(self.offset + item * self.item_bytes, 8)?;
        Ok(u64::from_le_bytes(bytes.try_into()?))
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let mut txn = match TRACKED {
            true => self.heap.begin_tracked(Wait::Forever)?,
            false => self.heap.begin_write()?,
        };
        txn.set_durability(self.durability);
        for &item in items {
            let at = self.offset + item * self.item_bytes;
            // SAFETY: inside the extent, aligned.
            unsafe { txn.resolve(at).cast::<u64>().write(value) };
            txn.touch(at, 8);
        }
        txn.commit()?;
        Ok(())
    }
}

/// The catalog's B-tree.
pub struct Catalog {
    heap: Heap,
    slot: u64,
}

impl Catalog {
    fn insert(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        let txn = self.heap.begin_write()?;
        // SAFETY: the transaction is this thread's alone, its memory is mapped while it lives.
        let mut map = unsafe { OrderedMap::new(&txn, self.slot) };
        for &(key, value) in pairs {
            map.insert(key, value)?;
        }
        txn.commit()?;
        Ok(())
    }
}

impl Map<u64> for Catalog {
    fn create(dir: &Path) -> Result<Self> {
        let heap = create(dir)?;
        let mut txn = heap.begin_write()?;
        let slot = txn.alloc_zeroed(16, 16)?;
        txn.set_face_root(0, slot);
        txn.commit()?;
        Ok(Self { heap, slot })
    }

    fn build(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        self.insert(pairs)
    }

    fn look_up(&mut self, keys: &[u64]) -> Result<u64> {
        let read = self.heap.begin_read()?;
        let map = OrderedMapView::new(read.memory(), self.slot);
        let mut sum = 0_u64;
        for &key in keys {
            sum = sum.wrapping_add(map.get(key)?.ok_or("key is missing")?);
        }
        Ok(sum)
    }

    fn iterate(&mut self) -> Result<u64> {
        let read = self.heap.begin_read()?;
        let mut sum = 0_u64;
        for pair in OrderedMapView::new(read.memory(), self.slot).range(..)? {
            sum = sum.wrapping_add(pair?.value);
        }
        Ok(sum)
    }
}

impl KeptMap<u64> for Catalog {
    fn open(dir: &Path) -> Result<Self> {
        let heap = Heap::open(dir.join(FILE), &Options::new())?;
        let slot = heap.begin_read()?.face_root(0);
        Ok(Self { heap, slot })
    }

    fn update(&mut self, key: &u64, value: &u64) -> Result<()> {
        self.insert(&[(*key, *value)])
    }
}

/// A fresh direct extent in an existing heap.
struct Extent {
    heap: Heap,
    txn: Option<WriteTxn>,
}

impl Fill for Extent {
    fn create(dir: &Path) -> Result<Self> {
        Ok(Self { heap: create(dir)?, txn: None })
    }

    fn fill(&mut self, block_count: usize, seed: u64) -> Result<()> {
        let txn = self.heap.begin_write()?;
        let made = txn.alloc_direct((block_count * FILL_BLOCK_BYTES) as u64, false)?;
        let at = txn.resolve(made.offset).cast();
        // SAFETY: so many bytes were just allocated for us alone, whole pages.
        let words = unsafe { std::slice::from_raw_parts_mut(at, made.bytes as usize / 8) };
        store_blocks(&mut words[..block_count * FILL_BLOCK_BYTES / 8], seed);
        self.txn = Some(txn);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.txn.take().map(WriteTxn::commit).transpose()?;
        Ok(())
    }
}

/// Many small objects and an index of their offsets.
struct Objects {
    read: ReadTxn,
    index: u64,
}

impl Open for Objects {
    fn create(dir: &Path, object_count: u64) -> Result<()> {
        let heap = create(dir)?;
        let mut txn = heap.begin_write()?;
        let index = txn.alloc(object_count * 8, 4096)?;
        for object in 0..object_count {
            let at = txn.alloc(64, 16)?;
            // SAFETY: a fresh cell of 64 bytes, and a word of the index.
            unsafe {
                txn.resolve(at).cast::<u64>().write(Spec::initial(object));
                txn.resolve(index + object * 8).cast::<u64>().write(at);
            }
        }
        txn.set_face_root(0, index);
        txn.commit()?;
        heap.close()?;
        Ok(())
    }

    fn open(dir: &Path, _object_count: u64) -> Result<Self> {
        let heap = Heap::open(dir.join(FILE), &Options::new())?;
        let read = heap.begin_read()?;
        let index = read.face_root(0);
        Ok(Self { read, index })
    }

    fn read(&mut self, object: u64) -> Result<u64> {
        let at: u64 = self.read.memory().read(self.index + object * 8)?;
        Ok(self.read.memory().read(at)?)
    }
}
