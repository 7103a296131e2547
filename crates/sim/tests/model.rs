//! Thousands of generated operations: after each step the heap equals the model.

use fileheap_core::Options;
use fileheap_sim::random::seed_or;
use fileheap_sim::script;
use fileheap_sim::work::{Mix, Stop};
use fileheap_sim::world::World;

fn options() -> Options {
    Options::new().limit_bytes(96 << 20).log_bytes(256 * 1024)
}

fn live(seed: u64, mix: Mix, processes: usize, events: u64) -> Result<(), Stop> {
    let mut world = World::in_memory(seed, options(), mix, false)?;
    for _ in 1..processes {
        world.heaps.push(world.attach()?);
    }
    for event in 0..events {
        script::happen(&mut world).map_err(|stop| at(event, &stop))?;
        if event % 4 == 0 {
            for process in 0..processes {
                world.compare(process).map_err(|stop| at(event, &stop))?;
            }
        }
    }
    for process in 0..processes {
        world.let_go(process)?;
    }
    Ok(())
}

fn at(event: u64, stop: &Stop) -> Stop {
    Stop::Wrong(format!("event {event}: {}", stop.text()))
}

fn lives(default: u64, count: u64, mix: Mix, processes: usize, events: u64) {
    let first = seed_or(default);
    let count = if std::env::var("FILEHEAP_SEED").is_ok() { 1 } else { count };
    for seed in first..first + count {
        if let Err(stop) = live(seed, mix, processes, events) {
            panic!("FILEHEAP_SEED={seed}: {}", stop.text());
        }
    }
}

#[test]
fn one_process_small() {
    lives(1000, 40, Mix::SMALL, 1, 150);
}

#[test]
fn one_process_middle() {
    lives(2000, 12, Mix::MIDDLE, 1, 150);
}

#[test]
fn one_process_with_extents() {
    lives(3000, 5, Mix::LARGE, 1, 80);
}

#[test]
fn three_processes_small() {
    lives(4000, 40, Mix::SMALL, 3, 150);
}

#[test]
fn two_processes_middle() {
    lives(5000, 12, Mix::MIDDLE, 2, 150);
}

#[test]
fn two_processes_with_extents() {
    lives(6000, 5, Mix::LARGE, 2, 80);
}
