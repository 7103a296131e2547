//! Faults: the n-th change of a file fails; calls must say so, and nothing may be lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};

use fileheap_core::os::ram::{Event, EventKind, Images, Observer, RamDisk, RamHost};
use fileheap_core::{ErrorKind, Heap, Options};

use crate::judge::{Bounds, Judge};
use crate::model::Model;
use crate::script::{ACTS, Act};
use crate::work::{Mix, Stop};
use crate::world::{Machine, World};

/// How the disk fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// After so many changes.
    pub after: i64,
    /// With this error.
    pub errno: i32,
    /// From then on, not just once.
    pub persists: bool,
}

/// Lets changes fail.
struct Faulty {
    fault: Fault,
    left: AtomicI64,
    healed: AtomicBool,
}

impl Faulty {
    fn was_hit(&self) -> bool {
        self.left.load(SeqCst) < 0
    }
}

impl Observer for Faulty {
    fn before(&self, event: &Event<'_>) -> io::Result<()> {
        if self.healed.load(SeqCst) || matches!(event.kind, EventKind::Flush(_)) {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, SeqCst);
        if left == 0 || self.fault.persists && left < 0 {
            return Err(io::Error::from_raw_os_error(self.fault.errno));
        }
        Ok(())
    }
}

/// What a life with a fault came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ended before the fault.
    Untouched,
    /// Whatever failed was undone, and things went on.
    WentOn,
    /// The heap was poisoned, rightly.
    Poisoned,
}

/// Runs all acts of the script with a fault in them.
pub fn suffer(seed: u64, options: &Options, fault: Fault) -> Result<Outcome, String> {
    let left = AtomicI64::new(fault.after);
    let faulty = Arc::new(Faulty { fault, left, healed: AtomicBool::new(false) });
    let disk = RamDisk::new();
    disk.observe(Some(faulty.clone()));
    let made = RamHost::create(&disk, fileheap_core::format::INITIAL_BYTES)
        .and_then(|host| Heap::create_on(Box::new(host), options));
    let heap = match made {
        Ok(heap) => heap,
        Err(error) => return unborn(&disk, seed, options, &error),
    };
    let machine = Machine::Ram(disk.clone());
    let mut world = World::around(machine, seed, options.clone(), Mix::SMALL, heap, None);
    let mut outcome = Outcome::Untouched;
    for act in ACTS {
        match perform(&mut world, act, &faulty)? {
            Outcome::Untouched => {}
            Outcome::WentOn => outcome = Outcome::WentOn,
            Outcome::Poisoned => {
                outcome = Outcome::Poisoned;
                break;
            }
        }
    }
    if outcome == Outcome::Untouched && faulty.was_hit() {
        outcome = Outcome::WentOn; // nobody had to hear of it
    }
    faulty.healed.store(true, SeqCst);
    verdict(&mut world, &disk, seed, outcome)?;
    Ok(outcome)
}

fn unborn(
    disk: &RamDisk,
    seed: u64,
    options: &Options,
    error: &fileheap_core::Error,
) -> Result<Outcome, String> {
    expected(error)?;
    let bounds = Bounds { lowest: None, newest: 0 };
    judge_image(disk.images(), &[Model::default()], bounds, seed, options)?;
    Ok(Outcome::WentOn)
}

fn judge_image(
    images: Images,
    states: &[Model],
    bounds: Bounds,
    seed: u64,
    options: &Options,
) -> Result<(), String> {
    Judge::new(seed, options.clone(), 4).image(images, states, bounds, false)
}

fn expected(error: &fileheap_core::Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::Io | ErrorKind::DiskFull | ErrorKind::Poisoned => Ok(()),
        kind => Err(format!("an error of the wrong kind, {kind:?}: {error}")),
    }
}

/// One act; if it fails it is done once more after the fault.
fn perform(world: &mut World, act: &Act, faulty: &Faulty) -> Result<Outcome, String> {
    let error = match (act.run)(world) {
        Ok(()) => return Ok(Outcome::Untouched),
        Err(Stop::Wrong(what)) => return Err(format!("{}: {what}", act.name)),
        Err(Stop::Error(error)) => error,
    };
    let fail = |what: String| Err(format!("{} after {error}: {what}", act.name));
    if !faulty.was_hit() {
        return fail("without a fault".into());
    }
    if let Err(what) = expected(&error) {
        return fail(what);
    }
    let reopened = act.closes;
    if !reopened {
        if let Err(stop) = world.compare(0) {
            return fail(stop.text());
        }
    }
    if error.kind() == ErrorKind::Poisoned {
        return match world.heaps[0].begin_write().err().map(|error| error.kind()) {
            Some(ErrorKind::Poisoned | ErrorKind::Closed) => Ok(Outcome::Poisoned),
            other => fail(format!("writing goes on: {other:?}")),
        };
    }
    faulty.healed.store(true, SeqCst);
    if reopened {
        world.readers.clear();
        match world.attach() {
            Ok(heap) => world.heaps[0] = heap,
            Err(stop) => return fail(stop.text()),
        }
    }
    match (act.run)(world) {
        Ok(()) => Ok(Outcome::WentOn),
        // What failed may have been the undoing.
        Err(Stop::Error(error)) if error.kind() == ErrorKind::Poisoned => Ok(Outcome::Poisoned),
        Err(stop) => fail(format!("trying again: {}", stop.text())),
    }
}

fn verdict(world: &mut World, disk: &RamDisk, seed: u64, outcome: Outcome) -> Result<(), String> {
    let now = world.now().stamp;
    let mut states = world.states.clone();
    let mut newest = now;
    if let Some(attempted) = world.attempted.take().filter(|_| outcome == Outcome::Poisoned) {
        newest = attempted.stamp;
        states.push(attempted);
    }
    let bounds = Bounds { lowest: Some(now), newest };
    judge_image(disk.images(), &states, bounds, seed, &world.options)
}
