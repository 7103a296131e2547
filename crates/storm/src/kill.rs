//! Kill and verify, over and over on the same heap.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::child::{self, Speaker};
use crate::fill::Random;

pub fn run(dir: &Path, kills: u64, seed: u64) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let mut random = Random::new(seed);
    let begun = Instant::now();
    let mut known = child::verify(dir)?;
    for round in 0..kills {
        let (args, delay) = plan(&mut random);
        let heard = Arc::new(AtomicU64::new(0));
        let worker = Speaker::start("work", dir, &args, &heard)?;
        std::thread::sleep(delay);
        let fail = |what: String| {
            format!("kill {round} of seed {seed} (work {args:?}, after {delay:?}): {what}")
        };
        let said = worker.kill().map_err(fail)?;
        for _ in 0..random.below(3) {
            child::verify_killed(dir, Duration::from_micros(random.below(12_000)))?;
        }
        let found = child::verify(dir).map_err(fail)?;
        let least = known.max(said);
        if found < least || found > least + 1 {
            return Err(fail(format!("committed {least}, recovered {found}")));
        }
        known = found;
    }
    let seconds = begun.elapsed().as_secs_f32();
    println!("{kills} kills, {known} commits, nothing lost, {seconds:.1} s");
    Ok(())
}

/// How the next worker works, and how long it lives: at times not even as long as recovery.
fn plan(random: &mut Random) -> (Vec<String>, Duration) {
    let mode = ["--captured", "--tracked", "--mixed"][random.below(3) as usize];
    let durability = ["power", "background", "process"][random.below(3) as usize];
    let mut args = vec![random.below(1 << 30).to_string(), mode.into()];
    args.extend(["--durability".into(), durability.into()]);
    let longest = [3_000, 30_000, 300_000, 800_000][random.below(4) as usize];
    (args, Duration::from_micros(random.below(longest)))
}
