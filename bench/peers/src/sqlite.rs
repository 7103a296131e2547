//! SQLite, bundled, in WAL mode: one table, integer primary key, blob value.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use crate::seam::{Item, KeptMap, Level, Map, Result, Spec, WordStore, value_of, weight, word_of};

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

/// Items in the form that SQLite has for them.
pub trait Column: Item {
    const TABLE: &str;
    fn column(&self) -> ValueRef<'_>;
    fn weight_of(value: ValueRef<'_>) -> Result<u64>;
}

impl Column for u64 {
    const TABLE: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, value INTEGER)";

    fn column(&self) -> ValueRef<'_> {
        ValueRef::Integer(*self as i64)
    }

    fn weight_of(value: ValueRef<'_>) -> Result<u64> {
        Ok(value.as_i64()? as u64)
    }
}

impl Column for String {
    const TABLE: &str = "CREATE TABLE items (id TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID";

    fn column(&self) -> ValueRef<'_> {
        ValueRef::Text(self.as_bytes())
    }

    fn weight_of(value: ValueRef<'_>) -> Result<u64> {
        Ok(weight(value.as_bytes()?))
    }
}

fn sql(value: ValueRef<'_>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(value)
}

impl<T: Column> Map<T> for Sqlite {
    fn create(dir: &Path) -> Result<Self> {
        let store = open(dir, Level::PowerSafe, 8)?;
        store.connection.execute(T::TABLE, [])?;
        Ok(store)
    }

    fn build(&mut self, pairs: &[(T, T)]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for (key, value) in pairs {
                insert.execute(params![sql(key.column()), sql(value.column())])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn look_up(&mut self, keys: &[T]) -> Result<u64> {
        let mut select = self.connection.prepare_cached(SELECT)?;
        let mut sum = 0u64;
        for key in keys {
            let mut rows = select.query(params![sql(key.column())])?;
            let row = rows.next()?.ok_or("key is missing")?;
            sum = sum.wrapping_add(T::weight_of(row.get_ref(0)?)?);
        }
        Ok(sum)
    }

    fn iterate(&mut self) -> Result<u64> {
        let mut all = self.connection.prepare_cached("SELECT value FROM items ORDER BY id")?;
        let mut rows = all.query([])?;
        let mut sum = 0u64;
        while let Some(row) = rows.next()? {
            sum = sum.wrapping_add(T::weight_of(row.get_ref(0)?)?);
        }
        Ok(sum)
    }
}

impl<T: Column> KeptMap<T> for Sqlite {
    fn open(dir: &Path) -> Result<Self> {
        open(dir, Level::PowerSafe, 8)
    }

    fn update(&mut self, key: &T, value: &T) -> Result<()> {
        let mut update = self.connection.prepare_cached(UPDATE)?;
        match update.execute(params![sql(key.column()), sql(value.column())])? {
            1 => Ok(()),
            _ => Err("key is missing".into()),
        }
    }
}
