//! `Rel<T>`: a pointer that is good wherever the heap is mapped, checked at every use.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fileheap_core::catalog::Memory;
use fileheap_core::{Error, ErrorKind, Heap as Core, Result};

use crate::here::Alloc;
use crate::shape::{Book, Shape};
use crate::{Persist, Read, Write, roots};

/// What lies before the place that Rels point at.
#[repr(C)]
struct Head {
    /// Where its allocation begins.
    cell: u64,
    /// The type's.
    fingerprint: u64,
    /// The Rels'; 0 once the value was taken.
    stamp: u64,
    /// Where the value is: behind the head, or, if it is large, in an allocation of its own.
    value: u64,
}

const HEAD_BYTES: u64 = size_of::<Head>() as u64;
/// From this size on a value lies apart from its head: what the largest allocations were filled
/// with may stay in the file when the transaction aborts, and a head must not.
const APART_BYTES: usize = 1 << 20;

/// Points at a `T` that lies in the heap by itself.
///
/// It is made by [`Alloc::make`], may be copied, stored anywhere in the heap and compared, and does
/// not own: [`Alloc::take`] moves the value out again. Each use goes through a guard and is
/// checked. A Rel whose value was taken, or that stems from another heap, is
/// [`ErrorKind::BadPointer`], never somebody else's memory.
///
/// ```
/// # fileheap::doctest::in_a_folder(|path| {
/// use fileheap::{Heap, Persist, Rel};
///
/// #[derive(Persist)]
/// struct Node {
///     number: u32,
///     next: Option<Rel<Node>>,
/// }
///
/// let heap = Heap::<Option<Rel<Node>>>::create(path, |_| None)?;
/// heap.try_update(|first, alloc| {
///     for number in [3, 2, 1] {
///         *first = Some(alloc.make::<Node>(Node { number, next: *first })?);
///     }
///     Ok::<_, fileheap::Error>(())
/// })?;
/// let read = heap.read()?;
/// let (mut at, mut sum) = (*read, 0);
/// while let Some(node) = at {
///     let node = node.get(&read)?;
///     (at, sum) = (node.next, sum + node.number);
/// }
/// assert_eq!(sum, 6);
/// # Ok(()) });
/// ```
#[repr(C)]
pub struct Rel<T> {
    offset: u64,
    /// Known to nobody: who could read it could forge a value of another type behind a head.
    stamp: u64,
    target: PhantomData<fn() -> T>,
}

// SAFETY: two numbers; the target is checked at each use.
unsafe impl<T: Persist> Persist for Rel<T> {
    type At<'x> = Rel<T::At<'x>>;
    const ANYWHERE: bool = true;

    fn name() -> String {
        format!("Rel<{}>", T::name())
    }

    fn define(book: &mut Book) {
        if book.knows::<Self>() {
            return;
        }
        book.define::<Self>(1, |block| {
            block.fact("a stamped offset"); // no derived type says this: a stamp cannot be read
            block.field::<u64>("offset", offset_of!(Self, offset));
            block.field::<u64>("stamp", offset_of!(Self, stamp));
        });
        T::define(book);
    }
}

const fn is_apart<T>() -> bool {
    size_of::<T>() >= APART_BYTES
}

/// Numbers that nobody can guess, and that do not come twice.
fn new_stamp() -> u64 {
    static SECRET: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let secret = SECRET.get_or_init(RandomState::new);
    let mut hasher = secret.build_hasher();
    // A forked child has its parent's secret and count.
    hasher.write_u32(std::process::id());
    hasher.write_u64(COUNT.fetch_add(1, Relaxed));
    hasher.finish().max(1)
}

impl<'x> Alloc<'x> {
    /// Puts a value into the heap by itself and returns a pointer to it.
    pub fn make<T: Persist>(self, value: T::At<'x>) -> Result<Rel<T>> {
        let current = self.current();
        roots::must_be_in_place::<T>(&current.space.core)?;
        let placed = |error: Error| error.at(current.space.core.path());
        let txn = current.txn();
        let (offset, cell, value) = if is_apart::<T>() {
            let (offset, cell) = roots::store::<()>(txn, HEAD_BYTES, ()).map_err(placed)?;
            match roots::store::<T>(txn, 0, value) {
                Ok((value, _)) => (offset, cell, value),
                Err(error) => return Err(placed(txn.free(cell).err().unwrap_or(error))),
            }
        } else {
            let (offset, cell) = roots::store::<T>(txn, HEAD_BYTES, value).map_err(placed)?;
            (offset, cell, offset)
        };
        let stamp = new_stamp();
        let head = Head { cell, fingerprint: Shape::of::<T>().fingerprint, stamp, value };
        // SAFETY: `store` left this much room before the offset, aligned to 16.
        unsafe { txn.resolve(offset - HEAD_BYTES).cast::<Head>().write(head) };
        Ok(Rel { offset, stamp, target: PhantomData })
    }

