//! Renewal: private parts are mapped anew, so that memory and searches for dirty pages stay small.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::book::Book;
use super::engine::Engine;
use crate::Result;
use crate::os::SearchCost;

/// Before the first checkpoint it is taken to cost this, and never less than that.
const CHECKPOINT_GUESS: Duration = Duration::from_millis(2);
const CHECKPOINT_MIN: Duration = Duration::from_micros(200);
/// Mapping pages again takes so many times as long as searching them.
const REFILLS_PER_SEARCH: u32 = 3;
/// Where renewals do not pay they become so much rarer.
const RARITY_MAX: u32 = 64;

/// When searches have cost so much that a checkpoint is worth it, though the log is short.
#[derive(Debug)]
pub struct Renewal {
    /// What a checkpoint for this purpose costs.
    checkpoint: Duration,
    /// How many times its price searches must have cost.
    rarity: u32,
    /// Pins held the last attempt back: none before searches have cost this.
    not_before: Duration,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { checkpoint: CHECKPOINT_GUESS, rarity: 1, not_before: Duration::ZERO }
    }
}

impl Renewal {
    fn price(&self, cost: SearchCost) -> Duration {
        self.checkpoint + cost.last * REFILLS_PER_SEARCH
    }

    fn is_due(&self, cost: SearchCost) -> bool {
        cost.spent > self.not_before.max(self.price(cost) * self.rarity)
    }

    fn held_back(&mut self, cost: SearchCost) {
        self.not_before = cost.spent * 2;
    }

    /// It pays if the next search would have cost more than the mean of those so far, the price
    /// included.
    fn done(&mut self, cost: SearchCost, took: Duration) {
        // At most half more at a time: the disk may just have been busy.
        self.checkpoint = took.clamp(CHECKPOINT_MIN, self.checkpoint * 3 / 2);
        let pays = cost.last * cost.count > cost.spent + self.price(cost);
        self.rarity = if pays { 1 } else { RARITY_MAX.min(self.rarity * 2) };
    }
}

/// Where a writer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Between two transactions: no thread stores to the heap.
    Rest,
    /// Within a call that commits and goes on: other threads may be storing for what comes.
    Commit,
}

impl Engine {
    /// Renews if private pages take too much memory, or searches too much time.
    pub(super) fn renew_if_due(&self, book: &mut Book, at: Moment) -> Result<()> {
        let memory = book.private_bytes > self.private_bytes;
        if book.drop_due && (memory || at == Moment::Rest) {
            return self.map_anew(book);
        }
        let searched = if at == Moment::Commit { None } else { self.view.search_cost() };
        match searched.filter(|&cost| book.renewal.is_due(cost)) {
            Some(cost) => self.renew(book, cost),
            None => Ok(()),
        }
    }

    fn renew(&self, book: &mut Book, cost: SearchCost) -> Result<()> {
        let begun = Instant::now();
        if let Err(error) = self.checkpoint_held(book, true) {
            book.renewal.held_back(cost);
            book.trouble = Some(error.to_string());
            return self.may_write();
        }
        let bulletin = self.bulletin();
        if bulletin.checkpoint_txn.load(SeqCst) < bulletin.published_txn.load(SeqCst) {
            book.renewal.held_back(cost);
            return Ok(());
        }
        self.map_anew(book)?;
        book.renewal.done(cost, begun.elapsed());
        Ok(())
    }

    /// K5: drops all private pages, but not if other threads stored to some while the last
    /// transaction was committed: those belong to the next one.
    pub(super) fn map_anew(&self, book: &mut Book) -> Result<()> {
        if !book.baseline_stale {
            let searched = self.view.harvest(&mut book.late);
            searched.map_err(|error| self.os_error("cannot find dirty pages", error))?;
        }
        if !book.late.is_empty() {
            return Ok(());
        }
        let renewed = self.view.renew(self.mapped_bytes());
        let renewed = renewed.map_err(|error| self.os_error("cannot map the heap anew", error));
        book.private_bytes = 0;
        book.drop_due = false;
        book.baseline_stale = false;
        book.renewal.not_before = Duration::ZERO;
        // Others may have committed since the checkpoint.
        let pieces = book.index.plan(0, self.seen(), None);
        let done = renewed.and_then(|()| self.copy_pieces(book, &pieces));
        if done.is_err() {
            self.set_seen(u64::MAX);
            self.poisoned.store(true, SeqCst);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches that cost this until a renewal is due: how many, and the renewal done.
    fn searches(renewal: &mut Renewal, cost: impl Fn(u32) -> u32) -> u32 {
        let mut sum = SearchCost::default();
        while !renewal.is_due(sum) {
            sum.add(Duration::from_micros(cost(sum.count).into()));
        }
        renewal.done(sum, CHECKPOINT_GUESS);
        sum.count
    }

    #[test]
    fn comes_when_searches_grow_and_ever_more_rarely_when_they_do_not() {
        let mut renewal = Renewal::default();
        let growing = searches(&mut renewal, |count| count);
        assert!((60..80).contains(&growing), "{growing}");
        assert_eq!(searches(&mut renewal, |count| count), growing);
        let steady = searches(&mut renewal, |_| 20);
        assert!(searches(&mut renewal, |_| 20) > steady * 3 / 2);
        for _ in 0..10 {
            searches(&mut renewal, |_| 20);
        }
        assert!(searches(&mut renewal, |_| 20) > steady * 50);
        searches(&mut renewal, |count| count);
        assert_eq!(searches(&mut renewal, |count| count), growing);
    }

    #[test]
    fn held_back_it_waits_for_twice_as_long() {
        let mut renewal = Renewal::default();
        let cost = |us| SearchCost { count: 1, spent: Duration::from_micros(us), ..<_>::default() };
        assert!(renewal.is_due(cost(2001)) && !renewal.is_due(cost(2000)));
        renewal.held_back(cost(3000));
        assert!(renewal.is_due(cost(6001)) && !renewal.is_due(cost(6000)));
    }
}
