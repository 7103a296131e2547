//! Measures what finding dirty pages costs on each rung, and how fast a shared range fills.
//!
//! `cargo run --release --example capture_speed [folder]`

use std::path::{Path, PathBuf};
use std::time::Instant;

use fileheap_core::os::linux::LinuxHost;
use fileheap_core::os::{Capture, Host, Placement};

const MIB: u64 = 1 << 20;
const ROUNDS: usize = 7;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("capture-speed-{}", std::process::id()));
    println!("open and map: {:.0} us", median(|| open_cost(&path)));
    for bytes in [64 * MIB, 1024 * MIB] {
        let rungs = [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap];
        for capture in rungs.into_iter().chain([Capture::Auto]) {
            harvests(&path, bytes, capture, false);
        }
    }
    println!("the same after the page cache was dropped, so that it is read in by the mapping:");
    for capture in [Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Auto] {
        harvests(&path, 1024 * MIB, capture, true);
    }
    if std::env::args_os().nth(2).is_some() {
        return;
    }
    println!("fill 1 GiB of a fresh shared range, GB/s (plain mmap / share / share + prefault):");
    for _ in 0..ROUNDS {
        let speeds = [0, 1, 2].map(|way| fill(&path, way));
        println!("  {:.2} / {:.2} / {:.2}", speeds[0], speeds[1], speeds[2]);
    }
}

fn placement(capture: Capture) -> Placement {
    Placement { base: 0, exact: false, reserve_bytes: 1 << 40, writable: true, capture }
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..ROUNDS).map(|_| measure()).collect();
    all.sort_by(f64::total_cmp);
    all[ROUNDS / 2]
}

fn micros(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6
}

fn open_cost(path: &Path) -> f64 {
    LinuxHost::create(path, MIB, 0o600).unwrap().publish().unwrap();
    let begun = Instant::now();
    let host = LinuxHost::open(path, true).unwrap();
    let view = host.map(&placement(Capture::Auto)).unwrap();
    view.extend(MIB).unwrap();
    let cost = micros(begun);
    std::fs::remove_file(path).unwrap();
    cost
}

fn harvests(path: &Path, bytes: u64, capture: Capture, cold: bool) {
    let host = LinuxHost::create(path, bytes, 0o600).unwrap();
    let step = vec![1; MIB as usize];
    for at in (MIB..bytes).step_by(step.len()) {
        host.data().write_at(at, &[std::io::IoSlice::new(&step)]).unwrap();
    }
    host.data().sync().unwrap();
    if cold {
        let file = host.data().descriptor().unwrap();
        // SAFETY: takes integers only.
        unsafe { libc::posix_fadvise(file, 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    let view = host.map(&placement(capture)).unwrap();
    view.extend(bytes).unwrap();
    for offset in (MIB..bytes).step_by(4096) {
        // SAFETY: within the mapping.
        unsafe { view.base().add(offset as usize).read_volatile() };
    }
    let mut dirty = Vec::new();
    let begun = Instant::now();
    view.harvest(&mut dirty).unwrap();
    let first = micros(begun);
    let begun = Instant::now();
    view.harvest(&mut dirty).unwrap();
    let second = micros(begun);
    // Long enough for `Auto` to make up its mind.
    (0..8).for_each(|_| view.harvest(&mut dirty).unwrap());
    let mut random = 1_u64;
    let costs = [0, 1, 100, 10_000].map(|count| {
        median(|| {
            for _ in 0..count {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                let offset = MIB + (random >> 20) % ((bytes - MIB) / 4096) * 4096;
                // SAFETY: within the mapping.
                unsafe {
                    let at = view.base().add(offset as usize);
                    at.write_volatile(at.read_volatile().wrapping_add(1));
                }
            }
            dirty.clear();
            let begun = Instant::now();
            view.harvest(&mut dirty).unwrap();
            let cost = micros(begun);
            let found: u64 = dirty.iter().map(|range| (range.end - range.start) / 4096).sum();
            assert!(found <= count, "{found} pages reported of {count} stored to");
            cost
        })
    });
    println!(
        "{:4} MiB {:14} first {first:.0} us, second {second:.0}; 0/1/100/10k dirty: {costs:.0?} us",
        bytes / MIB,
        view.capture_name(),
    );
}

fn fill(path: &Path, way: u32) -> f64 {
    let bytes = 1026 * MIB;
    let host = LinuxHost::create(path, bytes, 0o600).unwrap();
    let view = host.map(&placement(Capture::Auto)).unwrap();
    view.extend(bytes).unwrap();
    let target = if way == 0 {
        host.data().window(bytes).unwrap()
    } else {
        view.share(2 * MIB..bytes).unwrap();
        view.base()
    };
    let begun = Instant::now();
    if way == 2 {
        view.prefault(2 * MIB..bytes);
    }
    let words = target.wrapping_add(2 * MIB as usize).cast::<u64>();
    for index in 0..(1024 * MIB / 8) as usize {
        // SAFETY: 1 GiB from offset 2 MiB on is mapped.
        unsafe { words.add(index).write_volatile(index as u64) };
    }
    let speed = (1024 * MIB) as f64 / 1e9 / begun.elapsed().as_secs_f64();
    drop(view);
    speed
}
