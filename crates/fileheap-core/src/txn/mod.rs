//! What a writer touched; begin, commit, abort; snapshots and pins; poison after a failed barrier.

mod abort;
mod append;
mod book;
mod checkpoint;
mod commit;
mod damage;
mod engine;
mod frozen;
mod gate;
mod pins;
mod reading;
mod recover;
mod refine;
mod renewal;
mod room;
mod settle;
mod sync;
mod tail;
mod windows;
mod write_set;
mod writer;

pub use commit::{Changes, Durability, FreshExtent};
pub use engine::{Engine, Parts, Progress};
pub use gate::Gate;
pub use pins::{anybody_has_slot, list as list_attached, take_slot, writer_pid};
pub use recover::Recovery;
pub use write_set::{Areas, WriteSet};
