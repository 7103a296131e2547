//! The ladder of ways to find dirty pages: each proves itself on this kernel before it is used.

use std::io;
use std::ops::Range;
use std::sync::OnceLock;

use super::file::LinuxFile;
use super::hashes::HashTracker;
use super::sys::{Mapping, os_page_bytes};
use super::uffd::{Arming, UffdTracker};
use crate::os::{Capture, File, SearchCost};

/// A way to find dirty pages. Ranges are file offsets, multiples of the OS page.
pub(super) trait Tracker: Send {
    /// The range was mapped privately just now.
    fn adopt(&mut self, range: Range<u64>) -> io::Result<()>;
    /// The private pages of the range were dropped.
    fn forget(&mut self, range: Range<u64>);
    /// See `View::doubt`.
    fn doubt(&mut self, _range: Range<u64>) {}
    /// All that is private was mapped anew, and adopted again.
    fn renewed(&mut self) {
        self.forget(0..u64::MAX);
    }
    /// See `View::search_cost`.
    fn cost(&self) -> Option<SearchCost> {
        None
    }
    /// Reports pages of `private` that were stored to since the last harvest, ascending.
    fn harvest(
        &mut self,
        private: &[Range<u64>],
        found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()>;
    fn name(&self) -> &'static str;
    /// Whether a harvest hashes every private page.
    fn hashes_pages(&self) -> bool {
        false
    }
}

/// For views that are mapped read-only: nobody but the engine stores there.
pub(super) struct Blind;

impl Tracker for Blind {
    fn adopt(&mut self, _range: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn forget(&mut self, _range: Range<u64>) {}

    fn harvest(
        &mut self,
        _private: &[Range<u64>],
        _found: &mut dyn FnMut(Range<u64>),
    ) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "none"
    }
}

/// The tracker that was asked for, or for `Auto` the best one that passes its test.
pub(super) fn choose(
    capture: Capture,
    file: &LinuxFile,
    base: u64,
) -> io::Result<Box<dyn Tracker>> {
    if capture != Capture::Auto {
        probe(capture, file)?;
        return make(capture, base);
    }
    if probe(Capture::Unarmed, file).is_ok() {
        let armed = probe(Capture::Armed, file).is_ok();
        let arming = if armed { Arming::WhenItPays } else { Arming::Never };
        // A limit on descriptors may strike here although the test passed earlier.
        if let Ok(tracker) = UffdTracker::new(base, arming) {
            return Ok(Box::new(tracker));
        }
    }
    if probe(Capture::Scan, file).is_ok() {
        return make(Capture::Scan, base);
    }
    probe(Capture::Pagemap, file)?;
    make(Capture::Pagemap, base)
}

fn make(capture: Capture, base: u64) -> io::Result<Box<dyn Tracker>> {
    Ok(match capture {
        Capture::Armed => Box::new(UffdTracker::new(base, Arming::Always)?),
        Capture::Unarmed => Box::new(UffdTracker::new(base, Arming::Never)?),
        Capture::Auto => Box::new(UffdTracker::new(base, Arming::WhenItPays)?),
        Capture::Scan => Box::new(HashTracker::new(base, true)?),
        Capture::Pagemap => Box::new(HashTracker::new(base, false)?),
    })
}

/// Whether a way works in this process; tested once, the answer is kept.
pub(super) fn probe(capture: Capture, file: &LinuxFile) -> io::Result<()> {
    static ANSWERS: [OnceLock<Option<String>>; 5] = [const { OnceLock::new() }; 5];
    let answer = ANSWERS[capture as usize]
        .get_or_init(|| self_test(capture, file).err().map(|error| error.to_string()));
    match answer {
        None => Ok(()),
        Some(why) => {
            let text = format!("dirty pages cannot be found by {capture:?} capture here: {why}");
            Err(io::Error::new(io::ErrorKind::Unsupported, text))
        }
    }
}

/// Stores to a private mapping of the file, which does not change the file, and harvests.
fn self_test(capture: Capture, file: &LinuxFile) -> io::Result<()> {
    let page = os_page_bytes();
    let bytes = 4 * page;
    if file.len()? < bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file is too short"));
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let memory = Mapping::new(Some(file.raw()), bytes, protection, libc::MAP_PRIVATE)?;
    let mut tracker = make(capture, memory.pointer() as u64)?;
    tracker.adopt(0..bytes)?;
    let store = |index: u64| {
        let at = memory.pointer().wrapping_add((index * page) as usize);
        // SAFETY: the mapping covers four pages, and the file is that long.
        unsafe { at.write_volatile(!at.read_volatile()) };
    };
    let untouched = memory.pointer().wrapping_add(2 * page as usize);
    // SAFETY: as above. A page that is present but clean must not be reported.
    unsafe { untouched.read_volatile() };
    for stores in [&[1][..], &[1, 3], &[3], &[]] {
        stores.iter().copied().for_each(store);
        let mut pages = Vec::new();
        tracker.harvest(std::slice::from_ref(&(0..bytes)), &mut |range| {
            pages.extend((range.start..range.end).step_by(page as usize).map(|at| at / page));
        })?;
        if pages != stores {
            let text = format!("stored to pages {stores:?}, found {pages:?}");
            return Err(io::Error::other(text));
        }
    }
    Ok(())
}
