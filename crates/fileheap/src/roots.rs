//! Roots: a name in the catalog, a shape, and a value of that shape.

use std::ptr::NonNull;

use fileheap_core::catalog::{CatalogView, Memory, Root};
use fileheap_core::{Error, ErrorKind, Heap as Core, Result, WriteTxn};

use crate::here::Alloc;
use crate::shape::{Shape, differences};
use crate::{Persist, current::Current};

/// The name of the main root. Programs cannot use it: theirs do not begin with a colon.
pub(crate) const MAIN: &str = ":root";
/// The catalog's kind of typed roots.
const KIND_VALUE: u32 = 0x5255_5354;
/// The catalog's kind of texts of shapes.
const KIND_SHAPE: u32 = 0x5348_4150;
/// How many names to ask the catalog for at once.
const LIST_STEP: usize = 256;

/// The name under which the text of a shape is kept.
fn shape_name(fingerprint: u64) -> String {
    format!("shape:{fingerprint:016x}")
}

/// Refuses names that are ours.
pub(crate) fn vet(name: &str) -> Result<()> {
    if !name.starts_with(':') && !name.starts_with("shape:") {
        return Ok(());
    }
    let text = format!("the name {name:?} is one that fileheap keeps for itself");
    Err(Error::new(ErrorKind::InvalidArgument, text)
        .advice("choose one that begins neither with a colon nor with \"shape:\""))
}

/// The entry of a typed root, if the name is bound.
pub(crate) fn entry(catalog: CatalogView<'_>, name: &str) -> Result<Option<Root>> {
    catalog.names().lookup(name)
}

/// Where the value of a root lies, checked: its type, its range, its alignment, and that pointers
/// in it are good.
pub(crate) fn value<T: Persist>(
    core: &Core,
    memory: Memory<'_>,
    name: &str,
    root: Root,
) -> Result<NonNull<T::At<'static>>> {
    let shape = Shape::of::<T>();
    if root.kind != KIND_VALUE || root.fingerprint != shape.fingerprint {
        return Err(wrong_type(memory, name, root, &shape));
    }
    must_be_in_place::<T>(core)?;
    place::<T>(memory, root.offset)
}

/// The address of a T at an offset, if it can be there.
pub(crate) fn place<T: Persist>(
    memory: Memory<'_>,
    offset: u64,
) -> Result<NonNull<T::At<'static>>> {
    let bytes = memory.slice(offset, size_of::<T>() as u64)?;
    let address = bytes.as_ptr().cast_mut().cast::<T::At<'static>>();
    match NonNull::new(address).filter(|address| address.is_aligned()) {
        Some(address) => Ok(address),
        None => Err(Error::new(ErrorKind::Corrupt, "a value of a root is not aligned to its type")
            .offset(offset)
            .advice("run check on the heap, then restore a backup")),
    }
}

/// Refuses types with addresses in them where the heap is not at the address they are good at.
pub(crate) fn must_be_in_place<T: Persist>(core: &Core) -> Result<()> {
    if T::ANYWHERE || core.is_at_recorded_base() {
        return Ok(());
    }
    let text = format!(
        "{} holds addresses that are good at {:#x}; the heap is open at {:p}",
        T::name(),
        core.recorded_base(),
        core.base()
    );
    Err(Error::new(ErrorKind::AddressTaken, text)
        .at(core.path())
        .advice("close what occupies that address, or keep only position-independent types in it"))
}

fn wrong_type(memory: Memory<'_>, name: &str, root: Root, expected: &Shape) -> Error {
    let title = if name == MAIN { "the heap's root" } else { name };
    let kept = shape_text(memory, root.fingerprint);
    let what = match &kept {
        _ if root.kind != KIND_VALUE => {
            format!("{title} was not bound by this face (its kind is {:#x})", root.kind)
        }
        Some(text) => {
            let changes = differences(text, expected.text).join("; ");
            format!("{title} has another type than the program expects: {changes}")
        }
        None => format!(
            "{title} has another type than the program expects: its fingerprint is {:#x}, that of \
             the program's type {:#x}",
            root.fingerprint, expected.fingerprint
        ),
    };
    Error::new(ErrorKind::WrongType, what).offset(root.offset).advice(
        "open it with the program that wrote it, or say how the old becomes the new: \
         Heap::options().migrate",
    )
}

