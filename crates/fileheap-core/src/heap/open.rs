//! Creating a heap file, and attaching to one: steps O1-O6 of PROTOCOL.md.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use super::flusher::Flusher;
use super::{Heap, Options, Shared, identity, limit, place, registry};
use crate::alloc::{self, Allocator, Blank};
use crate::format::{INITIAL_BYTES, PREAMBLE_BYTES, Plain, Superblock};
use crate::os::{Host, Lock, Mode, Placement, SystemHost, View, Wait, physical_bytes};
use crate::txn::{Engine, Parts, Recovery, anybody_has_slot, take_slot};
use crate::{Error, ErrorKind, Result};

/// How many addresses to try before a new heap takes whichever the system gives.
const BASE_TRIES: usize = 16;

pub fn create(path: &Path, options: &Options) -> Result<Heap> {
    limit::asked(options).and_then(|_| check_base(options)).map_err(|error| error.at(path))?;
    for _ in 1..BASE_TRIES {
        match create_once(path, options) {
            // Another thread took the address between choosing and mapping: another one will do.
            Err(error) if error.kind() == ErrorKind::AddressTaken && options.base.is_none() => {}
            done => return done,
        }
    }
    create_once(path, options)
}

/// P15: everything that can go wrong does so before the file has its name. From then on it is a
/// heap like any other, which others may be using already.
fn create_once(path: &Path, options: &Options) -> Result<Heap> {
    let made = SystemHost::create(path, INITIAL_BYTES, options.mode);
    let host = made.map_err(|error| match leads_nowhere(path) {
        true => error.advice("a symbolic link leads nowhere: create the heap where it leads"),
        false => error,
    })?;
    let key = host.identity();
    let made = refuse_network(&host, options).and_then(|()| create_in(&host, options));
    let created = made
        .and_then(|()| registry::find_or_open(key, || attach(Box::new(host), options, Some(key))));
    created.map(|shared| Heap { shared }).map_err(|error| error.at(path))
}

/// Whether there is a symbolic link and nothing where it leads: neither to open nor to create.
pub fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
}

fn check_base(options: &Options) -> Result<()> {
    let is_good = |base: u64| base != 0 && base % PREAMBLE_BYTES == 0;
    match options.base {
        Some(base) if !is_good(base) => {
            let text = format!(
                "a heap's address must be a multiple of {PREAMBLE_BYTES:#x}, not {base:#x}"
            );
            Err(Error::new(ErrorKind::InvalidArgument, text))
        }
        _ => Ok(()),
    }
}

/// P15: contents first, magic last, and not yet published.
pub fn create_in(host: &dyn Host, options: &Options) -> Result<()> {
    let fail = |error| Error::os("cannot write the new heap", error);
    let limit = limit::asked(options)?.unwrap_or(limit::DEFAULT_BYTES);
    let base = choose_base(host, limit, options)?;
    let image = Blank::empty_heap()?;
    host.data().write_at(0, &[IoSlice::new(image.bytes())]).map_err(fail)?;
    host.data().sync().map_err(fail)?;
    let uuid = identity::new_uuid();
    let first = identity::invent(base, limit, INITIAL_BYTES, uuid).sealed();
    for copy in [1, 0] {
        let part = IoSlice::new(first.as_bytes());
        host.data().write_at(Superblock::offset(copy), &[part]).map_err(fail)?;
    }
    host.data().sync().map_err(fail)
}

/// An address that is free in this process at least.
fn choose_base(host: &dyn Host, limit: u64, options: &Options) -> Result<u64> {
    if let Some(base) = options.base {
        let exact = Placement { exact: true, ..placement(base, limit, options) };
        let text = format!("cannot map the new heap at {base:#x}");
        return host.map(&exact).map(|_| base).map_err(|error| Error::os(text, error));
    }
    let mut base = place::choose(limit);
    for _ in 1..BASE_TRIES {
        if host.map(&Placement { exact: true, ..placement(base, limit, options) }).is_ok() {
            return Ok(base);
        }
        base = place::choose(limit);
    }
    let anywhere = host.map(&placement(base, limit, options));
    let view = anywhere.map_err(|error| Error::os("cannot map the new heap", error))?;
    Ok((view.base() as u64).next_multiple_of(PREAMBLE_BYTES))
}

fn placement(base: u64, limit: u64, options: &Options) -> Placement {
    Placement {
        base,
        exact: options.fixed,
        reserve_bytes: limit,
        writable: options.writable,
        capture: options.capture,
    }
}

pub fn open(path: &Path, options: &Options) -> Result<Heap> {
    again_if_replaced(|| open_once(path, options))
}

/// A heap that this process is to share with nobody: another handle waits at the door as another
/// process would, or finds us attached.
pub fn open_apart(path: &Path, options: &Options) -> Result<Heap> {
    let options = Options { fixed: false, ..options.clone() };
    again_if_replaced(|| {
        let host = SystemHost::open(path, options.writable)?;
        refuse_network(&host, &options)?;
        let shared = attach(Box::new(host), &options, None).map_err(|error| error.at(path))?;
        Ok(Heap { shared: Arc::new(shared) })
    })
}

fn again_if_replaced(open: impl Fn() -> Result<Heap>) -> Result<Heap> {
    loop {
        match open() {
            // While we waited at the door another file took this name: a compaction.
            Err(error) if error.kind() == ErrorKind::Replaced => {}
            done => return done,
        }
    }
}

