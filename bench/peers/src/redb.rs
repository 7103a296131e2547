//! redb: a copy-on-write B-tree in Rust with a cache of its own.

use std::path::Path;

use redb::{Database, Durability, Key, ReadableDatabase, ReadableTable, TableDefinition, Value};

use crate::seam::{Item, KeptMap, Level, Map, Result, Spec, WordStore, value_of, weight, word_of};

const VALUES: TableDefinition<u64, &[u8]> = TableDefinition::new("values");

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

/// Items in the form that redb has for them.
pub trait Stored: Item {
    type Form: Key + 'static;
    fn stored(&self) -> <Self::Form as Value>::SelfType<'_>;
    fn weight_of(form: &<Self::Form as Value>::SelfType<'_>) -> u64;
}

impl Stored for u64 {
    type Form = u64;

    fn stored(&self) -> u64 {
        *self
    }

    fn weight_of(form: &u64) -> u64 {
        *form
    }
}

impl Stored for String {
    type Form = &'static str;

    fn stored(&self) -> &str {
        self
    }

    fn weight_of(form: &&str) -> u64 {
        weight(form.as_bytes())
    }
}

fn map_of<T: Stored>() -> TableDefinition<'static, T::Form, T::Form> {
    TableDefinition::new("map")
}

impl<T: Stored> Map<T> for Redb {
    fn create(dir: &Path) -> Result<Self> {
        let db = Database::create(dir.join("redb"))?;
        Ok(Self { db, durability: Durability::Immediate, value_bytes: 8 })
    }

    fn build(&mut self, pairs: &[(T, T)]) -> Result<()> {
        let txn = self.db.begin_write()?;
        {
            let mut table = txn.open_table(map_of::<T>())?;
            for (key, value) in pairs {
                table.insert(key.stored(), value.stored())?;
            }
        }
        Ok(txn.commit()?)
    }

    fn look_up(&mut self, keys: &[T]) -> Result<u64> {
        let table = self.db.begin_read()?.open_table(map_of::<T>())?;
        let mut sum = 0u64;
        for key in keys {
            let value = table.get(key.stored())?.ok_or("key is missing")?;
            sum = sum.wrapping_add(T::weight_of(&value.value()));
        }
        Ok(sum)
    }

    fn iterate(&mut self) -> Result<u64> {
        let table = self.db.begin_read()?.open_table(map_of::<T>())?;
        let mut sum = 0u64;
        for pair in table.iter()? {
            sum = sum.wrapping_add(T::weight_of(&pair?.1.value()));
        }
        Ok(sum)
    }
}

impl<T: Stored> KeptMap<T> for Redb {
    fn open(dir: &Path) -> Result<Self> {
        let db = Database::open(dir.join("redb"))?;
        Ok(Self { db, durability: Durability::Immediate, value_bytes: 8 })
    }

    fn update(&mut self, key: &T, value: &T) -> Result<()> {
        <Self as Map<T>>::build(self, &[(key.clone(), value.clone())])
    }
}
