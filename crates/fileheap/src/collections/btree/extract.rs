//! Taking out of the ordered map what a closure chooses, one after another.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::{Bound, RangeBounds};

use allocator_api2::alloc::Allocator;

use super::map::BTreeMap;
use super::place::Gap;

/// Entries of a range that a closure chooses, by value. What the iterator has not come to when it
/// is dropped stays in the map.
pub struct ExtractIf<'a, K, V, R, F, A: Allocator> {
    map: &'a mut BTreeMap<K, V, A>,
    /// Before the next entry to be asked about.
    gap: Option<Gap<K, V>>,
    range: R,
    chooses: F,
}

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// Takes out, one after another, the entries with keys in a range for which `chooses` says so.
    pub fn extract_if<R, F>(&mut self, range: R, chooses: F) -> ExtractIf<'_, K, V, R, F, A>
    where
        K: Ord,
        R: RangeBounds<K>,
        F: FnMut(&K, &mut V) -> bool,
    {
        let gap = self.start_of(&range);
        ExtractIf { map: self, gap, range, chooses }
    }
}

impl<K: Ord, V, R, F, A> Iterator for ExtractIf<'_, K, V, R, F, A>
where
    R: RangeBounds<K>,
    F: FnMut(&K, &mut V) -> bool,
    A: Allocator,
{
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        // SAFETY: the gap is one of this map, which is borrowed mutably; after a removal it is the
        // one that removal gives.
        while let Some(place) = unsafe { self.gap?.right() } {
            // SAFETY: the entry is in this map. What the closures do with it ends before it moves.
            unsafe {
                let key = &*place.key();
                let is_behind = match self.range.end_bound() {
                    Bound::Unbounded => false,
                    Bound::Included(end) => key > end,
                    Bound::Excluded(end) => key >= end,
                };
                if is_behind {
                    break;
                }
                if (self.chooses)(key, &mut *place.value()) {
                    let (entry, gap) = self.map.remove_at(place);
                    self.gap = Some(gap);
                    return Some(entry);
                }
                self.gap = Some(place.after());
            }
        }
        self.gap = None;
        None
    }
}

impl<K: Ord, V, R, F, A> FusedIterator for ExtractIf<'_, K, V, R, F, A>
where
    R: RangeBounds<K>,
    F: FnMut(&K, &mut V) -> bool,
    A: Allocator,
{
}

impl<K, V, R: fmt::Debug, F, A: Allocator> fmt::Debug for ExtractIf<'_, K, V, R, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractIf").field("range", &self.range).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as Plain;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::BTreeMap;
    use crate::collections::testing::{Budget, Census, Rng, effort};

    #[test]
    fn takes_out_what_was_chosen() {
        let mut rng = Rng::new("extract");
        for _ in 0..effort(300, 4) {
            let (census, budget) = (Census::default(), Budget::endless());
            let entries = Vec::from_iter((0..rng.below(400) as u32).map(|key| (key, key * 2)));
            let mut map = BTreeMap::from_iter_in(
                entries.iter().map(|(key, value)| (*key, census.value(*value))),
                budget.clone(),
            );
            let mut plain = Plain::from_iter(entries);
            let (start, part) = (rng.below(420) as u32, rng.below(4) as u32 + 1);
            let range = start..start + rng.below(200) as u32;
            let chooses = |key: &u32| key % part == 0 || key % 7 < 2;
            // As std's own does, since a version that is younger than our oldest compiler.
            let gone = plain.range(range.clone()).filter(|it| chooses(it.0));
            let taken = map.extract_if(range.clone(), |key, _| chooses(key));
            assert!(
                taken.map(|(key, value)| (key, value.number)).eq(gone.map(|it| (*it.0, *it.1)))
            );
            plain.retain(|key, _| !range.contains(key) || !chooses(key));
            let rest = map.iter().map(|(key, value)| (*key, value.number));
            assert!(rest.eq(plain.into_iter()) && map.len() == map.iter().count());
            drop(map);
            assert_eq!((census.alive(), budget.blocks()), (0, 0));
        }
    }

    #[test]
    fn what_it_has_not_come_to_stays() {
        let (census, budget) = (Census::default(), Budget::endless());
        let entries = (0..300).map(|key| (key, census.value(key)));
        let mut map = BTreeMap::from_iter_in(entries, budget.clone());
        let mut some = map.extract_if(10.., |key, _| key % 2 == 0);
        assert_eq!(some.by_ref().take(3).map(|(key, _)| key).sum::<u32>(), 10 + 12 + 14);
        let mut stops = map.extract_if(.., |key, _| {
            let is_end = *key == 100;
            if is_end { std::panic::resume_unwind(Box::new("stop")) } else { key % 2 > 0 }
        });
        let all = AssertUnwindSafe(|| stops.by_ref().map(|(key, _)| key % 2).sum::<u32>());
        assert!(catch_unwind(all).is_err());
        // It stands before the entry that it panicked at.
        assert!(catch_unwind(AssertUnwindSafe(|| stops.next().is_none())).is_err());
        assert_eq!((map.len(), map.iter().count()), (300 - 3 - 50, 247));
        drop(map);
        assert_eq!((census.alive(), budget.blocks()), (0, 0));
    }
}
