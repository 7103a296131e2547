//! Readers, writers and the dead in many orders; `FILEHEAP_ORDERS` asks for more of them.

use std::sync::Arc;

use fileheap_interleave::{Inert, Machine};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner, thread};

/// The same orders each time.
const SEED: u64 = 33;

fn orders() -> usize {
    std::env::var("FILEHEAP_ORDERS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// What a thread does on a machine, as processes whose numbers begin with this one.
type Life = fn(&Arc<Machine>, u32);

fn together(lives: &[Life]) {
    let machine = Arc::new(Machine::default());
    let threads: Vec<_> = (1..)
        .step_by(10)
        .zip(lives)
        .map(|(number, &life)| {
            let machine = machine.clone();
            thread::spawn(move || life(&machine, number))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn in_many_orders(lives: &'static [Life]) {
    let random = RandomScheduler::new_from_seed(SEED, orders());
    Runner::new(random, Config::default()).run(move || together(lives));
    Runner::new(Inert::new(SEED, orders()), Config::default()).run(move || together(lives));
}

fn reads(machine: &Arc<Machine>, number: u32) {
    let process = machine.attach(number);
    (0..2).for_each(|_| process.read());
    process.die();
}

fn commits(machine: &Arc<Machine>, number: u32) {
    let process = machine.attach(number);
    for _ in 0..2 {
        process.begin_write();
        process.commit();
        process.end_write();
    }
    process.die();
}

fn dies_writing(machine: &Arc<Machine>, number: u32) {
    let process = machine.attach(number);
    process.begin_write();
    process.commit();
    process.die_writing();
}

fn dies_and_has_an_heir(machine: &Arc<Machine>, number: u32) {
    dies_writing(machine, number);
    commits(machine, number + 1);
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
    in_many_orders(&[dies_and_has_an_heir, commits]);
}

#[test]
fn readers_beside_writers_that_die_and_slots_that_are_taken_again() {
    in_many_orders(&[dies_and_has_an_heir, reads, commits, reads]);
}
