//! Readers, writers and the dead in many orders; `FILEHEAP_ORDERS` asks for more of them.

use std::sync::Arc;

use fileheap_interleave::{Machine, Process};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

/// The same orders each time.
const SEED: u64 = 33;

fn orders() -> usize {
    std::env::var("FILEHEAP_ORDERS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// Each of these is a process of its own.
fn together(processes: &[fn(Process)]) {
    let machine = Arc::new(Machine::default());
    let threads: Vec<_> = (1..)
        .zip(processes)
        .map(|(number, &life)| {
            let machine = machine.clone();
            thread::spawn(move || life(machine.attach(number)))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn in_many_orders(processes: &'static [fn(Process)]) {
    // Random orders, and orders in which few switches matter.
    let random = RandomScheduler::new_from_seed(SEED, orders());
    Runner::new(random, Config::default()).run(move || together(processes));
    let few = PctScheduler::new_from_seed(SEED, 3, orders());
    Runner::new(few, Config::default()).run(move || together(processes));
}

fn reads(process: Process) {
    (0..2).for_each(|_| process.read());
    process.die();
}

fn commits(process: Process) {
    for _ in 0..2 {
        process.begin_write();
        process.commit();
        process.end_write();
    }
    process.die();
}

fn commits_once(process: Process) {
    process.begin_write();
    process.commit();
    process.end_write();
    process.die();
}

fn dies_writing(process: Process) {
    process.begin_write();
    process.commit();
    process.die_writing();
}

#[test]
fn nothing_goes_home_beyond_a_state_that_is_read() {
    in_many_orders(&[reads, reads, commits, commits]);
}

#[test]
fn one_writer_at_a_time_whoever_dies() {
    in_many_orders(&[commits, dies_writing, commits, dies_writing]);
}

/// P33: the one who died, one who finds it dead, and one who gets its slot.
#[test]
fn a_dead_writer_is_not_taken_for_the_one_that_got_its_slot() {
    in_many_orders(&[dies_writing, commits_once, commits_once]);
}

#[test]
fn readers_beside_writers_that_die_and_slots_that_are_taken_again() {
    in_many_orders(&[dies_writing, reads, commits, reads]);
}
