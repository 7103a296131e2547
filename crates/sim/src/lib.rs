//! Model, generated work, crash images, faults: the proof that a heap loses nothing.
//!
//! Generated work runs on a heap and, naively, on a [`model::Model`]. A [`record::Recorder`] notes
//! every change of the files; from its history [`images`] builds what a power cut could leave
//! behind, and [`judge`] opens that and compares it with the models that may be found there.
//! Everything follows from a seed, which a failure names; `FILEHEAP_SEED` runs it again.

pub mod faults;
pub mod images;
pub mod judge;
pub mod model;
pub mod random;
pub mod record;
pub mod script;
pub mod work;
pub mod world;
