//! Maps in memory, which promise nothing on disk: std's B-tree, std's hash map and hashbrown.

use std::collections::BTreeMap;
use std::path::Path;

use crate::seam::{Item, Map, Result, weight};

macro_rules! in_memory {
    ($(#[$about:meta])* $name:ident, $map:ty) => {
        $(#[$about])*
        pub struct $name<T>($map);

        impl<T: Item> Map<T> for $name<T> {
            fn create(_dir: &Path) -> Result<Self> {
                Ok(Self(<$map>::default()))
            }

            fn build(&mut self, pairs: &[(T, T)]) -> Result<()> {
                for (key, value) in pairs {
                    self.0.insert(key.clone(), value.clone());
                }
                Ok(())
            }

            fn look_up(&mut self, keys: &[T]) -> Result<u64> {
                let mut sum = 0u64;
                for key in keys {
                    let value = self.0.get(key).ok_or("key is missing")?;
                    sum = sum.wrapping_add(weight(value.bytes().as_ref()));
                }
                Ok(sum)
            }

            fn iterate(&mut self) -> Result<u64> {
                let weights = self.0.values().map(|value| weight(value.bytes().as_ref()));
                Ok(weights.fold(0, u64::wrapping_add))
            }
        }
    };
}

in_memory!(StdTree, BTreeMap<T, T>);
in_memory!(
    /// With SipHash, as it comes.
    StdHash,
    std::collections::HashMap<T, T>
);
in_memory!(
    /// With foldhash, as it comes.
    Hashbrown,
    hashbrown::HashMap<T, T>
);
