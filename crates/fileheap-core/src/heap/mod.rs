//! The heap: create, open, read, write, close. The state machine on top of everything else.

mod backup;
mod check;
mod compact;
mod flusher;
mod identity;
mod limit;
mod open;
mod options;
mod own;
mod peek;
mod place;
mod read;
mod registry;
mod remove;
mod repair;
mod stat;
mod trim;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, SeqCst},
};

pub use check::{CheckReport, Finding, FindingKind};
pub use compact::CompactReport;
pub use options::Options;
pub use peek::Peek;
pub use read::{Keeper, ReadTxn};
pub use repair::RepairReport;
pub use stat::{Attached, Stat};
pub use trim::TrimReport;
pub use write::{Alloc, WriteTxn};

use self::flusher::Flusher;
use crate::alloc::Allocator;
use crate::os::{Host, Lock, Mode, Wait};
use crate::txn::{Durability, Engine, Recovery};
use crate::{Error, ErrorKind, Result};

/// An open heap. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Heap {
    pub(crate) shared: Arc<Shared>,
}

/// What the clones share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) allocator: Allocator,
    pub(crate) durability: Durability,
    recovery: Recovery,
    closed: AtomicBool,
    /// The engine's count of refreshes that the allocator's index was built after.
    known_refreshes: AtomicU32,
    flusher: Flusher,
    key: Option<(u64, u64)>,
}

impl Heap {
    /// Makes a new heap. Fails if the file exists.
    pub fn create(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        open::create(path.as_ref(), options)
    }

