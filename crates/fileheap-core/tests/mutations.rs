//! Thousands of damaged heaps, each used like any other: an error, never a panic, hang or fault.

mod hostile;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fileheap_core::os::ram::Images;
use hostile::{Choices, ROOMY, TIGHT};

/// A heap of half a megabyte is used in milliseconds; this long means that a loop does not end.
const HANG: Duration = Duration::from_secs(10);

fn bytes_of(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// Damages copies of `base` by bytes made from seeds, and uses them.
fn trial(base: &Images, seeds: std::ops::Range<u64>, damage: impl Fn(&mut Images, &mut Choices)) {
    for seed in seeds {
        let bytes = bytes_of(seed, 8 + (seed % 5 * 10) as usize);
        let mut images = base.clone();
        let start = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| {
            damage(&mut images, &mut Choices(&bytes));
            hostile::exercise(images);
        }));
        assert!(done.is_ok(), "seed {seed} panicked");
        assert!(start.elapsed() < HANG, "seed {seed} took {:?}", start.elapsed());
    }
}

fn anywhere(base: &Images, seeds: std::ops::Range<u64>) {
    let words = hostile::words(base, 0);
    trial(base, seeds, |images, choices| hostile::mutate(images, &words, choices));
}

#[test]
fn sound_images_are_sound_and_always_the_same() {
    for (limit, live) in [(TIGHT, false), (ROOMY, false), (ROOMY, true)] {
        let images = hostile::sound(limit, live);
        assert!(images == hostile::sound(limit, live));
        assert_eq!(images[1].is_some() || images[2].is_some(), live);
        let disk = fileheap_core::os::ram::RamDisk::from_images(images);
        let host = fileheap_core::os::ram::RamHost::open(&disk).unwrap();
        let options = fileheap_core::Options::new();
        let heap = fileheap_core::Heap::open_on(Box::new(host), &options).unwrap();
        assert!(heap.check().unwrap().is_clean());
        assert_eq!(heap.recovery().transactions, if live { 3 } else { 0 });
    }
}

#[test]
fn damage_anywhere_in_a_heap_without_room() {
    anywhere(&hostile::sound(TIGHT, false), 0..1000);
}

#[test]
fn damage_anywhere_in_a_heap_with_room() {
    anywhere(&hostile::sound(ROOMY, false), 10_000..10_800);
}

#[test]
fn damage_anywhere_in_a_heap_with_its_logs() {
    anywhere(&hostile::sound(ROOMY, true), 20_000..20_700);
}

#[test]
fn damage_in_trees_and_their_cells() {
    let base = hostile::sound(TIGHT, false);
    let words = hostile::words(&base, 64);
    trial(&base, 30_000..31_000, |images, choices| hostile::mutate(images, &words, choices));
}

#[test]
fn forged_logs() {
    let base = hostile::sound(ROOMY, true);
    trial(&base, 40_000..40_700, hostile::forge_log);
}

/// On Linux memory beyond the file is a fault, not zeros: the same again on files, in a process
/// of its own whose last words name the seed that killed it.
#[cfg(target_os = "linux")]
mod on_files {
    use super::{Choices, ROOMY, TIGHT, bytes_of, hostile};
    use fileheap_core::{Durability, Heap, Options};

    /// How many of each kind, if not 250.
    const COUNT: &str = "FILEHEAP_MUTATIONS";
    const CHILD: &str = "FILEHEAP_MUTATIONS_IN";

    #[test]
    fn damage_on_files() {
        let dir = std::env::temp_dir().join(format!("fileheap-mutations-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "on_files::child", "--nocapture", "--test-threads=1"])
            .env(CHILD, &dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {last:?}\n{complained}", output.status);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn child() {
        let Some(dir) = std::env::var_os(CHILD) else { return };
        let path = std::path::Path::new(&dir).join("a.heap");
        let options = Options::new().durability(Durability::Process);
        let count = std::env::var(COUNT).ok().and_then(|count| count.parse().ok()).unwrap_or(250);
        for (limit, live) in [(TIGHT, false), (ROOMY, false), (ROOMY, true)] {
            let base = hostile::sound(limit, live);
            let words = hostile::words(&base, 0);
            for seed in 50_000..50_000 + count {
                println!("limit {limit}, live {live}, seed {seed}");
                let mut images = base.clone();
                hostile::mutate(&mut images, &words, &mut Choices(&bytes_of(seed, 24)));
                for (end, image) in ["", "-log0", "-log1"].iter().zip(&images) {
                    let mut name = path.clone().into_os_string();
                    name.push(end);
                    let _ = std::fs::remove_file(&name);
                    if let Some(image) = image {
                        std::fs::write(&name, image).unwrap();
                    }
                }
                if let Ok(heap) = Heap::open(&path, &options) {
                    hostile::use_heap(&heap, 0);
                    let _ = heap.close();
                }
            }
        }
    }
}
