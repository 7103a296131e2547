//! How to create and open a heap, and the first steps of its life: its root, and its migration.

use std::path::Path;
use std::time::Duration;

use fileheap_core::catalog::CatalogView;
use fileheap_core::os::{Capture, Host};
use fileheap_core::{Durability, Heap as Core, Result, Wait};

use crate::migrate::{self, Step};
use crate::session::Session;
use crate::space::Space;
use crate::{Alloc, Heap, Persist, roots};

/// What a program may choose for a heap with root `R`. The defaults suit nearly everybody.
///
/// ```
/// # fileheap::doctest::in_a_folder(|path| {
/// use fileheap::{Durability, Heap};
///
/// let options = || Heap::<u64>::options().limit_bytes(1 << 30).durability(Durability::Process);
/// options().create(path, |_| 7)?;
/// assert_eq!(*options().open(path)?.read()?, 7);
/// # Ok(()) });
/// ```
pub struct Options<R: Persist> {
    engine: fileheap_core::Options,
    steps: Vec<Step>,
    root: std::marker::PhantomData<fn() -> R>,
}

/// The engine's choices, under the engine's names.
macro_rules! pass_on {
    ($($(#[$text:meta])* $name:ident($($arg:ident: $type:ty)?);)*) => {$(
        $(#[$text])*
        #[must_use]
        pub fn $name(mut self $(, $arg: $type)?) -> Self {
            self.engine = self.engine.$name($($arg)?);
            self
        }
    )*};
}

impl<R: Persist> Options<R> {
    /// The defaults: writable, power-safe, 1 TiB at most if the heap is new.
    #[must_use]
    pub fn new() -> Self {
        let engine = fileheap_core::Options::new();
        // Whoever stores addresses needs them to stay good.
        let engine = if R::ANYWHERE { engine } else { engine.fixed_address() };
        Self { engine, steps: Vec::new(), root: std::marker::PhantomData }
    }

    pass_on! {
        /// Opens for reading only: `write` is an error.
        read_only();
        /// The file never grows beyond this, 8 TiB at most: a new heap records it, else 1 TiB.
        /// Opening with another limit records that one, larger or smaller. That fails with
        /// `Busy` while anybody else has the heap open, with `InvalidArgument` if the file is
        /// longer already. Not given, the heap keeps its limit; for reading it means nothing.
        limit_bytes(bytes: u64);
        /// The address that a new heap is to have for ever, a multiple of 64 KiB, instead of one of
        /// 26 places 1 TiB apart: for programs that have many heaps open at once. With
        /// `limit_bytes` it says which addresses the heap takes. One that is there keeps its own.
        base(address: u64);
        /// What commits survive, unless one says otherwise.
        durability(durability: Durability);
        /// How dirty pages are found.
        capture(capture: Capture);
        /// Length of the log at which it is carried home.
        log_bytes(bytes: u64);
        /// Memory for private copies of pages that may be kept once they are in the file.
        private_bytes(bytes: u64);
        /// Writes even to a file on a network filesystem.
        allow_network();
        /// Permissions of a new file, before the umask.
        mode(mode: u32);
        /// How long to wait while other processes attach, recover or leave.
        door_wait(wait: Duration);
    }

    /// How an `Old` root becomes a `New` one, for heaps whose root has the shape of `Old`. Several
    /// steps make a chain. All of it runs in one transaction when the heap is opened; a crash, an
    /// error or a panic in it leaves the old root as it was. See [`cookbook`](crate::cookbook).
    #[must_use]
    pub fn migrate<Old: Persist, New: Persist>(
        mut self,
        step: impl for<'x> Fn(Old::At<'x>, Alloc<'x>) -> New::At<'x> + 'static,
    ) -> Self {
        self.steps.push(Step::new::<Old, New>(step));
        self
    }

    /// Makes a heap with the root that `init` returns. Fails if the file exists.
    pub fn create(
        self,
        path: impl AsRef<Path>,
        init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>,
    ) -> Result<Heap<R>> {
        let core = Core::create(path, &self.engine)?;
        let mut rootless = Rootless(Some(core.clone()));
        let heap = Self::with_root(core, init)?;
        rootless.0 = None;
        Ok(heap)
    }

    /// Opens a heap. Fails if its root is no `R` and no migration makes it one.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Heap<R>> {
        let core = Core::open(path, &self.engine)?;
        self.attach(core)
    }

    /// Opens a heap, or makes it if there is no such file (or one without a root of this face).
    pub fn open_or_create(
        self,
        path: impl AsRef<Path>,
        init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>,
    ) -> Result<Heap<R>> {
        let (core, is_new) = Core::open_or_create(path, &self.engine)?;
        if roots::entry(core.begin_read()?.catalog(), roots::MAIN)?.is_some() {
            return self.attach(core);
        }
        let mut rootless = Rootless(is_new.then(|| core.clone()));
        let heap = Self::with_root(core, init)?;
        rootless.0 = None;
        Ok(heap)
    }

    /// Makes a heap on a host of the caller's: for tests and simulation.
    ///
    /// # Safety
    /// The host's views are memory as its trait says, which nobody else stores to.
    pub unsafe fn create_on(
        self,
        host: Box<dyn Host>,
        init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>,
    ) -> Result<Heap<R>> {
        Self::with_root(Core::create_on(host, &self.engine)?, init)
    }

    /// Opens the heap of such a host.
    ///
    /// # Safety
    /// As `create_on`.
    pub unsafe fn open_on(self, host: Box<dyn Host>) -> Result<Heap<R>> {
        let core = Core::open_on(host, &self.engine)?;
        self.attach(core)
    }

    fn attach(self, core: Core) -> Result<Heap<R>> {
        let space = Space::new(core);
        migrate::run::<R>(&space, &self.steps)?;
        let heap = Heap { space, root: std::marker::PhantomData };
        heap.read()?;
        Ok(heap)
    }

    /// Gives a heap its root, unless another process was faster.
    fn with_root(core: Core, init: impl for<'x> FnOnce(Alloc<'x>) -> R::At<'x>) -> Result<Heap<R>> {
        let space = Space::new(core);
        let mut session = Session::begin(&space, Wait::Forever)?;
        let catalog = CatalogView::new(session.txn().memory());
        if roots::entry(catalog, roots::MAIN)?.is_none() {
            let bound = session.run(|alloc| {
                let root = init(alloc);
                roots::bind::<R>(alloc.current(), roots::MAIN, root)
            });
            bound??;
            session.commit()?;
        } else {
            session.abort()?;
        }
        let heap = Heap { space, root: std::marker::PhantomData };
        heap.read()?;
        Ok(heap)
    }
}

impl<R: Persist> Default for Options<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// A new file that did not get its root, and would only be in the way of the next try. Somebody may
/// have opened it meanwhile and given it one: then it stays.
struct Rootless(Option<Core>);

impl Drop for Rootless {
    fn drop(&mut self) {
        if let Some(core) = self.0.take() {
            // The error or panic under way is the one to tell.
            let _ = core.discard();
        }
    }
}
