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

/// Everything once, in an order that follows from nothing but the seed.
pub fn everything(world: &mut World) -> Result<(), Stop> {
    let mark = |world: &World, name| world.note(Entry::Mark(name));
    for (round, durability) in [Power, Process, Power, Process].into_iter().enumerate() {
        mark(world, "commit");
        world.transact(0, round % 2 == 1, 8, End::Commit(durability))?;
        world.transact(0, round % 2 == 0, 5, End::Abort)?;
        world.transact_on(0, 3, 2)?;
        mark(world, "grow");
        let mix = world.mix;
        world.mix.bytes_max = 64 * 1024;
        world.mix.total_max = 4 << 20;
        world.transact(0, false, 30, End::Commit(durability))?;
        world.mix = mix;
        mark(world, "checkpoint");
        checkpoint(world, 0)?;
        world.transact(0, false, 20, End::Commit(Power))?;
        mark(world, "trim");
        trim(world, 0)?;
        world.transact(0, true, 6, End::Commit(Process))?;
        mark(world, "close");
        world.reopen(0)?;
    }
    Ok(())
}
