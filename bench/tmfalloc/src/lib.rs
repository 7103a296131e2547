//! tmfalloc: std's collections in a mapped file. A crate of its own, for it needs an unstable
//! compiler, which `bench/.cargo/config.toml` makes of ours for these two crates alone.

#![feature(allocator_api, btreemap_alloc)]

use std::collections::BTreeMap;
use std::path::Path;

use peers::seam::{KeptMap, Map, Result, weight};
use tmfalloc::{Allocator, Holder};

/// Its address space wants a place and a size in advance; both are kept in the file.
const ADDRESS: usize = 0x2000_0000_0000;
const ARENA_BYTES: usize = tmfalloc::GI;
const MAGIC: u64 = 0x6669_6c65_6865_6170;

/// std's String takes no allocator.
type Text = Vec<u8, Allocator>;

fn open<R: Send + Sync>(dir: &Path, new: fn(Allocator) -> R) -> Result<Holder<R>> {
    let prefix = dir.join("tmfalloc");
    let prefix = prefix.to_str().ok_or("a path that is not UTF-8")?;
    // SAFETY: a file is opened with the type that made it; nothing points into it afterwards.
    let holder = unsafe { Holder::open(prefix, Some(ADDRESS), ARENA_BYTES, MAGIC, new) };
    holder.map_err(|error| format!("{error:?}").into())
}

macro_rules! map_in_an_arena {
    ($name:ident, $item:ty, $form:ty, $form_of:expr, $seen:expr, $weight:expr, $set:expr) => {
        pub struct $name(Holder<BTreeMap<$form, $form, Allocator>>);

        impl Map<$item> for $name {
            fn create(dir: &Path) -> Result<Self> {
                Ok(Self(open(dir, BTreeMap::new_in)?))
            }

            fn build(&mut self, pairs: &[($item, $item)]) -> Result<()> {
                let mut map = self.0.write();
                let alloc = map.allocator();
                for (key, value) in pairs {
                    map.insert($form_of(&alloc, key), $form_of(&alloc, value));
                }
                map.commit();
                Ok(())
            }

            fn look_up(&mut self, keys: &[$item]) -> Result<u64> {
                let read = self.0.read();
                let (map, mut sum) = (&*read, 0u64);
                for key in keys {
                    let value = map.get($seen(key)).ok_or("key is missing")?;
                    sum = sum.wrapping_add($weight(value));
                }
                Ok(sum)
            }

            fn iterate(&mut self) -> Result<u64> {
                Ok(self.0.read().values().map($weight).fold(0, u64::wrapping_add))
            }
        }

        impl KeptMap<$item> for $name {
            fn open(dir: &Path) -> Result<Self> {
                <Self as Map<$item>>::create(dir)
            }

            fn update(&mut self, key: &$item, value: &$item) -> Result<()> {
                let mut map = self.0.write();
                $set(map.get_mut($seen(key)).ok_or("key is missing")?, value);
                map.commit();
                Ok(())
            }
        }
    };
}

fn number(_alloc: &Allocator, item: &u64) -> u64 {
    *item
}

fn text(alloc: &Allocator, item: &str) -> Text {
    item.as_bytes().to_vec_in(alloc.clone())
}

fn itself(item: &u64) -> &u64 {
    item
}

fn weight_of_number(value: &u64) -> u64 {
    *value
}

fn weight_of_text(value: &Text) -> u64 {
    weight(value)
}

fn set_number(old: &mut u64, new: &u64) {
    *old = *new;
}

fn set_text(old: &mut Text, new: &str) {
    old.clear();
    old.extend_from_slice(new.as_bytes());
}

map_in_an_arena!(Numbers, u64, u64, number, itself, weight_of_number, set_number);
map_in_an_arena!(Texts, String, Text, text, String::as_bytes, weight_of_text, set_text);
