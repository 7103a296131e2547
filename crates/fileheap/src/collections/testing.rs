//! What the collections are tested with: seeds, values that count, allocators that fail.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;

use allocator_api2::alloc::{AllocError, Allocator, Global};

/// How much work a generated test does: `normal`, or `miri` under Miri, which takes a thousand
/// times as long.
pub(crate) const fn effort(normal: usize, miri: usize) -> usize {
    if cfg!(miri) { miri } else { normal }
}

/// Numbers from a seed (splitmix64). `FILEHEAP_SEED` replays one that was printed.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var("FILEHEAP_SEED").ok();
        let seed = given.map_or_else(
            || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
            |text| text.parse().expect("FILEHEAP_SEED is a number"),
        );
        println!("{test}: FILEHEAP_SEED={seed}");
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// How many values there are; each says when it goes, and none may go twice.
#[derive(Clone, Default)]
pub(crate) struct Census(Rc<RefCell<(u64, HashMap<u64, u32>)>>);

impl Census {
    pub(crate) fn value(&self, number: u32) -> Counted {
        let mut inner = self.0.borrow_mut();
        inner.0 += 1;
        let id = inner.0;
        inner.1.insert(id, number);
        Counted { number, id, census: self.clone() }
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.borrow().1.len()
    }
}

/// A number whose life is counted. It has a heap pointer inside, so a double drop is found.
pub(crate) struct Counted {
    pub(crate) number: u32,
    id: u64,
    census: Census,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let known = self.census.0.borrow_mut().1.remove(&self.id);
        assert_eq!(known, Some(self.number), "dropped twice, or overwritten");
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.value(self.number)
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(f)
    }
}
impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Counted {}
impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number.cmp(&other.number)
    }
}
impl std::hash::Hash for Counted {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

/// An allocator that unwinds when its budget of allocations is spent, as that of a full heap does,
/// and that knows every block it gave: freeing with another layout is found, leaks are counted.
#[derive(Clone)]
pub(crate) struct Budget(Rc<State>);

struct State {
    left: Cell<usize>,
    blocks: RefCell<HashMap<usize, Layout>>,
}

/// What an allocator out of budget unwinds with.
pub(crate) struct Spent;

impl Budget {
    pub(crate) fn new(allocations: usize) -> Self {
        let left = Cell::new(allocations);
        Budget(Rc::new(State { left, blocks: RefCell::default() }))
    }

    pub(crate) fn endless() -> Self {
        Self::new(usize::MAX)
    }

    pub(crate) fn refill(&self) {
        self.0.left.set(usize::MAX);
    }

    pub(crate) fn set(&self, allocations: usize) {
        self.0.left.set(allocations);
    }

    pub(crate) fn blocks(&self) -> usize {
        self.0.blocks.borrow().len()
    }
}

// SAFETY: the blocks are those of Global.
unsafe impl Allocator for Budget {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        match self.0.left.get() {
            0 if std::thread::panicking() => return Err(AllocError),
            0 => panic::resume_unwind(Box::new(Spent)),
            left => self.0.left.set(left - 1),
        }
        let block = Global.allocate(layout)?;
        let address = block.cast::<u8>().as_ptr() as usize;
        assert_eq!(address % layout.align(), 0);
        self.0.blocks.borrow_mut().insert(address, layout);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let known = self.0.blocks.borrow_mut().remove(&(block.as_ptr() as usize));
        assert_eq!(known, Some(layout), "freed twice, or with another layout");
        // SAFETY: came from Global with this layout.
        unsafe { Global.deallocate(block, layout) }
    }
}

/// Runs work that may run out of budget; says whether it was done. Other panics go on.
pub(crate) fn within_budget(work: impl FnOnce()) -> bool {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => true,
        Err(payload) if payload.is::<Spent>() => false,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Does the same work with every budget from nothing until it suffices: `prepare` makes the thing
/// with enough memory, `work` may fail, `check` is called either way, told whether it was done.
pub(crate) fn at_every_allocation<T>(
    prepare: impl Fn(&Budget, &Census) -> T,
    work: impl Fn(&mut T, &Census),
    check: impl Fn(&mut T, bool),
) {
    for allocations in 0.. {
        let (budget, census) = (Budget::endless(), Census::default());
        let mut thing = prepare(&budget, &census);
        budget.set(allocations);
        let is_done = within_budget(|| work(&mut thing, &census));
        budget.refill();
        check(&mut thing, is_done);
        drop(thing);
        assert_eq!((census.alive(), budget.blocks()), (0, 0), "after {allocations} allocations");
        if is_done {
            assert!(allocations > 0, "the work allocates");
            return;
        }
    }
}
