//! The string: traits of the standard library.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::convert::Infallible;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Add, AddAssign, Deref, DerefMut};
use core::str::FromStr;
use std::borrow::Cow;

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec;

use super::String;

impl<A: Allocator> Deref for String<A> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<A: Allocator> DerefMut for String<A> {
    fn deref_mut(&mut self) -> &mut str {
        self.as_mut_str()
    }
}

impl<A: Allocator + Clone> Clone for String<A> {
    fn clone(&self) -> Self {
        String::from_str_in(self, self.allocator().clone())
    }
}

impl<A: Allocator> fmt::Debug for String<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<A: Allocator> fmt::Display for String<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<A: Allocator> fmt::Write for String<A> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl<A: Allocator> Hash for String<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<A: Allocator> Eq for String<A> {}
impl<A: Allocator, B: Allocator> PartialEq<String<B>> for String<A> {
    fn eq(&self, other: &String<B>) -> bool {
        self.as_str() == other.as_str()
    }
}
impl<A: Allocator, B: Allocator> PartialOrd<String<B>> for String<A> {
    fn partial_cmp(&self, other: &String<B>) -> Option<Ordering> {
        Some(self.as_str().cmp(other.as_str()))
    }
}
impl<A: Allocator> Ord for String<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// Comparisons with other kinds of text, both ways.
macro_rules! equal {
    ($($other:ty),*) => {$(
        impl<A: Allocator> PartialEq<$other> for String<A> {
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == AsRef::<str>::as_ref(other)
            }
        }
        impl<A: Allocator> PartialEq<String<A>> for $other {
            fn eq(&self, other: &String<A>) -> bool {
                AsRef::<str>::as_ref(self) == other.as_str()
            }
        }
    )*};
}
equal!(str, &str, std::string::String, Cow<'_, str>);

impl<A: Allocator> Borrow<str> for String<A> {
    fn borrow(&self) -> &str {
        self
    }
}
impl<A: Allocator> BorrowMut<str> for String<A> {
    fn borrow_mut(&mut self) -> &mut str {
        self
    }
}

impl<A: Allocator> AsMut<str> for String<A> {
    fn as_mut(&mut self) -> &mut str {
        self
    }
}

/// What text is also seen as.
macro_rules! as_ref {
    ($($target:ty),*) => {$(
        impl<A: Allocator> AsRef<$target> for String<A> {
            fn as_ref(&self) -> &$target {
                self.as_str().as_ref()
            }
        }
    )*};
}
as_ref!(str, [u8], std::ffi::OsStr, std::path::Path);

impl<A: Allocator> Extend<char> for String<A> {
    fn extend<I: IntoIterator<Item = char>>(&mut self, chars: I) {
        let chars = chars.into_iter();
        self.reserve(chars.size_hint().0);
        chars.for_each(|char| self.push(char));
    }
}
impl<'a, A: Allocator> Extend<&'a char> for String<A> {
    fn extend<I: IntoIterator<Item = &'a char>>(&mut self, chars: I) {
        self.extend(chars.into_iter().copied());
    }
}

/// Texts that a string is extended by.
macro_rules! extend {
    ($([$($generics:tt)*] $text:ty;)*) => {$(
        impl<$($generics)* A: Allocator> Extend<$text> for String<A> {
            fn extend<I: IntoIterator<Item = $text>>(&mut self, texts: I) {
                texts.into_iter().for_each(|text| self.push_str(&text));
            }
        }
    )*};
}
extend! {
    ['a,] &'a str;
    ['a,] Cow<'a, str>;
    [] std::string::String;
    [B: Allocator,] String<B>;
}

impl<A: Allocator> AddAssign<&str> for String<A> {
    fn add_assign(&mut self, text: &str) {
        self.push_str(text);
    }
}
impl<A: Allocator> Add<&str> for String<A> {
    type Output = Self;
    fn add(mut self, text: &str) -> Self {
        self.push_str(text);
        self
    }
}

impl Default for String {
    fn default() -> Self {
        Self::new()
    }
}
impl From<&str> for String {
    fn from(text: &str) -> Self {
        Self::from_str_in(text, Global)
    }
}
impl From<char> for String {
    fn from(char: char) -> Self {
        Self::from_iter_in([char], Global)
    }
}
impl FromStr for String {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}
impl<A: Allocator> From<String<A>> for std::string::String {
    fn from(text: String<A>) -> Self {
        text.as_str().into()
    }
}
impl<A: Allocator> From<String<A>> for Vec<u8, A> {
    fn from(text: String<A>) -> Self {
        text.into_bytes()
    }
}
impl FromIterator<char> for String {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        Self::from_iter_in(chars, Global)
    }
}
