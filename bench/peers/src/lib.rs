//! The peers fileheap is measured against: one adapter per file, all behind the traits of `seam`.

#[cfg(feature = "cpp")]
pub mod boost;
pub mod fill;
pub mod fjall;
pub mod floor;
pub mod lmdb;
pub mod map;
pub mod ram;
pub mod redb;
pub mod seam;
pub mod sqlite;
