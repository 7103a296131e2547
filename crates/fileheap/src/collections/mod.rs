//! The collections that live in a file, each generic over its allocator.

pub mod btree;
pub mod deque;
pub mod hash;
mod layout;
pub mod string;
#[cfg(test)]
mod string_tests;
#[cfg(test)]
pub(crate) mod testing;
