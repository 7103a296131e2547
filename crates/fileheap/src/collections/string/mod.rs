//! A string in memory of any allocator: UTF-8 in a vector of bytes.

#[cfg(test)]
mod tests;
mod traits;

use core::fmt;
use core::ops::{Bound, RangeBounds};
use core::str::{self, Utf8Error};

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec;

use super::layout::Probe;

/// A string, as `std::string::String`.
///
/// ```
/// use fileheap::collections::string::String;
///
/// let mut text = String::from("heap");
/// text.insert_str(0, "a file is a ");
/// assert!(text.ends_with("heap") && text == "a file is a heap");
/// ```
#[repr(transparent)]
pub struct String<A: Allocator = Global> {
    /// Always UTF-8.
    bytes: Vec<u8, A>,
}

/// Bytes that were not UTF-8, given back.
pub struct FromUtf8Error<A: Allocator = Global> {
    bytes: Vec<u8, A>,
    error: Utf8Error,
}

impl<A: Allocator> FromUtf8Error<A> {
    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8, A> {
        self.bytes
    }

    /// What is wrong with them.
    pub fn utf8_error(&self) -> Utf8Error {
        self.error
    }
}

impl<A: Allocator> fmt::Debug for FromUtf8Error<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<A: Allocator> fmt::Display for FromUtf8Error<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<A: Allocator> core::error::Error for FromUtf8Error<A> {}

impl String {
    /// An empty string in ordinary memory.
    pub fn new() -> Self {
        Self::new_in(Global)
    }
}

impl<A: Allocator> String<A> {
    /// An empty string; it allocates when the first character comes.
    pub fn new_in(alloc: A) -> Self {
        String { bytes: Vec::new_in(alloc) }
    }

    /// An empty string with place for so many bytes.
    pub fn with_capacity_in(capacity: usize, alloc: A) -> Self {
        String { bytes: Vec::with_capacity_in(capacity, alloc) }
    }

    /// A copy of this text.
    pub fn from_str_in(text: &str, alloc: A) -> Self {
        let mut string = Self::with_capacity_in(text.len(), alloc);
        string.push_str(text);
        string
    }

    /// These characters.
    pub fn from_iter_in(chars: impl IntoIterator<Item = char>, alloc: A) -> Self {
        let mut string = Self::new_in(alloc);
        string.extend(chars);
        string
    }

