//! `Heap`: a heap file with a root of the program's type.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use fileheap_core::heap::{CheckReport, CompactReport, RepairReport, Stat, TrimReport};
use fileheap_core::{Heap as Core, Result, Wait};

use crate::current::current;
use crate::session::Session;
use crate::space::Space;
use crate::{Alloc, Options, Persist, Read, Write};

/// An open heap file whose root is an `R`. Clones share it; threads may have one each. The last one
/// to go, guards included, closes it.
///
/// Write `Heap::<Library>::open(..)` in expressions and `Heap<Library<'static>>` in types.
pub struct Heap<R: Persist> {
    pub(crate) space: Arc<Space>,
    pub(crate) root: PhantomData<fn() -> R>,
}

impl<R: Persist> Heap<R> {
    /// How to create or open a heap in other ways than the usual ones.
    #[must_use]
    pub fn options() -> Options<R> {
        Options::new()
    }

    /// Makes a heap with the root that `init` returns. Fails if the file exists.
    pub fn create(
        path: impl AsRef<Path>,
        init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>,
    ) -> Result<Self> {
        Options::new().create(path, init)
    }

    /// Opens a heap. Fails if its root is no `R`, and says what the difference is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// Opens a heap, or makes it if there is no such file.
    pub fn open_or_create(
        path: impl AsRef<Path>,
        init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>,
    ) -> Result<Self> {
        Options::new().open_or_create(path, init)
    }

    /// Looks at the newest committed state.
    ///
    /// Waits while a thread of this process writes; never for other processes. An error at once
    /// ([`Nested`](crate::ErrorKind::Nested)) where this very thread is writing to the heap.
    pub fn read(&self) -> Result<Read<R>> {
        self.read_wait(Wait::Forever)
    }

    /// The same with a limit to the waiting.
    pub fn read_wait(&self, wait: Wait) -> Result<Read<R>> {
        Read::new(&self.space, self.space.core.begin_read_wait(wait)?)
    }

    /// Begins to write. Waits for other writers, in all processes, and for threads of this process
    /// that read.
    ///
    /// An error at once ([`Nested`](crate::ErrorKind::Nested)) where this very thread has a write
    /// guard already, be it of another heap, or reads this one.
    pub fn write(&self) -> Result<Write<R>> {
        self.write_wait(Wait::Forever)
    }

    /// The same with a limit to the waiting.
    pub fn write_wait(&self, wait: Wait) -> Result<Write<R>> {
        Write::new(Session::begin(&self.space, wait)?)
    }

    /// The heap file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.space.core.path()
    }

    /// Figures: what is in the heap, what its log holds, who is attached.
    pub fn stat(&self) -> Result<Stat> {
        self.space.core.stat()
    }

    /// Looks for damage in the heap's structure, in a snapshot.
    pub fn check(&self) -> Result<CheckReport> {
        self.space.core.check()
    }

    /// Makes all commits so far survive a power cut.
    pub fn sync(&self) -> Result<()> {
        self.space.core.sync()
    }

    /// Carries the log home as far as readers allow.
    pub fn checkpoint(&self) -> Result<()> {
        self.space.core.checkpoint()
    }

    /// Gives disk space that nothing uses back to the filesystem.
    pub fn trim(&self) -> Result<TrimReport> {
        self.space.core.trim()
    }

    /// Copies the newest committed state to a new file. A heap opened for reading will do.
    pub fn backup(&self, target: impl AsRef<Path>) -> Result<()> {
        self.space.core.backup(target)
    }

    /// Closes the heap for all clones of this handle: later calls say
    /// [`Closed`](crate::ErrorKind::Closed). Fails, changing nothing, while a guard lives.
    pub fn close(&self) -> Result<()> {
        self.space.core.close()
    }

    /// Rewrites the heap at `path` into a dense file. Nobody may have it open.
    pub fn compact(path: impl AsRef<Path>) -> Result<CompactReport> {
        Core::compact(path, &fileheap_core::Options::new())
    }

    /// Mends what can be mended of a damaged heap; see the engine's `Heap::repair`.
    pub fn repair(path: impl AsRef<Path>, give_up_log: bool) -> Result<RepairReport> {
        Core::repair(path, give_up_log)
    }

    /// The engine beneath, for what this face does not offer.
    ///
    /// # Safety
    /// Through it nothing is stored, freed or unbound that belongs to a root, a name that this face
    /// bound, or a [`Rel`](crate::Rel); and no transaction of it is open on a thread while that
    /// thread uses a container in a heap.
    #[must_use]
    pub unsafe fn engine(&self) -> &Core {
        &self.space.core
    }
}

/// Whether this thread has a write guard, of whichever heap.
#[must_use]
pub fn is_writing() -> bool {
    current().is_some()
}

impl<R: Persist> Clone for Heap<R> {
    fn clone(&self) -> Self {
        Self { space: self.space.clone(), root: PhantomData }
    }
}

impl<R: Persist> fmt::Debug for Heap<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = out.debug_struct("Heap");
        text.field("path", &self.path()).field("root", &R::name());
        text.finish_non_exhaustive()
    }
}
