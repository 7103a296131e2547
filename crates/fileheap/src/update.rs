//! The short forms: a closure is the transaction.

use fileheap_core::{Error, Result};

use crate::{Alloc, Heap, Persist};

impl<R: Persist> Heap<R> {
    /// Writes: calls `change` with the root and commits. A panic in it aborts and goes on. Running
    /// out of space aborts and is an error.
    ///
    /// ```
    /// # fileheap::doctest::in_a_folder(|path| {
    /// use fileheap::{Heap, Vec};
    ///
    /// let heap = Heap::<Vec<u32>>::create(path, |alloc| alloc.vec())?;
    /// let count = heap.update(|numbers, _alloc| {
    ///     numbers.push(17);
    ///     numbers.len()
    /// })?;
    /// assert_eq!(count, 1);
    /// # Ok(()) });
    /// ```
    pub fn update<T>(
        &self,
        change: impl for<'x> FnOnce(&mut R::At<'x>, Alloc<'x>) -> T,
    ) -> Result<T> {
        let mut guard = self.write()?;
        let value = guard.run(change)?;
        guard.commit()?;
        Ok(value)
    }

    /// The same for a closure that can fail: its error aborts and is returned.
    pub fn try_update<T, E: From<Error>>(
        &self,
        change: impl for<'x> FnOnce(&mut R::At<'x>, Alloc<'x>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut guard = self.write()?;
        let value = guard.run(change)??;
        guard.commit()?;
        Ok(value)
    }
}
