//! LMDB through heed: a copy-on-write B-tree in a mapped file.

use std::path::Path;

use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, PutFlags};

use crate::seam::{Item, KeptMap, Level, Map, Result, Spec, WordStore, value_of, weight, word_of};

type Db = Database<'static, U64<BigEndian>, Bytes>;

/// LMDB wants the size of its map in advance; the file grows only as needed.
const MAP_BYTES: usize = 64 << 30;

/// An open environment. It stays open until the process ends: its databases borrow it.
pub struct Lmdb {
    env: &'static Env,
    db: Db,
    value_bytes: usize,
}

fn open(dir: &Path, level: Level, value_bytes: usize) -> Result<Lmdb> {
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES);
    if level == Level::Buffered {
        // SAFETY: NO_SYNC gives up power safety, which is what this level measures.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: nobody else changes the files of this run.
    let env: &'static Env = Box::leak(Box::new(unsafe { options.open(dir)? }));
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, rtxn| {
        opener.open_database(rtxn, None).map(CommitOrAbort::<_, ()>::Commit)
    });
    let db = match opened?.unwrap_commit() {
        Some(db) => db,
        None => env
            .create_databases_and_commit(env.write_txn()?, |opener, wtxn| {
                opener.create_database(wtxn, None).map(CommitOrAbort::<_, ()>::Commit)
            })?
            .unwrap_commit(),
    };
    Ok(Lmdb { env, db, value_bytes })
}

impl WordStore for Lmdb {
    fn create(dir: &Path, spec: &Spec) -> Result<()> {
        let store = open(dir, Level::PowerSafe, spec.value_bytes)?;
        let mut wtxn = store.env.write_txn()?;
        for item in 0..spec.item_count {
            let value = value_of(Spec::initial(item), spec.value_bytes);
            store.db.put_with_flags(&mut wtxn, PutFlags::APPEND, &item, &value)?;
        }
        Ok(wtxn.commit()?)
    }

    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self> {
        open(dir, level, spec.value_bytes)
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        let rtxn = self.env.read_txn()?;
        word_of(self.db.get(&rtxn, &item)?.ok_or("item is missing")?)
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let bytes = value_of(value, self.value_bytes);
        let mut wtxn = self.env.write_txn()?;
        for item in items {
            self.db.put(&mut wtxn, item, &bytes)?;
        }
        Ok(wtxn.commit()?)
    }
}

impl<T: Item> Map<T> for Lmdb {
    fn create(dir: &Path) -> Result<Self> {
        open(dir, Level::PowerSafe, 8)
    }

    fn build(&mut self, pairs: &[(T, T)]) -> Result<()> {
        let db = self.db.remap_types::<Bytes, Bytes>();
        let mut wtxn = self.env.write_txn()?;
        for (key, value) in pairs {
            db.put(&mut wtxn, key.bytes().as_ref(), value.bytes().as_ref())?;
        }
        Ok(wtxn.commit()?)
    }

    fn look_up(&mut self, keys: &[T]) -> Result<u64> {
        let db = self.db.remap_types::<Bytes, Bytes>();
        let rtxn = self.env.read_txn()?;
        let mut sum = 0u64;
        for key in keys {
            let value = db.get(&rtxn, key.bytes().as_ref())?.ok_or("key is missing")?;
            sum = sum.wrapping_add(weight(value));
        }
        Ok(sum)
    }

    fn iterate(&mut self) -> Result<u64> {
        let db = self.db.remap_types::<Bytes, Bytes>();
        let rtxn = self.env.read_txn()?;
        let mut sum = 0u64;
        for pair in db.iter(&rtxn)? {
            sum = sum.wrapping_add(weight(pair?.1));
        }
        Ok(sum)
    }
}

impl<T: Item> KeptMap<T> for Lmdb {
    fn open(dir: &Path) -> Result<Self> {
        open(dir, Level::PowerSafe, 8)
    }

    fn update(&mut self, key: &T, value: &T) -> Result<()> {
        <Self as Map<T>>::build(self, &[(key.clone(), value.clone())])
    }
}
