//! What happens in a world: generated, or a script that touches everything once.

use fileheap_core::Durability::{Background, Power, Process};
use fileheap_core::{Durability, ErrorKind};

use crate::record::Entry;
use crate::work::Stop;
use crate::world::{End, World};

/// One generated event in the life of a world.
pub fn happen(world: &mut World) -> Result<(), Stop> {
    let process = world.random.below(world.heaps.len() as u64) as usize;
    if world.is_reading(process) {
        return if world.random.once_in(4) {
            world.let_go(process)
        } else {
            world.compare(process)
        };
    }
    match world.random.below(24) {
        0 => world.reopen(process),
        1 | 2 => checkpoint(world, process),
        3 => trim(world, process),
        4 | 5 => abort(world, process),
        6 => {
            let times = 1 + world.random.below(3);
            world.transact_on(process, 4, times)
        }
        7 if world.heaps.len() > 1 => world.hold(process),
        8 if world.heaps.len() > 1 && world.random.once_in(3) => {
            let keeper = world.heaps[process].keep()?;
            world.keepers.push((process, keeper));
            Ok(())
        }
        9 => {
            world.heaps[process].sync()?;
            world.promised();
            Ok(())
        }
        10 => world.let_go(process),
        _ => commit(world, process),
    }
}

fn durability(world: &mut World) -> Durability {
    match world.random.below(8) {
        0 | 1 => Process,
        2 => Background,
        _ => Power,
    }
}

fn commit(world: &mut World, process: usize) -> Result<(), Stop> {
    let tracked = world.random.once_in(3);
    let steps = 1 + world.random.below(12);
    let durability = durability(world);
    world.transact(process, tracked, steps, End::Commit(durability))
}

fn abort(world: &mut World, process: usize) -> Result<(), Stop> {
    let tracked = world.random.once_in(3);
    let end = if world.random.once_in(2) { End::Abort } else { End::Drop };
    let steps = 1 + world.random.below(12);
    world.transact(process, tracked, steps, end)
}

/// A checkpoint.
pub fn checkpoint(world: &mut World, process: usize) -> Result<(), Stop> {
    world.heaps[process].checkpoint()?;
    world.promised();
    Ok(())
}

/// Gives disk space back.
pub fn trim(world: &mut World, process: usize) -> Result<(), Stop> {
    match world.heaps[process].trim() {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Busy => {}
        Err(error) => return Err(error.into()),
    }
    world.promised();
    Ok(())
}

/// A part of the script.
pub struct Act {
    /// For messages; also a mark in the history.
    pub name: &'static str,
    /// Whether it closes the heap.
    pub closes: bool,
    /// What is done.
    pub run: fn(&mut World) -> Result<(), Stop>,
}

const fn act(name: &'static str, run: fn(&mut World) -> Result<(), Stop>) -> Act {
    Act { name, closes: false, run }
}

/// Everything once.
pub const ACTS: &[Act] = &[
    act("commit", |world| world.transact(0, false, 8, End::Commit(Power))),
    act("abort", |world| world.transact(0, true, 5, End::Abort)),
    act("go on", |world| world.transact_on(0, 3, 2)),
    act("commit for the process", |world| world.transact(0, true, 8, End::Commit(Process))),
    act("grow", |world| {
        let mix = world.mix;
        (world.mix.bytes_max, world.mix.total_max) = (40 * 1024, 500 * 1024);
        let done = world.transact(0, false, 16, End::Commit(Power));
        world.mix = mix;
        done
    }),
    act("checkpoint", |world| checkpoint(world, 0)),
    act("commit after it", |world| world.transact(0, false, 15, End::Commit(Power))),
    act("trim", |world| trim(world, 0)),
    act("commit more", |world| world.transact(0, false, 6, End::Commit(Process))),
    act("fill", |world| fill_home(world, 40)),
    act("switch", |world| (0..4).try_for_each(|_| fill_home(world, 2))),
    Act { name: "close", closes: true, run: |world| world.reopen(0) },
    act("first commit", |world| world.transact(0, false, 6, End::Commit(Power))),
];

/// Everything once, in an order that follows from nothing but the seed.
pub fn everything(world: &mut World) -> Result<(), Stop> {
    for act in ACTS.iter().filter(|act| act.name != "fill") {
        world.note(Entry::Mark(act.name));
        (act.run)(world)?;
    }
    Ok(())
}

/// Commits so many new blocks of 30 KiB, having freed those of the last time.
pub fn fill_home(world: &mut World, count: u64) -> Result<(), Stop> {
    let heap = world.heaps[0].clone();
    let mut txn = heap.begin_write()?;
    let mut draft = world.now().clone();
    let old: Vec<u64> =
        draft.names.iter().filter(|it| it.0.starts_with("block")).map(|it| *it.1).collect();
    world.work(&mut txn, &mut draft, 0)?;
    let (random, mix) = (&mut world.random, world.mix);
    let mut work = crate::work::Work { txn: &mut txn, draft: &mut draft, random, mix };
    for offset in old {
        work.free_block(offset)?;
    }
    for index in 0..count {
        work.bind_block(&format!("block{index}"), 33 * 1024)?;
    }
    world.begun(&draft);
    txn.commit()?;
    world.committed(draft, Power);
    Ok(())
}
