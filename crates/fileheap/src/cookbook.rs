//! Whole programs, each of them run as a test.
//!
//! - [`store`]: a heap kept in a struct of one's own, which threads share
//! - [`evolution`]: a type that changed, and old files that become new
//! - [`cache`]: a cache that outlives the program
//! - [`undo`]: an undo log
//! - [`index`]: an inverted index
//! - [`jobs`]: a queue of jobs for several processes

#[doc = include_str!("cookbook/store.md")]
pub mod store {}
#[doc = include_str!("cookbook/evolution.md")]
pub mod evolution {}
#[doc = include_str!("cookbook/cache.md")]
pub mod cache {}
#[doc = include_str!("cookbook/undo.md")]
pub mod undo {}
#[doc = include_str!("cookbook/index.md")]
pub mod index {}
#[doc = include_str!("cookbook/jobs.md")]
pub mod jobs {}
