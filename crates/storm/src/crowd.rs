//! A crowd of writers and readers on one heap; some of them are killed at random moments.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::child::{self, Speaker};
use crate::fill::Random;

const WRITERS: usize = 3;
const READERS: usize = 3;
/// Nobody who lives is silent for longer, and no dead writer keeps the others waiting for longer.
const SILENCE: Duration = Duration::from_secs(20);

struct Member {
    verb: &'static str,
    speaker: Speaker,
    last: u64,
    heard: Instant,
}

pub fn run(dir: &Path, seconds: u64, seed: u64) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let mut random = Random::new(seed);
    let (written, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let start = |verb: &'static str, random: &mut Random| -> Result<Member, String> {
        let durability = ["power", "background", "process"][random.below(3) as usize];
        let mut args = vec![random.below(1 << 30).to_string()];
        args.extend(["--durability".into(), durability.into()]);
        let highest = if verb == "work" { &written } else { &read };
        let speaker = Speaker::start(verb, dir, &args, highest)?;
        Ok(Member { verb, speaker, last: 0, heard: Instant::now() })
    };
    // One comes first and makes the heap: a creation under way is no heap yet.
    let mut crowd = vec![start("work", &mut random)?];
    wait_for(&written, 0, SILENCE)?;
    let verbs = std::iter::repeat_n("work", WRITERS - 1).chain(["read"; READERS]);
    for verb in verbs {
        crowd.push(start(verb, &mut random)?);
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut kills, mut slowest) = (0, Duration::ZERO);
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20 + random.below(150)));
        look_after(&mut crowd)?;
        let victim = random.below(crowd.len() as u64) as usize;
        let verb = crowd[victim].verb;
        let gone = crowd.swap_remove(victim);
        gone.speaker.kill()?;
        kills += 1;
        let before = written.load(SeqCst);
        slowest = slowest.max(wait_for(&written, before, SILENCE)?);
        crowd.push(start(verb, &mut random)?);
    }
    let said = written.load(SeqCst);
    for member in crowd {
        member.speaker.kill()?;
    }
    let said = said.max(written.load(SeqCst));
    let found = child::verify(dir)?;
    // Each writer may have committed once without having been heard.
    if found < said || found > said + WRITERS as u64 {
        return Err(format!("committed {said}, recovered {found}"));
    }
    println!(
        "{kills} of the crowd killed, {found} commits, {} the last state read, next commit after \
         a death within {slowest:?}",
        read.load(SeqCst)
    );
    Ok(())
}

fn wait_for(number: &AtomicU64, above: u64, patience: Duration) -> Result<Duration, String> {
    let begun = Instant::now();
    while number.load(SeqCst) <= above {
        if begun.elapsed() > patience {
            return Err(format!("no commit within {patience:?} after a death"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed())
}

fn look_after(crowd: &mut [Member]) -> Result<(), String> {
    for member in crowd {
        member.speaker.must_live()?;
        let said = member.speaker.said();
        if said != member.last {
            (member.last, member.heard) = (said, Instant::now());
        } else if member.heard.elapsed() > SILENCE {
            return Err(format!("a {}er said nothing for {SILENCE:?}", member.verb));
        }
    }
    Ok(())
}
