//! The ordered map: ranges, and what changes many entries at once.

use core::borrow::Borrow;
use core::marker::PhantomData;
use core::ops::{Bound, RangeBounds};

use allocator_api2::alloc::Allocator;

use super::insert::Appender;
use super::iter::{Range, RangeMut, Span};
use super::map::BTreeMap;
use super::place::{Gap, search};

impl<K, V, A: Allocator> BTreeMap<K, V, A> {
    /// The gap at a bound: before its key or behind it. `is_end` says which side unbounded means.
    fn gap<Q: Ord + ?Sized>(&self, bound: Bound<&Q>, is_end: bool) -> Option<Gap<K, V>>
    where
        K: Borrow<Q>,
    {
        let (first, last) = self.ends()?;
        let (key, is_behind) = match bound {
            Bound::Unbounded => return Some(if is_end { last } else { first }),
            Bound::Included(key) => (key, is_end),
            Bound::Excluded(key) => (key, !is_end),
        };
        // SAFETY: the root is alive and of this height, and the place found is in the tree.
        unsafe {
            Some(match search(self.root?, self.height, key) {
                Err(gap) => gap,
                Ok(place) if is_behind => place.after(),
                Ok(place) => place.before(),
            })
        }
    }

    fn span<Q: Ord + ?Sized>(&self, range: &impl RangeBounds<Q>) -> Span<K, V>
    where
        K: Borrow<Q>,
    {
        let start = self.start_of(range);
        Span::new(start.zip(self.gap(range.end_bound(), true)))
    }

    /// The gap where a range starts. Panics if that is behind its end.
    pub(super) fn start_of<Q: Ord + ?Sized>(&self, range: &impl RangeBounds<Q>) -> Option<Gap<K, V>>
    where
        K: Borrow<Q>,
    {
        use Bound::{Excluded, Included};
        match (range.start_bound(), range.end_bound()) {
            (Excluded(start), Excluded(end)) if start == end => {
                panic!("the range excludes its start and its end, which are the same key")
            }
            (Included(start) | Excluded(start), Included(end) | Excluded(end)) if start > end => {
                panic!("the range starts at a greater key than it ends at")
            }
            _ => {}
        }
        self.gap(range.start_bound(), false)
    }

    /// The entries with keys in a range. Panics if it starts behind its end, as std's does.
    pub fn range<Q, R>(&self, range: R) -> Range<'_, K, V>
    where
        Q: Ord + ?Sized,
        K: Borrow<Q>,
        R: RangeBounds<Q>,
    {
        Range { span: self.span(&range), len: 0, borrows: PhantomData }
    }

    /// The entries with keys in a range, the values to be changed.
    pub fn range_mut<Q, R>(&mut self, range: R) -> RangeMut<'_, K, V>
    where
        Q: Ord + ?Sized,
        K: Borrow<Q>,
        R: RangeBounds<Q>,
    {
        RangeMut { span: self.span(&range), len: 0, borrows: PhantomData }
    }

    /// Keeps the entries for which `keep` says so; the others are dropped.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let Some((mut gap, _)) = self.ends() else { return };
        // SAFETY: the gap is one of this map; after a removal it is the one that removal gives.
        while let Some(place) = unsafe { gap.right() } {
            // SAFETY: the entry is in this map, which is borrowed mutably.
            unsafe {
                if keep(&*place.key(), &mut *place.value()) {
                    gap = place.after();
                } else {
                    let (removed, next) = self.remove_at(place);
                    gap = next;
                    drop(removed);
                }
            }
        }
    }

    /// Moves all entries of `other` here; where both have a key, `other`'s value stays. If memory
    /// runs out on the way, each entry is in one of the two but the one that was being moved.
    pub fn append(&mut self, other: &mut Self)
    where
        K: Ord,
    {
        while let Some((key, value)) = other.pop_first() {
            self.insert_near_end(key, value);
        }
    }

    /// Inserts; a key above all others is not searched for.
    fn insert_near_end(&mut self, key: K, value: V)
    where
        K: Ord,
    {
        let last = self.ends().map(|(_, last)| last);
        // SAFETY: the gap is in this map.
        let is_above =
            |gap: Gap<K, V>| unsafe { gap.left().is_none_or(|place| *place.key() < key) };
        match last.filter(|gap| is_above(*gap)) {
            // SAFETY: the gap behind all entries.
            Some(gap) => drop(unsafe { self.insert_at(gap, key, value) }),
            None => drop(self.insert(key, value)),
        }
    }

    /// Moves the entries from `key` on into a map of their own.
    pub fn split_off<Q: Ord + ?Sized>(&mut self, key: &Q) -> Self
    where
        K: Borrow<Q> + Ord,
        A: Clone,
    {
        let mut moved = BTreeMap::new_in((*self.alloc).clone());
        while let Some(entry) = self.last_entry() {
            if entry.key().borrow() < key {
                break;
            }
            let (key, value) = entry.remove_entry();
            match moved.ends() {
                // SAFETY: the gap before all entries, which are greater.
                Some((first, _)) => drop(unsafe { moved.insert_at(first, key, value) }),
                None => drop(moved.insert_first(key, value)),
            }
        }
        moved
    }

    /// A map of these entries; of those with equal keys the last one.
    pub fn from_iter_in(entries: impl IntoIterator<Item = (K, V)>, alloc: A) -> Self
    where
        K: Ord,
    {
        let mut sorted: std::vec::Vec<(K, V)> = entries.into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut appender = Appender::new(alloc);
        let mut entries = sorted.into_iter().peekable();
        while let Some((key, value)) = entries.next() {
            if entries.peek().is_none_or(|next| next.0 != key) {
                appender.push(key, value);
            }
        }
        appender.finish()
    }
}

impl<K: Clone, V: Clone, A: Allocator + Clone> Clone for BTreeMap<K, V, A> {
    /// A map with copies of all entries, from the same allocator.
    fn clone(&self) -> Self {
        let mut appender = Appender::new((*self.alloc).clone());
        for (key, value) in self {
            appender.push(key.clone(), value.clone());
        }
        appender.finish()
    }
}

impl<K: Ord, V, A: Allocator> Extend<(K, V)> for BTreeMap<K, V, A> {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        for (key, value) in entries {
            self.insert_near_end(key, value);
        }
    }
}

impl<'a, K: Ord + Copy, V: Copy, A: Allocator> Extend<(&'a K, &'a V)> for BTreeMap<K, V, A> {
    fn extend<T: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: T) {
        self.extend(entries.into_iter().map(|(key, value)| (*key, *value)));
    }
}
