//! std's BTreeMap in memory: the reference of the map workload, which promises nothing on disk.

use std::collections::BTreeMap;
use std::path::Path;

use crate::seam::{OrderedMap, Result};

pub struct StdMap(BTreeMap<u64, u64>);

impl OrderedMap for StdMap {
    fn create(_dir: &Path) -> Result<Self> {
        Ok(Self(BTreeMap::new()))
    }

    fn build(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        for (key, value) in pairs {
            self.0.insert(*key, *value);
        }
        Ok(())
    }

    fn look_up(&mut self, keys: &[u64]) -> Result<u64> {
        let mut sum = 0u64;
        for key in keys {
            sum = sum.wrapping_add(*self.0.get(key).ok_or("key is missing")?);
        }
        Ok(sum)
    }
}
