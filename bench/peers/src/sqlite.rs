//! SQLite, bundled, in WAL mode: one table, integer primary key, blob value.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::seam::{Level, OrderedMap, Result, Spec, WordStore, value_of, word_of};

const INSERT: &str = "INSERT INTO items (id, value) VALUES (?1, ?2)";
const UPDATE: &str = "UPDATE items SET value = ?2 WHERE id = ?1";
const SELECT: &str = "SELECT value FROM items WHERE id = ?1";

pub struct Sqlite {
    connection: Connection,
    value_bytes: usize,
}

fn open(dir: &Path, level: Level, value_bytes: usize) -> Result<Sqlite> {
    let connection = Connection::open(dir.join("sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match level {
        Level::PowerSafe => "FULL",
        Level::Buffered => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // The store fits the cache, as it does for the peers that map their file.
    connection.pragma_update(None, "cache_size", -2_000_000)?;
    Ok(Sqlite { connection, value_bytes })
}

fn create_table(store: &Sqlite) -> Result<()> {
    store.connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, value)", [])?;
    Ok(())
}

impl WordStore for Sqlite {
    fn create(dir: &Path, spec: &Spec) -> Result<()> {
        let mut store = open(dir, Level::PowerSafe, spec.value_bytes)?;
        create_table(&store)?;
        let transaction = store.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for item in 0..spec.item_count {
                let value = value_of(Spec::initial(item), spec.value_bytes);
                insert.execute(params![item as i64, value])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn open(dir: &Path, spec: &Spec, level: Level) -> Result<Self> {
        open(dir, level, spec.value_bytes)
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        let mut select = self.connection.prepare_cached(SELECT)?;
        let value: Vec<u8> = select.query_row([item as i64], |row| row.get(0))?;
        word_of(&value)
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let bytes = value_of(value, self.value_bytes);
        let transaction = self.connection.transaction()?;
        {
            let mut update = transaction.prepare_cached(UPDATE)?;
            for item in items {
                if update.execute(params![*item as i64, bytes])? != 1 {
                    return Err("item is missing".into());
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

impl OrderedMap for Sqlite {
    fn create(dir: &Path) -> Result<Self> {
        let store = open(dir, Level::PowerSafe, 8)?;
        create_table(&store)?;
        Ok(store)
    }

    fn build(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for (key, value) in pairs {
                insert.execute(params![*key as i64, *value as i64])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn look_up(&mut self, keys: &[u64]) -> Result<u64> {
        let mut select = self.connection.prepare_cached(SELECT)?;
        let mut sum = 0u64;
        for key in keys {
            let value: i64 = select.query_row([*key as i64], |row| row.get(0))?;
            sum = sum.wrapping_add(value as u64);
        }
        Ok(sum)
    }
}
