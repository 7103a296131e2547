//! A file is a heap: your own Rust structures in a file, safely, with transactions.

pub mod collections;
