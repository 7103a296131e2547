//! The repository as its own tests see it: its files, their lines, the tables in its documents.

pub mod cargo;
pub mod rust;
pub mod table;
pub mod tree;
