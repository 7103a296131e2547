//! Bounded reading: no offset is followed before it was checked against the bytes of the heap.

use std::marker::PhantomData;

use super::Cells;
use crate::format::Plain;
use crate::{Error, ErrorKind, Result};

/// The bytes of a heap, from offset 0.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    base: *mut u8,
    bytes: u64,
    life: PhantomData<&'a u8>,
}

impl<'a> Memory<'a> {
    /// The `bytes` bytes from `base` on.
    ///
    /// # Safety
    /// For `'a`, `base` is aligned to 64 and valid for reads of `bytes` bytes, which no other
    /// thread stores to while a method of this value, or of what was made from it, runs.
    #[must_use]
    pub const unsafe fn new(base: *const u8, bytes: u64) -> Self {
        Self { base: base.cast_mut(), bytes, life: PhantomData }
    }

    /// What `cells` spans now; to be asked again after an allocation.
    ///
    /// # Safety
    /// As `new` says, of `cells.base()` and `cells.file_bytes()`.
    #[inline]
    pub(super) unsafe fn of<C: Cells>(cells: &'a C) -> Self {
        Self { base: cells.base(), bytes: cells.file_bytes(), life: PhantomData }
    }

    /// The address of `bytes` bytes at `offset`, all of them inside.
    #[inline]
    pub(super) fn address(self, offset: u64, bytes: u64, align: u64) -> Result<*mut u8> {
        let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= self.bytes);
        if !is_inside || offset == 0 || offset & (align - 1) != 0 {
            return Err(self.stray(offset, bytes, align));
        }
        // SAFETY: offset + bytes does not pass the end of the memory that `new` was promised.
        Ok(unsafe { self.base.add(offset as usize) })
    }

    /// A copy of the value at `offset`.
    #[inline]
    pub fn read<T: Plain>(self, offset: u64) -> Result<T> {
        let at = self.address(offset, size_of::<T>() as u64, align_of::<T>() as u64)?;
        // SAFETY: in bounds and aligned as just checked; every bit pattern is a T.
        Ok(unsafe { at.cast::<T>().read() })
    }

    /// The bytes at `offset`.
    pub fn slice(self, offset: u64, bytes: u64) -> Result<&'a [u8]> {
        let at = self.address(offset, bytes, 1)?;
        // SAFETY: in bounds as just checked; nobody stores meanwhile, as `new` was promised.
        Ok(unsafe { std::slice::from_raw_parts(at, bytes as usize) })
    }

    #[cold]
    fn stray(self, offset: u64, bytes: u64, align: u64) -> Error {
        let end = self.bytes;
        corrupt(
            offset,
            format!(
                "{bytes} bytes, aligned to {align}, are said to lie at {offset}, the heap has {end}"
            ),
        )
    }
}

/// Stores `value` at `offset` and tells the transaction.
#[inline]
pub(super) fn store<C: Cells, T: Plain>(
    cells: &C,
    memory: Memory<'_>,
    offset: u64,
    value: T,
) -> Result<()> {
    let at = memory.address(offset, size_of::<T>() as u64, align_of::<T>() as u64)?;
    // SAFETY: in bounds and aligned; whoever holds cells to write with may store here.
    unsafe { at.cast::<T>().write(value) };
    cells.touch(offset, size_of::<T>() as u64);
    Ok(())
}

/// The error for bytes that cannot be what they should be.
#[cold]
pub(super) fn corrupt(offset: u64, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, what)
        .offset(offset)
        .advice("run check on the heap, then copy what can be read into a new one")
}
