//! Crash images: what a power cut can leave behind is a committed state, always.

use std::time::Instant;

use fileheap_core::Options;
use fileheap_sim::judge::{Bounds, Judge};
use fileheap_sim::random::seed_or;
use fileheap_sim::script;
use fileheap_sim::work::{Mix, Stop};
use fileheap_sim::world::World;

fn options() -> Options {
    Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024)
}

/// One life, recorded; then images of all its moments.
fn life(
    seed: u64,
    mix: Mix,
    budget: usize,
    act: &dyn Fn(&mut World) -> Result<(), Stop>,
) -> Result<u64, String> {
    let mut world = World::in_memory(seed, options(), mix, true).map_err(|stop| stop.text())?;
    act(&mut world).map_err(|stop| stop.text())?;
    let history = world.recorder.as_ref().map(|recorder| recorder.history()).unwrap_or_default();
    let mut judge = Judge::new(seed, options(), budget);
    let bounds = Bounds { lowest: None, newest: 0 };
    judge.walk(&[None, None, None], &history, &world.states, bounds)?;
    Ok(judge.images)
}

fn lives(
    name: &str,
    default: u64,
    target: u64,
    mix: Mix,
    act: &dyn Fn(&mut World) -> Result<(), Stop>,
) {
    let (begun, mut images, mut seed) = (Instant::now(), 0, seed_or(default));
    let once = std::env::var("FILEHEAP_SEED").is_ok();
    while images < target {
        match life(seed, mix, 16, act) {
            Ok(count) => images += count,
            Err(error) => panic!("FILEHEAP_SEED={seed}: {error}"),
        }
        if once {
            break;
        }
        seed += 1;
    }
    println!("{name}: {images} images in {:?}", begun.elapsed());
}

#[test]
fn of_a_script_that_touches_everything() {
    lives("everything", 1000, 8_000, Mix::SMALL, &script::everything);
}

#[test]
fn of_generated_lives_of_one_process() {
    lives("one process", 2000, 8_000, Mix::SMALL, &|world| {
        (0..40).try_for_each(|_| script::happen(world))
    });
}

#[test]
fn of_generated_lives_of_two_processes() {
    lives("two processes", 3000, 8_000, Mix::SMALL, &|world| {
        world.heaps.push(world.attach()?);
        (0..40).try_for_each(|_| script::happen(world))
    });
}
