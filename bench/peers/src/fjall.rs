//! fjall: a log-structured merge tree in Rust with a journal.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::seam::{Item, KeptMap, Level, Map, Result, Spec, WordStore, value_of, weight, word_of};

/// Items per batch while a store is made: one batch of everything would double the memory.
const CREATE_BATCH_COUNT: u64 = 50_000;

pub struct Fjall {
    items: Keyspace,
    db: Database,
    mode: PersistMode,
    value_bytes: usize,
}

fn open(dir: &Path, level: Level, value_bytes: usize) -> Result<Fjall> {
    let mode = match level {
        Level::PowerSafe => PersistMode::SyncData,
        Level::Buffered => PersistMode::Buffer,
    };
    let db = Database::builder(dir.join("fjall")).open()?;
    let items = db.keyspace("items", KeyspaceCreateOptions::default)?;
    Ok(Fjall { items, db, mode, value_bytes })
}

impl WordStore for Fjall {
    fn create(dir: &Path, spec: &Spec) -> Result<()> {
        let store = open(dir, Level::PowerSafe, spec.value_bytes)?;
        let mut first = 0;
        while first < spec.item_count {
            let end = spec.item_count.min(first + CREATE_BATCH_COUNT);
            let mut batch = store.db.batch();
            for item in first..end {
                let value = value_of(Spec::initial(item), spec.value_bytes);
                batch.insert(&store.items, item.to_be_bytes(), value);
            }
            batch.commit()?;
            first = end;
        }
        Ok(store.db.persist(PersistMode::SyncAll)?)
    }

    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self> {
        open(dir, level, spec.value_bytes)
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        word_of(&self.items.get(item.to_be_bytes())?.ok_or("item is missing")?)
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let bytes = value_of(value, self.value_bytes);
        let mut batch = self.db.batch().durability(Some(self.mode));
        for item in items {
            batch.insert(&self.items, item.to_be_bytes(), bytes.as_slice());
        }
        Ok(batch.commit()?)
    }
}

impl<T: Item> Map<T> for Fjall {
    fn create(dir: &Path) -> Result<Self> {
        open(dir, Level::PowerSafe, 8)
    }

    fn build(&mut self, pairs: &[(T, T)]) -> Result<()> {
        let mut batch = self.db.batch().durability(Some(self.mode));
        for (key, value) in pairs {
            batch.insert(&self.items, key.bytes().as_ref(), value.bytes().as_ref());
        }
        Ok(batch.commit()?)
    }

    fn look_up(&mut self, keys: &[T]) -> Result<u64> {
        let mut sum = 0u64;
        for key in keys {
            let value = self.items.get(key.bytes())?.ok_or("key is missing")?;
            sum = sum.wrapping_add(weight(&value));
        }
        Ok(sum)
    }

    fn iterate(&mut self) -> Result<u64> {
        let mut sum = 0u64;
        for item in self.items.iter() {
            sum = sum.wrapping_add(weight(&item.value()?));
        }
        Ok(sum)
    }
}

impl<T: Item> KeptMap<T> for Fjall {
    fn open(dir: &Path) -> Result<Self> {
        open(dir, Level::PowerSafe, 8)
    }

    fn update(&mut self, key: &T, value: &T) -> Result<()> {
        <Self as Map<T>>::build(self, &[(key.clone(), value.clone())])
    }
}
