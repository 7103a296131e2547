//! The free runs we know of, by address and by size. Volatile.

use super::bins::{BINS, Filled, bin, is_exact};
use super::ends::Ends;

/// A free run of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeRun {
    pub(super) page: u64,
    pub(super) pages: u64,
    /// The last transaction that freed a page of it.
    pub(super) freed_txn: u64,
    /// Its disk space was given back.
    pub(super) punched: bool,
    /// The transaction in which it is known to read as zeros, or 0. Not longer: another process
    /// may store to free pages and then abort.
    pub(super) zero_txn: u64,
}

impl FreeRun {
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.page + self.pages
    }
}

/// What is asked of the pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub(super) pages: u64,
    /// In pages; a power of two.
    pub(super) align: u64,
    /// Only pages that nobody wants any more will do.
    pub(super) safe: bool,
    /// Only pages that have disk space will do.
    pub(super) filled: bool,
}

impl Want {
    /// So many pages, at a multiple of `align`, any will do.
    pub(super) fn any(pages: u64, align: u64) -> Self {
        Self { pages, align, safe: false, filled: false }
    }

    /// Where the wanted pages would begin in a free range that begins at `page`.
    pub(super) fn start_in(&self, page: u64) -> u64 {
        page.next_multiple_of(self.align)
    }
}

/// How many runs a search looks at beyond the first that would do.
const PATIENCE: usize = 8;
/// How many when only some runs will do.
const PATIENCE_CHOOSY: usize = 256;
/// How many of a bin that are too small.
const PATIENCE_SMALL: usize = 64;

/// No node.
const NIL: u32 = 0;

/// A free run in the list of its bin. A vacant node has no pages.
#[derive(Clone, Copy)]
struct Node {
    run: FreeRun,
    next: u32,
    last: u32,
}

/// Every step is O(1), save where it says otherwise.
pub(super) struct Pool {
    /// The first is nobody's.
    nodes: Vec<Node>,
    /// The first of the vacant nodes.
    vacant: u32,
    heads: Box<[u32; BINS]>,
    filled: Filled,
    ends: Ends,
}

