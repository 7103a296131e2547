//! Judges crash images: each must open as a committed state that may be found there.

use std::sync::Arc;

use fileheap_core::os::ram::{Images, RamDisk, RamHost};
use fileheap_core::{ErrorKind, Heap, Options};

use crate::images::{Disk, Fate};
use crate::model::{Depth, Model};
use crate::random::Random;
use crate::record::{Change, Entry, Recorder};
use crate::work::{Mix, Work};

/// Which states may be found: stamps from the last durable to the last begun one. `None`: the
/// heap need not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The last state that was promised.
    pub lowest: Option<u64>,
    /// The last that was begun.
    pub newest: u64,
}

/// Opens images and compares.
pub struct Judge {
    /// How heaps are opened.
    pub options: Options,
    /// Images judged, without those inside recoveries.
    pub images: u64,
    /// Images judged of crashes inside the recovery from an image.
    pub images_again: u64,
    /// Images at one crash point.
    pub budget: usize,
    /// How often a recovery is itself recorded and crashed: once in so many images.
    pub again_in: u64,
    /// The state of a creation that was cut off, while its recovery is crashed.
    young: Option<u64>,
    random: Random,
}

/// One image in so many is recovered with crashes. That makes about a hundred more of it.
const AGAIN_IN: u64 = 100;
/// Budget of the crashes inside a recovery.
const AGAIN_BUDGET: usize = 3;

impl Judge {
    /// A judge whose decisions follow from a seed.
    #[must_use]
    pub fn new(seed: u64, options: Options, budget: usize) -> Self {
        keep_memory();
        let random = Random::new(seed);
        let (images, images_again, again_in) = (0, 0, AGAIN_IN);
        Self { options, images, images_again, budget, again_in, young: None, random }
    }

    /// Crashes at every change of a history that began with `base`, and judges what is left.
    pub fn walk(
        &mut self,
        base: &Images,
        history: &[Entry],
        states: &[Model],
        bounds: Bounds,
    ) -> Result<(), String> {
        self.walk_where(base, history, states, bounds, &|_, _, _| true)
    }