fn open_once(path: &Path, options: &Options) -> Result<Heap> {
    let host = SystemHost::open(path, options.writable).map_err(|error| {
        let refused = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnly);
        if options.writable && refused { error.advice("open it for reading only") } else { error }
    })?;
    let key = host.identity();
    let opened = registry::find_or_open(key, || {
        refuse_network(&host, options)?;
        attach(Box::new(host), options, Some(key))
    });
    let shared = opened.map_err(|error| error.at(path))?;
    let heap = Heap { shared };
    if options.writable && !heap.is_writable() {
        let text = "this process has the heap open for reading only already";
        return Err(Error::new(ErrorKind::ReadOnly, text)
            .at(path)
            .advice("close that handle first, or open it for writing from the start"));
    }
    limit::agree(options, heap.limit_bytes()).map_err(|error| error.at(path))?;
    if options.fixed && !heap.is_at_recorded_base() {
        return Err(address_taken(&heap).at(path));
    }
    Ok(heap)
}

fn address_taken(heap: &Heap) -> Error {
    let text = format!(
        "the heap belongs at {:#x} but is open at {:p} in this process",
        heap.recorded_base(),
        heap.base()
    );
    Error::new(ErrorKind::AddressTaken, text).advice("close the other handle and open it first")
}

fn refuse_network(host: &SystemHost, options: &Options) -> Result<()> {
    if !options.writable || options.network || !host.is_network().unwrap_or(false) {
        return Ok(());
    }
    let text = "the heap lies on a network filesystem: other machines would not see our changes";
    Err(Error::new(ErrorKind::NetworkFilesystem, text)
        .advice("open it for reading only, copy it to a local disk, or insist with allow_network"))
}

/// Attaches to the heap of a host.
pub fn attach(host: Box<dyn Host>, options: &Options, key: Option<(u64, u64)>) -> Result<Shared> {
    identity::judge(&**host.data())?;
    let alone = enter(&*host, options)?;
    // Those without slots neither recover nor touch the bulletin.
    let first = host.board().is_writable() && (alone || !anybody_has_slot(host.board())?);
    if !host.is_current().map_err(|error| Error::os("cannot look at the heap file", error))? {
        return Err(Error::new(ErrorKind::Replaced, "another file took the name of this heap"));
    }
    // It is a heap. One that other programs copied may have holes here.
    let reserved = host.board().reserve();
    reserved.map_err(|error| Error::os("cannot reserve disk space for the bulletin", error))?;
    // Read again: before the door was ours somebody may have left and carried the log home.
    let superblock = identity::judge(&**host.data())?;
    let other_limit = limit::change(options, &superblock.0, &**host.data(), alone)?;
    let limit = other_limit.unwrap_or(superblock.0.limit_bytes);
    let view = map(&*host, superblock.0.base, limit, options)?;
    let slot = if host.board().is_writable() { Some(take_slot(host.board())?) } else { None };
    let engine = Engine::new(Parts {
        host,
        view,
        superblock,
        slot,
        writable: options.writable,
        log_bytes: options.log_bytes,
        private_bytes: options.private_bytes.unwrap_or_else(|| physical_bytes() / 16),
        accept_loss: options.accept_loss,
        extent_at: alloc::direct_extent,
    });
    // If this fails the door stays shut until all locks go at once: who waits at it must not take
    // us for one who recovered.
    let recovery = if first { engine.recover()? } else { Recovery::default() };
    if let Some(limit) = other_limit {
        engine.set_limit(limit)?;
    }
    engine.open_door()?;
    let (base, reserved) = (engine.view().base(), engine.view().reserved_bytes());
    // SAFETY: the view reserves this range for this heap and lives as long as the engine, which
    // the allocator is used with only; transactions map the file before they use it.
    let allocator = unsafe { Allocator::new(base, reserved) };
    engine.host().publish().map_err(|e| Error::os("cannot create the heap file", e))?;
    Ok(Shared {
        engine: Arc::new(engine),
        allocator,
        durability: options.durability,
        recovery,
        closed: AtomicBool::new(false),
        known_refreshes: AtomicU32::new(0),
        flusher: Flusher::default(),
        key,
    })
}

fn map(host: &dyn Host, base: u64, limit: u64, options: &Options) -> Result<Box<dyn View>> {
    place::remember(base, limit);
    host.map(&placement(base, limit, options)).map_err(|error| {
        let text = format!("cannot map the heap at its address {base:#x}");
        Error::os(text, error).advice(
            "a heap keeps its address until its last handle is dropped, closed or not; \
                 position-independent users can open it elsewhere, others need that address; heaps \
                 to be open together are made with bases of their own",
        )
    })
}

/// O1: locks the door and says whether we are alone behind it. When something fails later, the
/// locks go with the host.
fn enter(host: &dyn Host, options: &Options) -> Result<bool> {
    let board = host.board();
    let fail = |error| Error::os("cannot lock the heap", error);
    let wait = Wait::Until(Instant::now() + options.door_wait);
    let mode = if board.is_writable() { Mode::Exclusive } else { Mode::Shared };
    if !board.lock(Lock::Door, mode, wait).map_err(fail)? {
        return Err(Error::new(ErrorKind::Busy, "another process is recovering the heap")
            .advice("wait, and open it again"));
    }
    if !board.is_writable() {
        board.lock(Lock::Blind, Mode::Shared, Wait::Forever).map_err(fail)?;
        board.lock(Lock::Presence, Mode::Shared, Wait::Forever).map_err(fail)?;
        return Ok(false);
    }
    let alone = board.lock(Lock::Presence, Mode::Exclusive, Wait::Try).map_err(fail)?;
    if !alone {
        board.lock(Lock::Presence, Mode::Shared, Wait::Forever).map_err(fail)?;
    }
    Ok(alone)
}
