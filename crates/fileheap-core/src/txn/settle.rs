//! Settle: after a commit, extents get the mapping they are to have from now on, C6.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::book::Book;
use super::commit::{Changes, whole_pages};
use super::engine::Engine;
use super::write_set::{merged, split};
use crate::Result;
use crate::log::Payload;

impl Engine {
    /// C6: what this transaction made or freed gets the mapping it is to have from now on.
    pub(super) fn settle_extents(&self, book: &mut Book, changes: &mut Changes) -> Result<()> {
        let fail = |error| self.os_error("cannot map an extent", error);
        let dirty = whole_pages(std::mem::take(&mut changes.carried));
        let extents = taken(&changes.extents);
        let made = merged(extents.iter().map(|extent| extent.range.clone()).collect(), 0);
        // Of space taken but not stored to we show what the others show: the file.
        let mut space = taken(&changes.claimed).ranges();
        space.extend(taken(&changes.taken).ranges());
        let unused = split(&split(&merged(space, 0), &dirty).1, &made).1;
        self.view.discard_many(&unused).map_err(fail)?;
        for extent in extents {
            if extent.direct {
                book.windows.push(extent.range);
            } else {
                self.view.unshare(extent.range).map_err(fail)?;
            }
        }
        let enlisted = taken(&changes.enlisted);
        if !enlisted.is_empty() {
            self.bring_enlisted_home(book, &enlisted)?;
        }
        taken(&changes.closed);
        Ok(())
    }

    /// P23: direct extents leave the log again before the next store goes straight to them.
    pub(super) fn bring_enlisted_home(
        &self,
        book: &mut Book,
        enlisted: &[Range<u64>],
    ) -> Result<()> {
        let areas = merged(enlisted.to_vec(), 0);
        book.shadows.forget(&areas);
        let pieces = book.index.plan(0, u64::MAX, Some(&areas));
        self.write_pieces(book, &pieces)?;
        self.sync_data()?;
        let homes: Vec<_> =
            areas.iter().map(|range| Payload::Home(range.start, range.end - range.start)).collect();
        self.open_writer(book)?;
        self.append(book, &homes, true, false)?;
        // Extents that lie side by side stay windows of their own.
        for range in enlisted {
            let shared = self.view.share(range.clone());
            shared.map_err(|error| self.os_error("cannot map an extent", error))?;
            if !book.windows.contains(range) {
                book.windows.push(range.clone());
            }
        }
        Ok(())
    }
}

fn taken<T: Default>(list: &Mutex<T>) -> T {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}