    /// The same, but crashes only behind changes that `pick` wants to see: it is told the last
    /// mark, the file and the change.
    pub fn walk_where(
        &mut self,
        base: &Images,
        history: &[Entry],
        states: &[Model],
        mut bounds: Bounds,
        pick: &dyn Fn(&str, usize, &Change) -> bool,
    ) -> Result<(), String> {
        let mut disk = Disk::holding(base);
        let mut mark = "";
        for (at, entry) in history.iter().enumerate() {
            match entry {
                Entry::Begun(stamp) => bounds.newest = *stamp,
                Entry::Durable(stamp) => bounds.lowest = Some(*stamp),
                Entry::Mark(name) => mark = name,
                Entry::Change(file, change) => {
                    disk.apply(*file, change);
                    if pick(mark, *file, change) {
                        self.crash(&disk, states, bounds)
                            .map_err(|e| format!("crash after entry {at} ({mark}): {e}"))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn crash(&mut self, disk: &Disk, states: &[Model], bounds: Bounds) -> Result<(), String> {
        for fates in disk.fates(self.budget, &mut self.random) {
            let image = disk.image(&fates);
            let again = self.again_in > 0 && self.random.once_in(self.again_in);
            self.image(image, states, bounds, again).map_err(|error| {
                let lost = |it: &(usize, &Fate)| *it.1 != Fate::Kept;
                let list: Vec<_> = fates.iter().enumerate().filter(lost).take(12).collect();
                format!("{bounds:?}, {} pending, not kept {list:?}: {error}", fates.len())
            })?;
        }
        Ok(())
    }

    /// Judges one image; with `again` also every crash inside its recovery.
    pub fn image(
        &mut self,
        image: Images,
        states: &[Model],
        bounds: Bounds,
        again: bool,
    ) -> Result<(), String> {
        self.images += 1;
        let base = if again { image.clone() } else { [None, None, None] };
        let disk = RamDisk::from_images(image);
        let recorder = Arc::new(Recorder::default());
        if again {
            disk.observe(Some(recorder.clone()));
        }
        let Some((found, next)) = self.open_and_go_on(&disk, states, bounds, &recorder)? else {
            return Ok(());
        };
        if !again {
            return Ok(());
        }
        let (budget, again_in, images) = (self.budget, self.again_in, self.images);
        (self.budget, self.again_in) = (AGAIN_BUDGET, 0);
        let stamp = found.stamp;
        self.young = bounds.lowest.is_none().then_some(stamp);
        let inner = Bounds { lowest: Some(stamp), newest: stamp };
        let done = self.walk(&base, &recorder.history(), &[found, next], inner);
        (self.budget, self.again_in, self.young) = (budget, again_in, None);
        self.images_again += self.images - images;
        self.images = images;
        done.map_err(|error| format!("in the recovery of an image of state {stamp}: {error}"))
    }

    /// Opens, compares, commits once more, opens again. None: no heap, and rightly so.
    fn open_and_go_on(
        &mut self,
        disk: &RamDisk,
        states: &[Model],
        bounds: Bounds,
        recorder: &Recorder,
    ) -> Result<Option<(Model, Model)>, String> {
        let heap = match self.open(disk) {
            Ok(heap) => heap,
            Err(error) if bounds.lowest.is_none() => {
                return match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotAHeap => Ok(None),
                    _ => Err(format!("of a creation that was cut off: {error}")),
                };
            }
            Err(error) => return Err(format!("cannot open: {error}")),
        };
        let read = heap.begin_read().map_err(|error| format!("cannot read: {error}"))?;
        let stamp = Model::stamp_of(&read)?;
        let allowed = bounds.lowest.unwrap_or(0)..=bounds.newest;
        let Some(found) = states.iter().find(|it| it.stamp == stamp && allowed.contains(&it.stamp))
        else {
            return Err(format!("found state {stamp}"));
        };
        if bounds.lowest.is_none() || bounds.lowest == self.young {
            found.compare(&read, Depth::All)?; // P15: one superblock copy may be missing still
        } else {
            found.compare_heap(&heap)?;
        }
        drop(read);
        let next = self.go_on(&heap, found, recorder)?;
        if self.random.once_in(2) {
            heap.close().map_err(|error| format!("cannot close: {error}"))?;
        }
        drop(heap);
        let heap = self.open(disk).map_err(|error| format!("cannot open again: {error}"))?;
        next.compare_heap(&heap).map_err(|error| format!("after going on: {error}"))?;
        Ok(Some((found.clone(), next)))
    }

    fn open(&self, disk: &RamDisk) -> fileheap_core::Result<Heap> {
        Heap::open_on(Box::new(RamHost::open(disk)?), &self.options)
    }

    fn go_on(&mut self, heap: &Heap, from: &Model, recorder: &Recorder) -> Result<Model, String> {
        let mut txn = heap.begin_write().map_err(|error| format!("cannot write: {error}"))?;
        let mut draft = from.clone();
        let (random, mix) = (&mut self.random, Mix::SMALL);
        let mut work = Work { txn: &mut txn, draft: &mut draft, random, mix };
        work.stamp(from.stamp + 1000);
        for _ in 0..3 {
            work.step().map_err(|stop| format!("going on: {}", stop.text()))?;
        }
        recorder.note(Entry::Begun(draft.stamp));
        txn.commit().map_err(|error| format!("cannot commit: {error}"))?;
        recorder.note(Entry::Durable(draft.stamp));
        draft.compare_heap(heap).map_err(|error| format!("having gone on: {error}"))?;
        Ok(draft)
    }
}

/// Each image takes and frees some megabytes. Getting them from the kernel again and again, page
/// by page, would take longer than all the rest.
fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // SAFETY: sets two numbers of the allocator, which it may be told at any time.
        ONCE.call_once(|| unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 256 << 20);
        });
    }
}
