//! Threads that store while pages are harvested: no store may be lost.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::views::on_every_rung;
use crate::format::{PAGE_BYTES, PREAMBLE_BYTES};
use crate::os::Host;

const BYTES: u64 = 16 << 20;
const THREADS: u64 = 3;

/// Numbers in ascending order go to random pages, each thread to a word of its own. After every
/// harvest the pages it names are copied; in the end the copies must equal the memory.
#[test]
fn no_store_is_lost() {
    on_every_rung(BYTES, |host, view| {
        host.data().write_at(0, &[IoSlice::new(&[1; 8])]).unwrap();
        let base = view.base() as usize;
        let word = |page: u64, thread: u64| {
            let at = base + (page * PAGE_BYTES + thread * 8) as usize;
            // SAFETY: within the mapping, aligned; all access to these words is atomic.
            unsafe { &*(at as *const AtomicU64) }
        };
        let first = PREAMBLE_BYTES / PAGE_BYTES;
        let count = BYTES / PAGE_BYTES - first;
        let mut copies = vec![[0; THREADS as usize]; count as usize];
        let mut catch_up = |dirty: &mut Vec<std::ops::Range<u64>>| {
            view.harvest(dirty).unwrap();
            for page in super::pages(dirty) {
                for thread in 0..THREADS {
                    let now = word(page, thread).load(Ordering::Relaxed);
                    copies[(page - first) as usize][thread as usize] = now;
                }
            }
            dirty.clear();
        };
        let (stop, harvests) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (stop, word, file) = (&stop, &word, host.data());
                scope.spawn(move || {
                    let mut random = thread + 1;
                    let mut number = 0;
                    while !stop.load(Ordering::Relaxed) {
                        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                        number += 1;
                        let word = word(first + (random >> 33) % count, thread);
                        word.store(number, Ordering::Relaxed);
                        if number % 16 == 0 {
                            // The last word of the page is the kernel's to store to.
                            let at = word.as_ptr() as usize / 4096 * 4096 + 4088;
                            // SAFETY: eight bytes of the mapping that nobody reads.
                            let into = unsafe { std::slice::from_raw_parts_mut(at as *mut u8, 8) };
                            file.read_at(0, into).unwrap();
                        }
                    }
                });
            }
            let mut dirty = Vec::new();
            let end = Instant::now() + Duration::from_millis(700);
            while Instant::now() < end {
                catch_up(&mut dirty);
                harvests.fetch_add(1, Ordering::Relaxed);
            }
            stop.store(true, Ordering::Relaxed);
        });
        catch_up(&mut Vec::new());
        let lost = (0..count)
            .flat_map(|page| (0..THREADS).map(move |thread| (page, thread)))
            .filter(|&(page, thread)| {
                let now = word(first + page, thread).load(Ordering::Relaxed);
                copies[page as usize][thread as usize] != now
            })
            .count();
        eprintln!("{}: {harvests:?} harvests", view.capture_name());
        assert_eq!(lost, 0, "{}", view.capture_name());
    });
}
