//! The collections that live in a file, each generic over its allocator.

pub mod btree;
pub mod deque;
pub mod hash;
mod layout;
pub mod string;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod variance;
#[cfg(test)]
mod vec_tests;
