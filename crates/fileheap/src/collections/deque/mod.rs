//! A queue with two ends: a ring buffer in memory of any allocator.
//!
//! What always holds between calls: `head < capacity` or both are 0; `len <= capacity`; the `len`
//! places from `head` on, going round, are initialized. Growing asks for memory before it changes
//! anything, and only then moves what went round.

mod change;
mod iter;
mod ring;
#[cfg(test)]
mod tests;
mod traits;

pub use iter::{Drain, IntoIter, Iter, IterMut};
pub use ring::VecDeque;
