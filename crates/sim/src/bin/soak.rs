//! soak: images, models or faults without end, until time is over or something is wrong.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use fileheap_core::Options;
use fileheap_sim::faults::{self, Fault, Outcome};
use fileheap_sim::judge::{Bounds, Judge};
use fileheap_sim::script;
use fileheap_sim::work::{Mix, Stop};
use fileheap_sim::world::World;

const USAGE: &str = "usage: soak images|model|faults [--minutes N] [--seed S]";

fn images(seed: u64) -> Result<u64, String> {
    let options = Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024);
    let text = |stop: Stop| stop.text();
    let mut world = World::in_memory(seed, options.clone(), Mix::SMALL, true).map_err(text)?;
    if seed % 3 == 0 {
        script::everything(&mut world).map_err(text)?;
    } else {
        for _ in 1..seed % 3 {
            world.heaps.push(world.attach().map_err(text)?);
        }
        (0..40).try_for_each(|_| script::happen(&mut world)).map_err(text)?;
    }
    let history = world.recorder.as_ref().map(|it| it.history()).unwrap_or_default();
    let mut judge = Judge::new(seed, options, 24);
    let bounds = Bounds { lowest: None, newest: 0 };
    judge.walk(&[None, None, None], &history, &world.states, bounds)?;
    Ok(judge.images + judge.images_again)
}

fn model(seed: u64) -> Result<u64, String> {
    let options = Options::new().limit_bytes(96 << 20).log_bytes(256 * 1024);
    let mix = [Mix::SMALL, Mix::MIDDLE, Mix::LARGE][(seed % 3) as usize];
    let text = |stop: Stop| stop.text();
    let mut world = World::in_memory(seed, options, mix, false).map_err(text)?;
    for _ in 0..seed / 3 % 3 {
        world.heaps.push(world.attach().map_err(text)?);
    }
    for event in 0..200 {
        script::happen(&mut world).map_err(|stop| format!("event {event}: {}", stop.text()))?;
        for process in 0..world.heaps.len() {
            let seen = world.compare(process);
            seen.map_err(|stop| format!("event {event}: {}", stop.text()))?;
        }
    }
    Ok(200)
}

fn faults(seed: u64) -> Result<u64, String> {
    let options = Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024);
    let mut count = 0;
    for errno in [libc::EIO, libc::ENOSPC] {
        for persists in [false, true] {
            for after in 0.. {
                let fault = Fault { after, errno, persists };
                let outcome = faults::suffer(seed, &options, fault);
                count += 1;
                if outcome.map_err(|e| format!("{fault:?}: {e}"))? == Outcome::Untouched {
                    break;
                }
            }
        }
    }
    Ok(count)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, default: u64| {
        let at = words.iter().position(|word| word == name);
        at.and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let run = match words.first().map(String::as_str) {
        Some("images") => images,
        Some("model") => model,
        Some("faults") => faults,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (minutes, first) = (option("--minutes", 1), option("--seed", 1));
    let begun = Instant::now();
    let (mut seed, mut count) = (first, 0);
    while begun.elapsed() < Duration::from_secs(minutes * 60) {
        match run(seed) {
            Ok(more) => count += more,
            Err(error) => {
                println!("{} --seed {seed}: {error}", words[0]);
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
    }
    println!("{}: {count} of seeds {first}..{seed} in {:?}", words[0], begun.elapsed());
    ExitCode::SUCCESS
}
