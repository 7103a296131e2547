//! Reserving a range of addresses, at the place a heap asks for or elsewhere.

use std::fs;
use std::io;

use super::sys::{HUGE_BYTES, Mapping, map};

/// No reservation is made smaller than this, or than what was asked for.
const RESERVE_MIN: u64 = 64 << 20;

const FLAGS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// Reserves inaccessible addresses from `base` on; less than `bytes` where the system refuses.
pub(super) fn reserve(base: u64, exact: bool, bytes: u64) -> io::Result<Mapping> {
    if base != 0 {
        match shrinking(bytes, |bytes| reserve_at(base, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !exact => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && !exact => {}
            result => return result,
        }
    }
    shrinking(bytes, reserve_anywhere)
}

fn shrinking(bytes: u64, attempt: impl Fn(u64) -> io::Result<Mapping>) -> io::Result<Mapping> {
    let mut bytes = bytes;
    loop {
        match attempt(bytes) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && bytes > RESERVE_MIN => {
                bytes = (bytes / 2).max(RESERVE_MIN).next_multiple_of(HUGE_BYTES);
            }
            result => return result,
        }
    }
}

fn reserve_at(base: u64, bytes: u64) -> io::Result<Mapping> {
    let wanted = base as *mut u8;
    let flags = FLAGS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: MAP_FIXED_NOREPLACE replaces nothing.
    match unsafe { map(wanted, bytes, libc::PROT_NONE, flags, None) } {
        Ok(got) => {
            let reserved = Mapping::from_raw(got, bytes);
            // Kernels before 4.17 take the address for a hint.
            if got == wanted { Ok(reserved) } else { Err(taken(base, bytes)) }
        }
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Err(taken(base, bytes)),
        Err(error) => Err(error),
    }
}

fn reserve_anywhere(bytes: u64) -> io::Result<Mapping> {
    // SAFETY: without MAP_FIXED the kernel picks a free range.
    let got =
        unsafe { map(std::ptr::null_mut(), bytes + HUGE_BYTES, libc::PROT_NONE, FLAGS, None) }?;
    let skip = (got as u64).next_multiple_of(HUGE_BYTES) - got as u64;
    let start = got.wrapping_add(skip as usize);
    // Both ends that alignment leaves over go back.
    if skip > 0 {
        drop(Mapping::from_raw(got, skip));
    }
    if skip < HUGE_BYTES {
        drop(Mapping::from_raw(start.wrapping_add(bytes as usize), HUGE_BYTES - skip));
    }
    Ok(Mapping::from_raw(start, bytes))
}

#[cold]
fn taken(base: u64, bytes: u64) -> io::Error {
    let occupant = occupant(base, base.saturating_add(bytes));
    let text = format!(
        "address {base:#x} (for {bytes:#x} bytes) is taken in this process by {}",
        occupant.as_deref().unwrap_or("a mapping that is gone by now")
    );
    io::Error::new(io::ErrorKind::AddrInUse, text)
}

/// What is mapped in the range, as `start-end name`.
fn occupant(start: u64, end: u64) -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (low, high) = range.split_once('-')?;
        let low = u64::from_str_radix(low, 16).ok()?;
        let high = u64::from_str_radix(high, 16).ok()?;
        if high <= start || low >= end {
            return None;
        }
        // Permissions, offset, device and inode come before the name.
        let name = rest.splitn(5, ' ').nth(4).map_or("", str::trim);
        let name = if name.is_empty() { "anonymous memory" } else { name };
        Some(format!("{low:#x}-{high:#x} {name}"))
    })
}