impl Default for Pool {
    fn default() -> Self {
        let run = FreeRun { page: 0, pages: 0, freed_txn: 0, punched: false, zero_txn: 0 };
        Self {
            nodes: vec![Node { run, next: NIL, last: NIL }],
            vacant: NIL,
            heads: Box::new([NIL; BINS]),
            filled: Filled::NONE,
            ends: Ends::default(),
        }
    }
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.nodes.truncate(1);
        self.vacant = NIL;
        self.heads.fill(NIL);
        self.filled = Filled::NONE;
        self.ends.clear();
    }

    #[inline]
    fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    /// The node of the run that begins at a page, or NIL. Marks are checked: where a damaged map
    /// shows runs that overlap, one may lie on another's end.
    #[inline]
    fn at(&self, page: u64) -> u32 {
        let id = self.ends.get(page);
        let run = &self.node(id).run;
        if run.page == page && run.pages > 0 { id } else { NIL }
    }

    /// The free run that begins at a page.
    #[inline]
    pub(super) fn get(&self, page: u64) -> Option<FreeRun> {
        let id = self.at(page);
        (id != NIL).then(|| self.node(id).run)
    }

    /// The free run that ends before a page, with no page between.
    #[inline]
    pub(super) fn ending_at(&self, page: u64) -> Option<FreeRun> {
        let run = self.node(self.ends.get(page.checked_sub(1)?)).run;
        (run.end() == page && run.pages > 0).then_some(run)
    }

    /// All runs by address. Sorts them.
    pub(super) fn by_page(&self) -> Vec<FreeRun> {
        let runs = self.nodes.iter().map(|node| node.run);
        let mut runs: Vec<FreeRun> = runs.filter(|run| run.pages > 0).collect();
        runs.sort_unstable_by_key(|run| run.page);
        runs
    }

    /// Whether a run over these pages would overlap one that is known. Looks back to the next.
    pub(super) fn overlaps(&self, page: u64, pages: u64) -> bool {
        let run = &self.node(self.ends.last_before(page + pages)).run;
        run.pages > 0 && run.end() > page
    }

    pub(super) fn insert(&mut self, run: FreeRun) {
        if run.pages == 0 {
            return;
        }
        let bin = bin(run.pages);
        let next = self.heads[bin];
        let node = Node { run, next, last: NIL };
        let id = self.vacant;
        let id = if id == NIL {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            self.vacant = self.nodes[id as usize].next;
            self.nodes[id as usize] = node;
            id
        };
        if next == NIL {
            self.filled.add(bin);
        } else {
            self.nodes[next as usize].last = id;
        }
        self.heads[bin] = id;
        self.ends.set(run.page, id);
        self.ends.set(run.end() - 1, id);
    }

    pub(super) fn remove(&mut self, page: u64) -> Option<FreeRun> {
        let id = self.at(page);
        if id == NIL {
            return None;
        }
        let Node { run, next, last } = *self.node(id);
        if next != NIL {
            self.nodes[next as usize].last = last;
        }
        if last != NIL {
            self.nodes[last as usize].next = next;
        } else {
            let bin = bin(run.pages);
            self.heads[bin] = next;
            if next == NIL {
                self.filled.remove(bin);
            }
        }
        for page in [run.page, run.end() - 1] {
            if self.ends.get(page) == id {
                self.ends.set(page, NIL);
            }
        }
        self.nodes[id as usize] =
            Node { run: FreeRun { pages: 0, ..run }, next: self.vacant, last };
        self.vacant = id;
        Some(run)
    }

    /// The smallest run that will do, or one hardly larger; a safe one if one is near.
    pub(super) fn fit(&self, want: &Want, safe_txn: u64) -> Option<FreeRun> {
        let near = self.fit_from(want, want.pages, safe_txn);
        if near.is_some() || want.align == 1 {
            return near;
        }
        self.fit_from(want, want.pages + want.align - 1, safe_txn)
    }

    fn fit_from(&self, want: &Want, least: u64, safe_txn: u64) -> Option<FreeRun> {
        let choosy = want.safe || want.filled;
        let mut patience = if choosy { PATIENCE_CHOOSY } else { PATIENCE };
        let mut unsafe_one = None;
        let mut next_bin = self.filled.first(bin(least));
        while let Some(bin) = next_bin {
            let (mut best, mut too_small): (Option<FreeRun>, _) = (None, 0);
            let mut id = self.heads[bin];
            while id != NIL && patience > 0 && too_small < PATIENCE_SMALL {
                let Node { run, next, .. } = *self.node(id);
                id = next;
                if run.pages < least {
                    too_small += 1;
                    continue;
                }
                patience -= 1;
                if want.start_in(run.page) + want.pages > run.end() || want.filled && run.punched {
                    continue;
                }
                let is_safe = run.freed_txn <= safe_txn;
                let slot = if is_safe { &mut best } else { &mut unsafe_one };
                if slot.is_none_or(|other| run.pages < other.pages) {
                    *slot = Some(run);
                }
                if is_safe && is_exact(bin) {
                    return best;
                }
            }
            if best.is_some() || patience == 0 {
                return best.or(unsafe_one.filter(|_| !want.safe));
            }
            next_bin = self.filled.first(bin + 1);
        }
        unsafe_one.filter(|_| !want.safe)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::effort::effort;

    /// Runs that do not touch, at random places, of sizes in exact and in wider bins.
    fn roll(state: &mut u64) -> FreeRun {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let dice = *state >> 16;
        let pages = 1 + (dice >> 24) % (1 << ((dice >> 12) % 14));
        let (punched, freed_txn) = (dice & 1 != 0, dice >> 1 & 1);
        FreeRun { page: dice % 3000 * 10_000, pages, freed_txn, punched, zero_txn: 0 }
    }

    #[test]
    fn agrees_with_a_map_by_address() {
        let (mut pool, mut map) = (Pool::default(), BTreeMap::<u64, FreeRun>::new());
        let mut state = 7;
        for step in 0..effort(20_000, 60) {
            let run = roll(&mut state);
            assert_eq!(
                pool.overlaps(run.page + 1, 9998),
                map.get(&run.page).is_some_and(|it| it.pages > 1)
            );
            match map.remove(&run.page) {
                Some(known) => {
                    assert_eq!(pool.ending_at(known.end()), Some(known));
                    assert_eq!(
                        (pool.get(run.page), pool.remove(run.page)),
                        (Some(known), Some(known))
                    );
                    assert_eq!(pool.ending_at(known.end()), None);
                }
                None => {
                    assert_eq!((pool.get(run.page), pool.remove(run.page)), (None, None));
                    pool.insert(run);
                    map.insert(run.page, run);
                }
            }
            let want = Want {
                safe: step % 3 == 0,
                filled: step % 5 == 0,
                ..Want::any(roll(&mut state).pages, 1)
            };
            let least = map.values().filter(|it| {
                it.pages >= want.pages
                    && (!want.safe || it.freed_txn == 0)
                    && (!want.filled || !it.punched)
            });
            let least = least.map(|it| it.pages).min();
            let found = pool.fit(&want, 0);
            assert!(found.is_none_or(|it| map.get(&it.page) == Some(&it)));
            assert_eq!(found.is_some(), least.is_some(), "{want:?}");
            let (Some(found), Some(least)) = (found, least) else { continue };
            let fits = found.pages >= want.pages && (!want.safe || found.freed_txn == 0);
            assert!(fits && (!want.filled || !found.punched), "{want:?} {found:?}");
            if want.safe && least < 1024 {
                assert_eq!(found.pages, least, "{want:?}");
            }
        }
        assert!(pool.by_page().iter().eq(map.values()));
        pool.clear();
        assert!(pool.by_page().is_empty() && pool.fit(&Want::any(1, 1), 9).is_none());
    }

    #[test]
    fn runs_that_overlap_in_a_damaged_map_are_removed_one_by_one() {
        let mut pool = Pool::default();
        let run = |page, pages| FreeRun { page, pages, freed_txn: 0, punched: false, zero_txn: 0 };
        let runs = [run(10, 10), run(15, 5), run(10, 3), run(12, 1)];
        runs.into_iter().for_each(|run| pool.insert(run));
        assert!(pool.overlaps(0, 11) && !pool.overlaps(0, 10) && !pool.overlaps(20, 5));
        assert_eq!(pool.remove(10), Some(run(10, 3)));
        assert_eq!((pool.remove(15), pool.remove(12)), (Some(run(15, 5)), Some(run(12, 1))));
        assert_eq!((pool.remove(10), pool.ending_at(20), pool.get(12)), (None, None, None));
    }
}
