//! The collections that live in a file, each generic over its allocator.

pub mod btree;
mod layout;
#[cfg(test)]
pub(crate) mod testing;