    /// The bytes as text, if they are UTF-8.
    pub fn from_utf8(bytes: Vec<u8, A>) -> Result<Self, FromUtf8Error<A>> {
        match str::from_utf8(&bytes) {
            Ok(_) => Ok(String { bytes }),
            Err(error) => Err(FromUtf8Error { bytes, error }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // SAFETY: the bytes are UTF-8: all that is ever put in comes from str or char, and is
        // taken out at character boundaries. Checking on every use would cost its length.
        unsafe { str::from_utf8_unchecked(&self.bytes) }
    }

    /// The text, to be changed in place.
    pub fn as_mut_str(&mut self) -> &mut str {
        // SAFETY: as in `as_str`; str keeps itself UTF-8.
        unsafe { str::from_utf8_unchecked_mut(&mut self.bytes) }
    }

    /// The bytes, which the string is turned into.
    pub fn into_bytes(self) -> Vec<u8, A> {
        self.bytes
    }

    /// The text for as long as its memory lasts; it is not freed before.
    pub fn leak<'a>(self) -> &'a mut str
    where
        A: 'a,
    {
        // SAFETY: as in `as_str`.
        unsafe { str::from_utf8_unchecked_mut(self.bytes.leak()) }
    }

    /// Where the string's memory comes from.
    pub fn allocator(&self) -> &A {
        self.bytes.allocator()
    }

    /// The number of bytes there is place for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes place for so many bytes more.
    pub fn reserve(&mut self, additional: usize) {
        self.bytes.reserve(additional);
    }

    /// Makes place for exactly so many bytes more.
    pub fn reserve_exact(&mut self, additional: usize) {
        self.bytes.reserve_exact(additional);
    }

    /// Gives back what place there is too much.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Gives back place, but for so many bytes.
    pub fn shrink_to(&mut self, capacity: usize) {
        self.bytes.shrink_to(capacity);
    }

    /// Appends a text.
    pub fn push_str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends a character.
    pub fn push(&mut self, char: char) {
        self.push_str(char.encode_utf8(&mut [0; 4]));
    }

    /// Appends a copy of a range of itself. Panics if that begins or ends inside a character.
    pub fn extend_from_within(&mut self, range: impl RangeBounds<usize>) {
        let range = self.bounds(range);
        self.bytes.extend_from_within(range);
    }

    /// Removes the last character.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.bytes.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Cuts behind so many bytes. Panics inside a character.
    pub fn truncate(&mut self, len: usize) {
        if len <= self.len() {
            assert!(self.is_char_boundary(len), "cannot cut at byte {len}, inside a character");
            self.bytes.truncate(len);
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Removes the character at a byte. Panics where none begins.
    pub fn remove(&mut self, index: usize) -> char {
        let removed = self[index..].chars().next().expect("cannot remove behind the end");
        self.bytes.drain(index..index + removed.len_utf8());
        removed
    }

    /// Inserts a character at a byte. Panics inside a character.
    pub fn insert(&mut self, index: usize, char: char) {
        self.insert_str(index, char.encode_utf8(&mut [0; 4]));
    }

    /// Inserts a text at a byte. Panics inside a character.
    pub fn insert_str(&mut self, index: usize, text: &str) {
        assert!(self.is_char_boundary(index), "cannot insert at byte {index}, inside a character");
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes[index..].rotate_right(text.len());
    }

    /// Keeps the characters for which `keep` says so. If it panics, all that was there stays.
    pub fn retain(&mut self, mut keep: impl FnMut(char) -> bool) {
        let kept: std::string::String = self.chars().filter(|char| keep(*char)).collect();
        self.bytes.clear();
        self.push_str(&kept);
    }

    /// Moves what is from a byte on into a string of its own. Panics inside a character.
    pub fn split_off(&mut self, at: usize) -> Self
    where
        A: Clone,
    {
        assert!(self.is_char_boundary(at), "cannot cut at byte {at}, inside a character");
        String { bytes: self.bytes.split_off(at) }
    }

    /// The bytes of a range, whose ends are checked to be boundaries of characters.
    fn bounds(&self, range: impl RangeBounds<usize>) -> core::ops::Range<usize> {
        let start = match range.start_bound() {
            Bound::Unbounded => 0,
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start + 1,
        };
        let end = match range.end_bound() {
            Bound::Unbounded => self.len(),
            Bound::Included(&end) => end + 1,
            Bound::Excluded(&end) => end,
        };
        let _ = &self[start..end];
        start..end
    }

    /// Removes a range and gives its characters. Panics if it begins or ends inside a character.
    /// The range is gone at once, whether the characters are taken or not.
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> std::vec::IntoIter<char> {
        let range = self.bounds(range);
        let removed: std::vec::Vec<char> = self[range.clone()].chars().collect();
        self.bytes.drain(range);
        removed.into_iter()
    }

    /// Puts a text in place of a range. Panics if that begins or ends inside a character.
    pub fn replace_range(&mut self, range: impl RangeBounds<usize>, text: &str) {
        let range = self.bounds(range);
        let start = range.start;
        // Inserted first, so that a failing allocation changes nothing.
        self.insert_str(range.end, text);
        self.bytes.drain(range);
        debug_assert!(self[start..].starts_with(text));
    }

    /// What the words of a string are, found by looking at a real one (of an allocator without
    /// size).
    pub fn layout() -> std::string::String {
        let mut probe = Probe::of::<Self>("String");
        let mut specimen = String::from("0123456789");
        specimen.reserve_exact(1234);
        probe.find("ptr", &specimen, specimen.as_ptr() as usize);
        probe.find("len", &specimen, specimen.len());
        probe.find("capacity", &specimen, specimen.capacity());
        probe.text()
    }
}
