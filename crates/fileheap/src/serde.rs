//! Data out of a heap and into one, by serde.
//!
//! Out: the collections are `Serialize` wherever their contents are. In: a collection needs to be
//! told where its memory comes from, which `Deserialize` cannot; so there is `DeserializeIn`, and
//! [`Alloc::deserialize`](crate::Alloc::deserialize) that begins it. Plain types have it from
//! their `Deserialize`; [`deserialize_in!`](crate::deserialize_in) gives it to structs.
//!
//! ```
//! use fileheap::{BTreeMap, Persist, String, Vec};
//!
//! #[derive(Persist, serde::Serialize)]
//! struct Book<'h> {
//!     title: String<'h>,
//!     years: Vec<'h, u16>,
//! }
//! fileheap::deserialize_in!(Book<'h> { title, years });
//!
//! # fileheap::doctest::in_a_folder(|path| {
//! let heap = fileheap::Heap::<Option<BTreeMap<u32, Book>>>::create(path, |_| None)?;
//! let json = r#"{"7":{"title":"On heaps","years":[1964,2026]}}"#;
//! heap.update(|root, alloc| {
//!     let mut from = serde_json::Deserializer::from_str(json);
//!     *root = Some(alloc.deserialize(&mut from).unwrap());
//! })?;
//! let read = heap.read()?;
//! assert_eq!(serde_json::to_string(&*read).unwrap(), json);
//! # drop(read);
//! # Ok(())
//! # });
//! ```

mod collections;
mod plain;
mod structs;

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer};

use crate::Alloc;

#[doc(hidden)]
pub use structs::{Field, field_seed};

/// What can be made in a heap from serialized data.
pub trait DeserializeIn<'h, 'de>: Sized {
    /// Makes one with memory from `alloc`.
    ///
    /// # Errors
    /// What the format reports; what was made up to there is dropped.
    fn deserialize_in<D: Deserializer<'de>>(
        alloc: Alloc<'h>,
        deserializer: D,
    ) -> Result<Self, D::Error>;
}

impl<'h> Alloc<'h> {
    /// Makes a value in the heap from serialized data.
    ///
    /// # Errors
    /// What the format reports; what was made up to there is dropped.
    pub fn deserialize<'de, T, D>(self, deserializer: D) -> Result<T, D::Error>
    where
        T: DeserializeIn<'h, 'de>,
        D: Deserializer<'de>,
    {
        T::deserialize_in(self, deserializer)
    }
}

/// Makes a `T` where serde asks for a seed: inside of sequences and maps.
pub struct In<'h, T>(Alloc<'h>, PhantomData<T>);

impl<'h, T> In<'h, T> {
    /// One that takes its memory from `alloc`.
    pub fn new(alloc: Alloc<'h>) -> Self {
        In(alloc, PhantomData)
    }
}

impl<'h, 'de, T: DeserializeIn<'h, 'de>> DeserializeSeed<'de> for In<'h, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize_in(self.0, deserializer)
    }
}