/// The text of a shape, where the heap has it.
pub(crate) fn shape_text(memory: Memory<'_>, fingerprint: u64) -> Option<String> {
    let names = CatalogView::new(memory).names();
    let kept = names.lookup(&shape_name(fingerprint)).ok().flatten()?;
    let bytes = memory.slice(kept.offset, kept.bytes).ok()?;
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// The names that programs gave, in byte order.
pub(crate) fn list(catalog: CatalogView<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let names = catalog.names().list(last.as_deref(), LIST_STEP)?;
        let is_end = names.len() < LIST_STEP;
        last = names.last().map(|(name, _)| name.clone());
        let ours = |(name, root): (String, Root)| {
            (root.kind == KIND_VALUE && vet(&name).is_ok()).then_some(name)
        };
        found.extend(names.into_iter().filter_map(ours));
        if is_end {
            return Ok(found);
        }
    }
}

/// Moves a value into memory of its own, behind room for `head` bytes; returns where it lies, and
/// where its allocation begins.
pub(crate) fn store<T: Persist>(txn: &WriteTxn, head: u64, value: T::At<'_>) -> Result<(u64, u64)> {
    let align = (align_of::<T>() as u64).max(16);
    let head = head.next_multiple_of(align);
    let cell = txn.alloc((head + size_of::<T>() as u64).max(1), align)?;
    let offset = cell + head;
    // SAFETY: just allocated, large enough, aligned, and nobody else's.
    unsafe { txn.resolve(offset).cast::<T::At<'_>>().write(value) };
    Ok((offset, cell))
}

/// Binds a new name to a value, and keeps its shape.
pub(crate) fn bind<T: Persist>(current: &Current, name: &str, value: T::At<'_>) -> Result<()> {
    must_be_in_place::<T>(&current.space.core)?;
    let shape = Shape::of::<T>();
    let placed = |error: Error| error.at(current.space.core.path());
    // SAFETY: only the engine is called, and by the thread that the guard is bound to, through a
    // guard or an Alloc that nobody shares.
    let done = unsafe { current.with_txn(|txn| keep_shape(txn, &shape)) };
    done.map_err(placed)?;
    let (offset, _) = store::<T>(current.txn(), 0, value).map_err(placed)?;
    let bytes = size_of::<T>() as u64;
    let root = Root { kind: KIND_VALUE, fingerprint: shape.fingerprint, offset, bytes };
    // SAFETY: as above.
    let bound = unsafe { current.with_txn(|txn| txn.catalog().names().bind(name, root)) };
    if bound.is_err() {
        // SAFETY: just stored there, and nobody was told. Who goes on has lost no memory.
        drop(unsafe { current.txn().resolve(offset).cast::<T::At<'_>>().read() });
        current.txn().free(offset).map_err(placed)?;
    }
    bound.map_err(placed)
}

/// Moves the value out of a root and forgets the name.
pub(crate) fn take<'x, T: Persist>(alloc: Alloc<'x>, name: &str) -> Result<Option<T::At<'x>>> {
    let current = alloc.current();
    let txn = current.txn();
    let Some(root) = entry(CatalogView::new(txn.memory()), name)? else { return Ok(None) };
    let address = value::<T>(&current.space.core, txn.memory(), name, root)?;
    // SAFETY: as in `bind`.
    unsafe { current.with_txn(|txn| txn.catalog().names().unbind(name))? };
    // SAFETY: a T of the shape it should have, which nobody has a reference to: those are got
    // through the guard, which the Alloc holds borrowed. Its memory is freed, not dropped.
    let value = unsafe { address.cast::<T::At<'x>>().read() };
    current.txn().free(root.offset)?;
    Ok(Some(value))
}

impl<'x> Alloc<'x> {
    /// Binds a new name to a value, which becomes a root beside the main one.
    pub fn put_named<T: Persist>(self, name: &str, value: T::At<'x>) -> Result<()> {
        vet(name).map_err(|error| error.at(self.current().space.core.path()))?;
        bind::<T>(self.current(), name, value)
    }

    /// Moves the value of a named root out and forgets the name. What is returned can be dropped,
    /// or become part of something else.
    pub fn take_named<T: Persist>(self, name: &str) -> Result<Option<T::At<'x>>> {
        let taken = vet(name).and_then(|()| take::<T>(self, name));
        taken.map_err(|error| error.at(self.current().space.core.path()))
    }
}

fn keep_shape(txn: &mut WriteTxn, shape: &Shape) -> Result<()> {
    let name = shape_name(shape.fingerprint);
    if txn.catalog().names().view().lookup(&name)?.is_some() {
        return Ok(());
    }
    let bytes = shape.text.len() as u64;
    let offset = txn.alloc(bytes, 1)?;
    // SAFETY: just allocated, as long as the text.
    unsafe { txn.resolve(offset).copy_from_nonoverlapping(shape.text.as_ptr(), bytes as usize) };
    let root = Root { kind: KIND_SHAPE, fingerprint: shape.fingerprint, offset, bytes };
    let bound = txn.catalog().names().bind(&name, root);
    if bound.is_err() {
        txn.free(offset)?;
    }
    bound
}