    /// Opens an existing heap. The same file opened twice in a process is one heap.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        open::open(path.as_ref(), options)
    }

    /// Makes a new heap on a host of the caller's: for tests and simulation.
    pub fn create_on(host: Box<dyn Host>, options: &Options) -> Result<Self> {
        open::create_in(&*host, options)?;
        let synced = host.sync_folder();
        synced.map_err(|error| Error::os("cannot sync the folder", error))?;
        Self::open_on(host, options)
    }

    /// Opens the heap of such a host.
    pub fn open_on(host: Box<dyn Host>, options: &Options) -> Result<Self> {
        Ok(Self { shared: Arc::new(open::attach(host, options, None)?) })
    }

    /// Opens the heap, or makes it if there is no such file. The flag says whether it is new.
    pub fn open_or_create(path: impl AsRef<Path>, options: &Options) -> Result<(Self, bool)> {
        let path = path.as_ref();
        loop {
            match open::open(path, options) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened.map(|heap| (heap, false)),
            }
            match open::create(path, options) {
                Err(error)
                    if error.kind() == ErrorKind::AlreadyExists && !open::leads_nowhere(path) => {}
                created => return created.map(|heap| (heap, true)),
            }
        }
    }

    /// Reads the newest committed state, for as long as the guard lives.
    pub fn begin_read(&self) -> Result<ReadTxn> {
        self.begin_read_wait(Wait::Forever)
    }

    /// The same with a limit to the waiting for a writing thread of this process.
    pub fn begin_read_wait(&self, wait: Wait) -> Result<ReadTxn> {
        self.still_open()?;
        ReadTxn::begin(&self.shared, wait)
    }

    /// Begins to write. Waits for other writers, and for readers among this process's threads.
    pub fn begin_write(&self) -> Result<WriteTxn> {
        self.begin_write_wait(Wait::Forever)
    }

    /// The same with a limit to the waiting.
    pub fn begin_write_wait(&self, wait: Wait) -> Result<WriteTxn> {
        self.still_open()?;
        WriteTxn::begin(&self.shared, wait, false)
    }

    /// Begins to write with a promise: every store to the heap is named by `WriteTxn::touch`.
    /// Nothing is searched at commit, and only those bytes are logged. A store that was not
    /// named may or may not survive. Extents that it enlists are the exception: they are searched,
    /// and stores to them need no names.
    pub fn begin_tracked(&self, wait: Wait) -> Result<WriteTxn> {
        self.still_open()?;
        WriteTxn::begin(&self.shared, wait, true)
    }

    /// Keeps others from writing into what is allocated now, in the file; see `Keeper`.
    pub fn keep(&self) -> Result<Keeper> {
        self.still_open()?;
        Ok(Keeper::new(&self.shared))
    }

    /// The address of offset 0 in this process.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.shared.engine.view().base()
    }

    /// How many addresses from there on are the heap's, mapped or not.
    #[must_use]
    pub fn reserved_bytes(&self) -> u64 {
        self.shared.engine.view().reserved_bytes()
    }

    /// The address of an offset.
    #[must_use]
    pub fn resolve(&self, offset: u64) -> *mut u8 {
        self.base().wrapping_add(offset as usize)
    }

    /// The offset of an address, if it lies in this heap's range.
    #[must_use]
    pub fn adopt(&self, address: *const u8) -> Option<u64> {
        let offset = (address as u64).wrapping_sub(self.base() as u64);
        (offset < self.reserved_bytes()).then_some(offset)
    }

    /// The file never grows beyond this.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.shared.engine.limit_bytes()
    }

    /// The heap file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared.engine.host().path()
    }

    /// The heap's identity.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.shared.engine.identity().uuid
    }

    /// The address recorded at creation.
    #[must_use]
    pub fn recorded_base(&self) -> u64 {
        self.shared.engine.identity().base
    }

    /// Whether it is mapped there, so that raw pointers stored in it are good.
    #[must_use]
    pub fn is_at_recorded_base(&self) -> bool {
        self.base() as u64 == self.recorded_base()
    }

    /// Whether this handle may write.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.shared.engine.is_writable()
    }

    /// What recovery found when this process opened the heap.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.shared.recovery
    }

    /// Makes all commits so far, and the direct extents this process stores to, survive a power
    /// cut.
    pub fn sync(&self) -> Result<()> {
        self.still_open()?;
        self.shared.engine.sync()
    }

    /// Carries the log home as far as pins allow.
    pub fn checkpoint(&self) -> Result<()> {
        self.still_open()?;
        self.shared.engine.checkpoint(Wait::Forever)
    }

    /// Closes the heap for all clones of this handle: later calls say `Closed`. Fails, changing
    /// nothing, while a guard lives. The mapping stays until the last clone and guard are gone.
    pub fn close(&self) -> Result<()> {
        self.close_then(&|| Ok(()))
    }

    /// Closes the heap and removes its file, unless another handle or process has it open: then it
    /// only closes this one. Returns whether the file was removed.
    pub fn discard(self) -> Result<bool> {
        let only = self.shared.key.is_none_or(|key| registry::forget_if_only(key, &self.shared));
        if !only || Arc::strong_count(&self.shared) > 1 {
            return Ok(false);
        }
        let host = self.shared.engine.host();
        let alone = || host.board().lock(Lock::Presence, Mode::Exclusive, Wait::Try);
        let removed = std::cell::Cell::new(false);
        // Behind the door nobody attaches; who waits at it finds that the file has gone.
        self.close_then(&|| {
            if host.board().is_writable() && alone()? && host.is_current()? {
                (0..2).try_for_each(|which| host.remove_log(which))?;
                std::fs::remove_file(self.path())?;
                removed.set(true);
            }
            Ok(())
        })?;
        Ok(removed.get())
    }

    fn close_then(&self, last: &dyn Fn() -> std::io::Result<()>) -> Result<()> {
        self.still_open()?;
        if self.shared.engine.is_busy() {
            let text = "a transaction of this process is still open";
            return Err(Error::new(ErrorKind::Busy, text).at(self.path()).advice("end it first"));
        }
        if self.shared.closed.swap(true, SeqCst) {
            return Ok(());
        }
        self.shared.shut(last)
    }

    /// In a forked child: stores to direct extents stay in the child from now on. Does nothing in
    /// the process that opened the heap. Safe to call from a handler of `pthread_atfork`.
    pub fn isolate_child(&self) -> Result<()> {
        let done = self.shared.engine.view().isolate_child();
        done.map_err(|error| self.shared.engine.os_error("cannot isolate the child", error))
    }

    /// Whether two handles mean the same open heap.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn still_open(&self) -> Result<()> {
        if self.shared.closed.load(Acquire) {
            let error = Error::new(ErrorKind::Closed, "this heap was closed");
            return Err(error.at(self.path()).advice("open it again"));
        }
        Ok(())
    }
}

impl Shared {
    fn shut(&self, last: &dyn Fn() -> std::io::Result<()>) -> Result<()> {
        if !self.engine.host().board().is_mine() {
            return Ok(()); // threads, locks and registry are the parent's
        }
        self.flusher.stop();
        if let Some(key) = self.key {
            registry::forget(key, self);
        }
        self.engine.leave_then(last)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !self.closed.swap(true, SeqCst) {
            // Nobody is left to hear of an error; the log keeps what could not come home.
            let _ = self.shut(&|| Ok(()));
        }
    }
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = out.debug_struct("Heap");
        text.field("path", &self.path()).field("base", &self.base());
        text.field("writable", &self.is_writable()).finish_non_exhaustive()
    }
}
