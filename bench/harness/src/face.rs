//! The Rust face's rows: maps whose keys and values are the program's own, in the file.

use std::path::Path;

use fileheap::{BTreeMap, HashMap, Heap, String as Text};
use peers::seam::{KeptMap, Map, Result, weight};

const FILE: &str = "bench.heap";

/// A heap whose root is one map. `form` makes what is stored of an item, `seen` what is looked up
/// by, `sum` the weight of a stored value, `set` changes one in its place.
macro_rules! map_in_a_heap {
    ($name:ident, $map:ident :: $new:ident, $item:ty, $form:ty, $form_of:expr, $seen:expr,
     $weight:expr, $set:expr) => {
        pub struct $name(Heap<$map<'static, $form, $form>>);

        impl Map<$item> for $name {
            fn create(dir: &Path) -> Result<Self> {
                Ok(Self(Heap::<$map<$form, $form>>::create(dir.join(FILE), |alloc| alloc.$new())?))
            }

            fn build(&mut self, pairs: &[($item, $item)]) -> Result<()> {
                self.0.update(|map, alloc| {
                    for (key, value) in pairs {
                        map.insert($form_of(alloc, key), $form_of(alloc, value));
                    }
                })?;
                Ok(())
            }

            fn look_up(&mut self, keys: &[$item]) -> Result<u64> {
                let read = self.0.read()?;
                let (map, mut sum) = (&*read, 0u64);
                for key in keys {
                    let value = map.get($seen(key)).ok_or("key is missing")?;
                    sum = sum.wrapping_add($weight(value));
                }
                Ok(sum)
            }

            fn iterate(&mut self) -> Result<u64> {
                Ok(self.0.read()?.values().map($weight).fold(0, u64::wrapping_add))
            }
        }

        impl KeptMap<$item> for $name {
            fn open(dir: &Path) -> Result<Self> {
                Ok(Self(Heap::<$map<$form, $form>>::open(dir.join(FILE))?))
            }

            fn update(&mut self, key: &$item, value: &$item) -> Result<()> {
                let is_there = self.0.update(|map, _| match map.get_mut($seen(key)) {
                    Some(old) => {
                        $set(old, value);
                        true
                    }
                    None => false,
                })?;
                if is_there { Ok(()) } else { Err("key is missing".into()) }
            }
        }
    };
}

fn number(_alloc: fileheap::Alloc<'_>, item: &u64) -> u64 {
    *item
}

fn text<'x>(alloc: fileheap::Alloc<'x>, item: &str) -> Text<'x> {
    alloc.string(item)
}

fn itself(item: &u64) -> &u64 {
    item
}

fn weight_of_number(value: &u64) -> u64 {
    *value
}

fn weight_of_text(value: &Text) -> u64 {
    weight(value.as_bytes())
}

fn set_number(old: &mut u64, new: &u64) {
    *old = *new;
}

fn set_text(old: &mut Text, new: &str) {
    old.clear();
    old.push_str(new);
}

macro_rules! of_numbers {
    ($name:ident, $map:ident :: $new:ident) => {
        map_in_a_heap!($name, $map::$new, u64, u64, number, itself, weight_of_number, set_number);
    };
}

macro_rules! of_texts {
    ($name:ident, $map:ident :: $new:ident) => {
        map_in_a_heap!(
            $name,
            $map::$new,
            String,
            Text<'static>,
            text,
            String::as_str,
            weight_of_text,
            set_text
        );
    };
}

of_numbers!(NumberTree, BTreeMap::btree_map);
of_numbers!(NumberHash, HashMap::hash_map);
of_texts!(TextTree, BTreeMap::btree_map);
of_texts!(TextHash, HashMap::hash_map);
