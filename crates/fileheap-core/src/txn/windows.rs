//! Windows: direct extents that this process stores to in place.

use std::ops::Range;
use std::sync::PoisonError;

use super::commit::{Changes, FreshExtent};
use super::engine::Engine;
use crate::Result;

impl Engine {
    fn map_error(&self, error: std::io::Error) -> crate::Error {
        self.os_error("cannot map an extent", error)
    }

    /// Lets stores of this process to a direct extent go straight to the file; if it is enlisted,
    /// from the commit on.
    pub fn open_window(&self, changes: &Changes, range: Range<u64>) -> Result<()> {
        let enlisted = changes.enlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if enlisted.contains(&range) {
            return Ok(());
        }
        let mut book = self.book();
        if book.windows.contains(&range) {
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
        let _book = self.book();
        self.view.share(range.clone()).map_err(|error| self.map_error(error))?;
        self.view.prefault(range.clone());
        let mut extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        extents.push(FreshExtent { range, direct });
        Ok(())
    }

    /// Whether stores to a run go straight to the file in this process.
    pub fn is_shared(&self, changes: &Changes, range: &Range<u64>) -> bool {
        let extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        extents.iter().any(|extent| extent.range == *range) || self.book().windows.contains(range)
    }

    /// Makes a fresh extent read as zeros without storing to it; false if it is not shared.
    pub fn zero_fresh(&self, changes: &Changes, range: Range<u64>) -> Result<bool> {
        let extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
        if !extents.iter().any(|extent| extent.range == range) {
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
        let made_now = {
            let extents = changes.extents.lock().unwrap_or_else(PoisonError::into_inner);
            extents.iter().any(|extent| extent.range == range)
        };
        if made_now {
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

    /// Closes windows that `is_direct` no longer vouches for: another process freed the extent.
    pub fn review_windows(&self, is_direct: impl Fn(&Range<u64>) -> bool) -> Result<()> {
        let stale: Vec<_> =
            self.book().windows.iter().filter(|window| !is_direct(window)).cloned().collect();
        stale.iter().try_for_each(|window| self.close_window(window).map(drop))
    }
}
