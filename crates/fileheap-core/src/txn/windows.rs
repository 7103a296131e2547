//! Windows: direct extents that this process stores to in place.

use std::ops::Range;
use std::sync::PoisonError;

use super::book::Book;
use super::commit::{Changes, FreshExtent};
use super::engine::Engine;
use crate::Result;
use crate::log::Piece;

/// Looks into the page map of so many mapped bytes: how long the direct extent is that begins at an
/// offset, if one does, and where the two words lie that say so.
pub type ExtentAt = unsafe fn(*const u8, u64, u64) -> Option<([u64; 2], Option<u64>)>;

impl Engine {
    fn map_error(&self, error: std::io::Error) -> crate::Error {
        self.os_error("cannot map an extent", error)
    }

    /// Lets stores of this process to a direct extent go straight to the file; from the commit on
    /// if it is enlisted, or the log has bytes of it.
    pub fn open_window(&self, changes: &Changes, range: Range<u64>) -> Result<()> {
        if changes.has_made(&range) {
            return Ok(()); // it is shared, and the commit makes it a window
        }
        let mut enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut book = self.book();
        if book.windows.contains(&range) || enlisted.contains(&range) {
            return Ok(());
        }
        if book.index.names(0, u64::MAX, &range) {
            enlisted.push(range); // P29
            return Ok(());
        }
        self.reserve(range.clone())?;
        book.shadows.forget(std::slice::from_ref(&range));
        self.view.share(range.clone()).map_err(|error| self.map_error(error))?;
        book.windows.push(range);
        Ok(())
    }

    /// Undoes that. Returns whether there was a window.
    pub fn close_window(&self, range: &Range<u64>) -> Result<bool> {
        let mut book = self.book();
        let Some(at) = book.windows.iter().position(|window| window == range) else {
            return Ok(false);
        };
        self.view.unshare(range.clone()).map_err(|error| self.map_error(error))?;
        book.windows.swap_remove(at);
        Ok(true)
    }

    /// An extent in safe space, made by the open transaction: filled in place from birth.
    pub fn share_fresh(&self, changes: &Changes, range: Range<u64>, direct: bool) -> Result<()> {
        // Before the book, as everywhere: threads of one transaction meet here.
        let mut extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        let _book = self.book();
        self.view.share(range.clone()).map_err(|error| self.map_error(error))?;
        self.view.prefault(range.clone());
        extents.push(FreshExtent { range, direct });
        Ok(())
    }

    /// Whether stores to a run go straight to the file in this process.
    pub fn is_shared(&self, changes: &Changes, range: &Range<u64>) -> bool {
        changes.has_made(range) || self.book().windows.contains(range)
    }

    /// Makes a fresh extent read as zeros without storing to it; false if it is not shared.
    pub fn zero_fresh(&self, changes: &Changes, range: Range<u64>) -> Result<bool> {
        if !changes.has_made(&range) {
            return Ok(false);
        }
        let zeroed = self.host.data().zero(range);
        zeroed.map(|()| true).map_err(|error| self.os_error("cannot zero an extent", error))
    }

    /// The open transaction frees a run: whatever reuses the space needs private pages.
    pub fn forget_run(&self, changes: &Changes, range: Range<u64>) -> Result<()> {
        let mut extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = extents.iter().position(|extent| extent.range.start == range.start) {
            let extent = extents.swap_remove(at);
            changes.unsynced.store(true, std::sync::atomic::Ordering::SeqCst);
            let _book = self.book();
            return self.view.unshare(extent.range).map_err(|error| self.map_error(error));
        }
        drop(extents);
        let mut enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        enlisted.retain(|extent| extent.start != range.start);
        self.withdraw_window(changes, range)
    }

    /// Closes a window, if there is one, until the open transaction ends.
    fn withdraw_window(&self, changes: &Changes, range: Range<u64>) -> Result<()> {
        if self.close_window(&range)? {
            let mut closed = changes.closed.lock().unwrap_or_else(PoisonError::into_inner);
            closed.push(range);
        }
        Ok(())
    }

    /// Makes the open transaction's later stores to a direct extent atomic.
    pub fn enlist(&self, changes: &Changes, range: Range<u64>) -> Result<()> {
        if changes.has_made(&range) {
            return Ok(()); // its existence is undone by an abort, and its bytes with it
        }
        self.reserve(range.clone())?;
        self.withdraw_window(changes, range.clone())?;
        let mut enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if !enlisted.contains(&range) {
            enlisted.push(range);
        }
        Ok(())
    }

    /// P27: a run that begins there has another length now.
    pub fn resize_enlisted(&self, changes: &Changes, range: Range<u64>) {
        let mut enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(extent) = enlisted.iter_mut().find(|extent| extent.start == range.start) {
            *extent = range;
        }
    }

    /// P28: closes windows whose extents are gone, the state shown being `upto` but for windows,
    /// and brings what lies there up to date; returns what was copied for that.
    pub(super) fn drop_stale_windows(
        &self,
        book: &mut Book,
        after: u64,
        upto: u64,
    ) -> Result<Vec<Piece>> {
        let mut copied = Vec::new();
        while let Some(at) = self.stale_window(book) {
            let window = book.windows.swap_remove(at);
            self.view.unshare(window.clone()).map_err(|error| self.map_error(error))?;
            let pieces = book.index.plan(0, upto, Some(&[window]));
            self.copy_pieces(book, &pieces)?;
            copied.extend(pieces);
        }
        for window in &book.windows {
            if !book.owed.contains(window) && book.index.names(after, upto, window) {
                book.owed.push(window.clone());
            }
        }
        Ok(copied)
    }

    /// A window that is no direct extent in the state that is shown.
    fn stale_window(&self, book: &Book) -> Option<usize> {
        let around = |at: u64| book.windows.iter().position(|window| window.contains(&at));
        book.windows.iter().enumerate().find_map(|(index, window)| {
            // SAFETY: so much is mapped.
            let found =
                unsafe { (self.extent_at)(self.view.base(), self.mapped_bytes(), window.start) };
            let Some((words, bytes)) = found else { return Some(index) };
            // The page map itself is no direct extent: a window on it is stale, and shows it wrong.
            let around = words.into_iter().find_map(around);
            around.or_else(|| (bytes != Some(window.end - window.start)).then_some(index))
        })
    }

    /// P29: brings home what a writer enlisted, and did not live to bring. The writer word is held,
    /// no transaction is open, and the newest state is shown.
    pub(super) fn pay_owed(&self, book: &mut Book) -> Result<()> {
        let mut owed = std::mem::take(&mut book.owed);
        owed.retain(|window| {
            book.windows.contains(window) && book.index.names(0, u64::MAX, window)
        });
        if owed.is_empty() {
            return Ok(());
        }
        let done = self.keep_log_room(book).and_then(|()| self.bring_enlisted_home(book, &owed));
        if done.is_err() {
            book.owed = owed; // still: what is stored there in place would be overwritten
        }
        done
    }
}