    /// Moves a value that [`make`](Self::make) put there out of the heap. From then on all Rels to
    /// it are bad.
    pub fn take<T: Persist>(self, rel: Rel<T>) -> Result<T::At<'x>> {
        let current = self.current();
        let txn = current.txn();
        let head = rel.head(&current.space.core, txn.memory())?;
        // SAFETY: a T, as its head says, which nobody has a reference to: those are got through
        // the guard, which the Alloc holds borrowed.
        let value = unsafe { txn.resolve(head.value).cast::<T::At<'x>>().read() };
        // SAFETY: checked by `head`; wiped, so that no later use finds it.
        unsafe { txn.resolve(rel.offset - HEAD_BYTES).cast::<[u64; 4]>().write_volatile([0; 4]) };
        txn.free(head.cell)?;
        if is_apart::<T>() {
            txn.free(head.value)?;
        }
        Ok(value)
    }
}

impl<T: Persist> Rel<T> {
    /// The value.
    pub fn get<'g, G: Guard>(self, guard: &'g G) -> Result<&'g T::At<'g>> {
        let (core, memory) = guard.look();
        let head = self.head(core, memory)?;
        let value = roots::place::<T>(memory, head.value)?;
        // SAFETY: a T, as its head says; changed only through an exclusive borrow of the guard.
        Ok(unsafe { value.cast().as_ref() })
    }

    /// The value, to change it.
    pub fn get_mut<'g, R: Persist>(self, guard: &'g mut Write<R>) -> Result<&'g mut T::At<'g>> {
        let (core, memory) = guard.look();
        let head = self.head(core, memory)?;
        let value = roots::place::<T>(memory, head.value)?;
        // SAFETY: a T, as its head says; the guard is borrowed exclusively.
        Ok(unsafe { value.cast().as_mut() })
    }

    /// The head before the target, checked against this pointer.
    fn head(self, core: &Core, memory: Memory<'_>) -> Result<Head> {
        roots::must_be_in_place::<T>(core)?;
        let at = self.offset.wrapping_sub(HEAD_BYTES);
        let found = if self.offset % 16 == 0 { memory.slice(at, HEAD_BYTES).ok() } else { None };
        // SAFETY: in range; 16 divides the offset, and so 8 the head's; any bytes are a Head.
        let head = found.map(|bytes| unsafe { bytes.as_ptr().cast::<Head>().read() });
        let is_ours = |head: &Head| {
            head.stamp == self.stamp
                && self.stamp != 0
                && head.fingerprint == Shape::of::<T>().fingerprint
        };
        head.filter(is_ours).ok_or_else(|| {
            let text = format!("no {} lies there, or none any more", T::name());
            Error::new(ErrorKind::BadPointer, text)
                .at(core.path())
                .offset(self.offset)
                .advice("its value was taken or its transaction aborted, or it is another heap's")
        })
    }
}

/// Something to look through: a [`Read`] or a [`Write`].
pub trait Guard: sealed::Look {}

mod sealed {
    use super::{Core, Memory};

    /// What a guard shows.
    pub trait Look {
        /// Heap and bytes.
        fn look(&self) -> (&Core, Memory<'_>);
    }
}
use sealed::Look;

impl<R: Persist> Guard for Read<R> {}

impl<R: Persist> Look for Read<R> {
    fn look(&self) -> (&Core, Memory<'_>) {
        (&self.space().core, self.txn().memory())
    }
}

impl<R: Persist> Guard for Write<R> {}

impl<R: Persist> Look for Write<R> {
    fn look(&self) -> (&Core, Memory<'_>) {
        (&self.session().space().core, self.session().txn().memory())
    }
}

impl<T> Clone for Rel<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rel<T> {}

impl<T> PartialEq for Rel<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.offset, self.stamp) == (other.offset, other.stamp)
    }
}

impl<T> Eq for Rel<T> {}

impl<T> Hash for Rel<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.offset); // the stamp is nobody's business
    }
}

impl<T> fmt::Debug for Rel<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Rel({:#x})", self.offset)
    }
}
