//! The write set: byte ranges a tracked transaction says it stored to.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges in any order, with repeats; `take` gives them sorted and merged.
#[derive(Debug, Default)]
pub struct WriteSet {
    ranges: Vec<Range<u64>>,
}

/// Ranges closer than this are logged as one: a record costs as much.
const MERGE_GAP: u64 = 16;

impl WriteSet {
    /// Adds a range; a repeat or continuation of the last one costs nothing.
    pub fn add(&mut self, offset: u64, bytes: u64) {
        let end = offset.saturating_add(bytes);
        let last = self.ranges.last_mut();
        if let Some(last) = last.filter(|last| (last.start..=last.end).contains(&offset)) {
            last.end = last.end.max(end);
            return;
        }
        self.ranges.push(offset..end);
    }

    /// The ranges, ascending, disjoint; the set is empty afterwards.
    pub fn take(&mut self) -> Vec<Range<u64>> {
        merged(std::mem::take(&mut self.ranges), MERGE_GAP)
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Space in disjoint ranges that do not touch each other.
#[derive(Debug, Default)]
pub struct Areas {
    ends: BTreeMap<u64, u64>,
}

impl Areas {
    /// Adds a range.
    pub fn add(&mut self, range: Range<u64>) {
        if self.cover(&range) {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((&first, &last)) = self.ends.range(..=end).next_back() {
            if last < start {
                break;
            }
            (start, end) = (start.min(first), end.max(last));
            self.ends.remove(&first);
        }
        self.ends.insert(start, end);
    }

    /// Whether all of a range was added.
    #[must_use]
    pub fn cover(&self, range: &Range<u64>) -> bool {
        let before = self.ends.range(..=range.start).next_back();
        before.is_some_and(|(_, &end)| range.end <= end)
    }

    /// The ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.ends.iter().map(|(&start, &end)| start..end).collect()
    }
}

/// Sorts ranges and joins those less than `gap` apart.
#[must_use]
pub fn merged(mut ranges: Vec<Range<u64>>, gap: u64) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let joins = next.start <= kept.end.saturating_add(gap);
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
    ranges.retain(|range| !range.is_empty());
    ranges
}

/// Cuts `ranges` into the parts inside and outside of `areas`; both ascending and disjoint.
#[must_use]
pub fn split(ranges: &[Range<u64>], areas: &[Range<u64>]) -> (Vec<Range<u64>>, Vec<Range<u64>>) {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    let mut next = 0;
    for range in ranges {
        let mut from = range.start;
        while next < areas.len() && areas[next].end <= from {
            next += 1;
        }
        let mut area = next;
        while from < range.end {
            let Some(here) = areas.get(area).filter(|here| here.start < range.end) else {
                outside.push(from..range.end);
                break;
            };
            if here.start > from {
                outside.push(from..here.start);
                from = here.start;
            }
            let end = here.end.min(range.end);
            inside.push(from..end);
            from = end;
            area += 1;
        }
    }
    (inside, outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_join_and_cover() {
        let mut areas = Areas::default();
        [10..20, 40..50, 30..35, 20..22, 34..40].into_iter().for_each(|range| areas.add(range));
        assert_eq!(areas.ranges(), [10..22, 30..50]);
        assert!(areas.cover(&(10..22)) && areas.cover(&(31..50)) && areas.cover(&(49..50)));
        assert!(!areas.cover(&(9..11)) && !areas.cover(&(21..31)) && !areas.cover(&(49..51)));
    }

    #[test]
    fn merges_and_splits() {
        let mut set = WriteSet::default();
        for (offset, bytes) in [(100, 8), (108, 8), (0, 4), (130, 8), (104, 2)] {
            set.add(offset, bytes);
        }
        let ranges = set.take();
        assert_eq!(ranges, [0..4, 100..138]);
        assert!(set.is_empty());
        let (inside, outside) = split(&ranges, &[2..3, 110..120, 137..500]);
        assert_eq!(inside, [2..3, 110..120, 137..138]);
        assert_eq!(outside, [0..2, 3..4, 100..110, 120..137]);
        let (inside, outside) = split(&[0..10, 20..30], &[5..25]);
        assert_eq!((inside, outside), (vec![5..10, 20..25], vec![0..5, 25..30]));
    }
}
