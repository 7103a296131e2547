//! Crash images: what a power cut can leave behind is a committed state, always.

use std::time::Instant;

use fileheap_core::Options;
use fileheap_sim::judge::{Bounds, Judge};
use fileheap_sim::random::seed_or;
use fileheap_sim::script;
use fileheap_sim::work::{Mix, Stop};
use fileheap_sim::world::World;

/// So many images are judged of each sort of life, those inside recoveries not counted.
const TARGET: u64 = 26_000;
const _: () = assert!(4 * TARGET >= 100_000);

fn options() -> Options {
    Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024)
}

/// One life, recorded; then images of all its moments.
fn life(
    seed: u64,
    mix: Mix,
    budget: usize,
    act: &dyn Fn(&mut World) -> Result<(), Stop>,
) -> Result<[u64; 2], String> {
    let mut world = World::in_memory(seed, options(), mix, true).map_err(|stop| stop.text())?;
    act(&mut world).map_err(|stop| stop.text())?;
    let history = world.recorder.as_ref().map(|recorder| recorder.history()).unwrap_or_default();
    let mut judge = Judge::new(seed, options(), budget);
    let bounds = Bounds { lowest: None, newest: 0 };
    judge.walk(&[None, None, None], &history, &world.states, bounds)?;
    Ok([judge.images, judge.images_again])
}

fn lives(name: &str, default: u64, mix: Mix, act: &dyn Fn(&mut World) -> Result<(), Stop>) {
    let (begun, mut images, mut seed) = (Instant::now(), [0; 2], seed_or(default));
    let once = std::env::var("FILEHEAP_SEED").is_ok();
    while images[0] < TARGET {
        match life(seed, mix, 16, act) {
            Ok(more) => images = [images[0] + more[0], images[1] + more[1]],
            Err(error) => panic!("FILEHEAP_SEED={seed}: {error}"),
        }
        seed += 1;
        if once {
            break;
        }
    }
    assert!(once || images[0] >= TARGET, "{name}: {images:?}");
    let [first, again] = images;
    let lives = seed - seed_or(default);
    println!("{name}: {lives} lives, {first} images, {again} in them, {:?}", begun.elapsed());
}

/// Generated events in so many processes.
fn generated(name: &str, default: u64, processes: usize) {
    lives(name, default, Mix::SMALL, &|world| {
        for _ in 1..processes {
            world.heaps.push(world.attach()?);
        }
        (0..40).try_for_each(|_| script::happen(world))
    });
}

#[test]
fn of_a_script_that_touches_everything() {
    lives("everything", 1000, Mix::SMALL, &script::everything);
}

#[test]
fn of_generated_lives_of_one_process() {
    generated("one process", 2000, 1);
}

#[test]
fn of_generated_lives_of_two_processes() {
    generated("two processes", 3000, 2);
}

#[test]
fn of_generated_lives_of_three_processes() {
    generated("three processes", 4000, 3);
}
