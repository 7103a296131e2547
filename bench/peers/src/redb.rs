//! redb: a copy-on-write B-tree in Rust with a cache of its own.

use std::path::Path;

use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use crate::seam::{Level, OrderedMap, Result, Spec, WordStore, value_of, word_of};

const VALUES: TableDefinition<u64, &[u8]> = TableDefinition::new("values");
const WORDS: TableDefinition<u64, u64> = TableDefinition::new("words");

pub struct Redb {
    db: Database,
    durability: Durability,
    value_bytes: usize,
}

impl WordStore for Redb {
    fn create(dir: &Path, spec: &Spec) -> Result<()> {
        let db = Database::create(dir.join("redb"))?;
        let txn = db.begin_write()?;
        {
            let mut table = txn.open_table(VALUES)?;
            for item in 0..spec.item_count {
                let value = value_of(Spec::initial(item), spec.value_bytes);
                table.insert(item, value.as_slice())?;
            }
        }
        Ok(txn.commit()?)
    }

    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self> {
        let durability = match level {
            Level::PowerSafe => Durability::Immediate,
            Level::Buffered => Durability::None,
        };
        let db = Database::open(dir.join("redb"))?;
        Ok(Self { db, durability, value_bytes: spec.value_bytes })
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        let table = self.db.begin_read()?.open_table(VALUES)?;
        word_of(table.get(item)?.ok_or("item is missing")?.value())
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let bytes = value_of(value, self.value_bytes);
        let mut txn = self.db.begin_write()?;
        txn.set_durability(self.durability)?;
        {
            let mut table = txn.open_table(VALUES)?;
            for item in items {
                table.insert(*item, bytes.as_slice())?;
            }
        }
        Ok(txn.commit()?)
    }
}

impl OrderedMap for Redb {
    fn create(dir: &Path) -> Result<Self> {
        let db = Database::create(dir.join("redb"))?;
        Ok(Self { db, durability: Durability::Immediate, value_bytes: 8 })
    }

    fn build(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        let txn = self.db.begin_write()?;
        {
            let mut table = txn.open_table(WORDS)?;
            for (key, value) in pairs {
                table.insert(*key, *value)?;
            }
        }
        Ok(txn.commit()?)
    }

    fn look_up(&mut self, keys: &[u64]) -> Result<u64> {
        let table = self.db.begin_read()?.open_table(WORDS)?;
        let mut sum = 0u64;
        for key in keys {
            sum = sum.wrapping_add(table.get(*key)?.ok_or("key is missing")?.value());
        }
        Ok(sum)
    }
}
