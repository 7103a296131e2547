//! What a collection looks like in memory, as text: so that a file whose collections were laid out
//! by another compiler, or another version of a crate, is recognised.

use core::fmt::Write;
use core::mem::{align_of, size_of};

/// The text as it grows: a line for the type, then one for each thing known about it.
pub(crate) struct Probe(String);

impl Probe {
    /// Begins with the name, size and alignment of `T`.
    pub(crate) fn of<T>(name: &str) -> Self {
        Probe(format!("{name}: size {} align {}", size_of::<T>(), align_of::<T>()))
    }

    /// Says at which byte something is.
    pub(crate) fn word(&mut self, what: &str, offset: usize) {
        let _ = write!(self.0, "; {what} at {offset}");
    }

    /// Says some numbers in a row.
    pub(crate) fn numbers(&mut self, what: &str, numbers: &[usize]) {
        let _ = write!(self.0, "; {what} {numbers:?}");
    }

    /// Finds where a real value keeps a number that only it can have, by looking at its words.
    /// Not found is said as well: that is a layout, too.
    pub(crate) fn find<T>(&mut self, what: &str, value: &T, number: usize) {
        let words = size_of::<T>() / size_of::<usize>();
        let first = core::ptr::from_ref(value).cast::<usize>();
        let found = (0..words).find(|index| {
            // SAFETY: within the value, aligned because the collections hold pointers; they have
            // no padding between whole words, so each word is initialized.
            unsafe { first.add(*index).read() == number }
        });
        match found {
            Some(index) => self.word(what, index * size_of::<usize>()),
            None => drop(write!(self.0, "; {what} nowhere")),
        }
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}
