//! What C hands us: the one place that follows its pointers, after a look at each.

use std::ffi::{CStr, OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use fileheap_core::{Error, ErrorKind, Result, Wait};

#[cold]
pub fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

fn bytes<'a>(from: *const c_char, what: &str) -> Result<&'a [u8]> {
    if from.is_null() {
        return Err(invalid(format!("{what} is NULL")));
    }
    // SAFETY: the header asks for a string that ends in NUL and stays as it is during the call.
    Ok(unsafe { CStr::from_ptr(from) }.to_bytes())
}

/// A path, as the system has it: any bytes.
pub fn path<'a>(from: *const c_char) -> Result<&'a Path> {
    bytes(from, "the path").map(|bytes| Path::new(OsStr::from_bytes(bytes)))
}

/// A name of a root: UTF-8.
pub fn name<'a>(from: *const c_char) -> Result<&'a str> {
    let bytes = bytes(from, "the name")?;
    std::str::from_utf8(bytes).map_err(|_| invalid("a name must be UTF-8"))
}

/// A place for an answer that must be there.
pub fn place<T>(to: *mut T) -> Result<*mut T> {
    if to.is_null() { Err(invalid("there is no place for the answer (NULL)")) } else { Ok(to) }
}

/// Stores an answer, unless nobody wants it.
pub fn store<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the header asks for a pointer to a T, or NULL.
        unsafe { to.write(value) };
    }
}

/// Plain structs whose first member says how long the caller's version of it is; all zeros are a
/// value, and stand for "nothing chosen".
///
/// # Safety
/// `repr(C)`, begins with a `usize`, and every bit pattern is a value.
pub unsafe trait Versioned: Copy {}

fn claimed<T: Versioned>(from: *const T) -> Result<usize> {
    // SAFETY: the header asks for a pointer to such a struct; its first member is its size.
    let size = unsafe { from.cast::<usize>().read() };
    if size < size_of::<usize>() || size > 4096 {
        return Err(invalid(format!("the struct's member size is {size}"))
            .advice("begin with the struct's initialiser"));
    }
    Ok(size)
}

/// A struct of whatever version; NULL is all zeros.
pub fn read_sized<T: Versioned>(from: *const T) -> Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !from.is_null() {
        let size = claimed(from)?;
        // SAFETY: so many bytes are the caller's; zeros are valid where they are fewer than ours.
        unsafe {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), size);
            let known = size.min(size_of::<T>());
            value.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), known);
            if bytes[known..].iter().any(|&byte| byte != 0) {
                let text = "the struct sets members that this library does not know";
                return Err(Error::new(ErrorKind::Unsupported, text)
                    .advice("use the library that the program was built for, or a later one"));
            }
        }
    }
    // SAFETY: every bit pattern is a value.
    Ok(unsafe { value.assume_init() })
}

/// Fills a struct of whatever version; members the caller does not know are left out.
pub fn write_sized<T: Versioned>(to: *mut T, value: T) -> Result<()> {
    let size = claimed(place(to)?.cast_const())?;
    let from = (&raw const value).cast::<u8>();
    let skip = size_of::<usize>();
    let known = size.min(size_of::<T>());
    // SAFETY: so many bytes are the caller's and ours; the size stays as the caller said it.
    unsafe { to.cast::<u8>().add(skip).copy_from_nonoverlapping(from.add(skip), known - skip) };
    Ok(())
}

/// Milliseconds as the header counts them: below 0 is for ever, 0 is not at all.
pub fn wait(milliseconds: i64) -> Wait {
    match u64::try_from(milliseconds) {
        Err(_) => Wait::Forever,
        Ok(0) => Wait::Try,
        Ok(count) => {
            let deadline = Instant::now().checked_add(Duration::from_millis(count));
            deadline.map_or(Wait::Forever, Wait::Until)
        }
    }
}

/// Copies a text into the caller's room, cut where that ends; always with a NUL.
pub fn copy_text(text: &CStr, to: *mut c_char, capacity: usize) {
    let bytes = text.to_bytes();
    if to.is_null() || capacity == 0 {
        return;
    }
    let count = bytes.len().min(capacity - 1);
    // SAFETY: the header asks for room of `capacity` bytes.
    unsafe {
        to.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count);
        to.add(count).write(0);
    }
}
