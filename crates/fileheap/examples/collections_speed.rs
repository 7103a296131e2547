//! How fast the collections' structures are beside the standard library's, both in ordinary
//! memory: `cargo run --release -p fileheap --example collections_speed [ENTRIES]`.
//!
//! Each figure is a ratio to std's, the least of several interleaved rounds; below 1 is faster.

use std::collections::BTreeMap as StdMap;
use std::hint::black_box;
use std::time::Instant;

use fileheap::collections::btree::BTreeMap;

const ROUNDS: usize = 5;

/// Seconds of each step of one round.
type Times = Vec<(&'static str, f64)>;

/// The steps, written once for both kinds of map.
macro_rules! round {
    ($map:ident, $shuffled:expr, $sorted:expr, $absent:expr) => {{
        let mut times = Times::new();
        let mut timed = |what, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            times.push((what, start.elapsed().as_secs_f64()));
        };
        let (mut map, mut ordered) = ($map::new(), $map::new());
        let (mut pairs, mut pairs_in_order) = ($shuffled.to_vec(), $sorted.to_vec());
        timed("build in random order", &mut || {
            pairs.drain(..).for_each(|(key, value)| drop(map.insert(key, value)));
        });
        timed("build in order", &mut || {
            pairs_in_order.drain(..).for_each(|(key, value)| drop(ordered.insert(key, value)));
        });
        timed("look up at random", &mut || {
            $shuffled.iter().for_each(|(key, _)| seen(map.get(key)));
        });
        timed("look up what is not there", &mut || {
            $absent.iter().for_each(|(key, _)| seen(map.get(key)));
        });
        timed("iterate", &mut || map.iter().for_each(seen));
        timed("clone", &mut || drop(black_box(map.clone())));
        timed("remove at random", &mut || {
            $shuffled.iter().for_each(|(key, _)| drop(black_box(map.remove(key))));
        });
        times
    }};
}

/// Prints the ratios of one kind of entry.
fn compare<K: Ord + Clone, V: Clone>(name: &str, shuffled: &[(K, V)], absent: &[(K, V)]) {
    let mut sorted = shuffled.to_vec();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut ours, mut std) = (Times::new(), Times::new());
    for _ in 0..ROUNDS {
        least(&mut ours, round!(BTreeMap, shuffled, sorted, absent));
        least(&mut std, round!(StdMap, shuffled, sorted, absent));
    }
    println!("{name}, {} entries", shuffled.len());
    for ((what, ours), (_, std)) in ours.iter().zip(&std) {
        let each = 1e9 / shuffled.len() as f64;
        println!("  {what:28} {:5.2}   ({:.0} ns, std {:.0})", ours / std, ours * each, std * each);
    }
}

/// Keeps the compiler from leaving out what made this.
fn seen<T>(value: T) {
    black_box(value);
}

fn least(times: &mut Times, round: Times) {
    if times.is_empty() {
        *times = round;
    } else {
        times.iter_mut().zip(round).for_each(|(least, new)| least.1 = least.1.min(new.1));
    }
}

/// A permutation of 64-bit numbers: the finalizer of splitmix64.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn main() {
    let count: u64 =
        std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let numbers = |first: u64| -> Vec<(u64, u64)> {
        (first..first + count).map(|number| (mix(number), number)).collect()
    };
    compare("u64 to u64", &numbers(1), &numbers(count + 1));
    let texts = |first| -> Vec<(String, String)> {
        let text = |(key, value)| (format!("key {key:020}"), format!("value {value}"));
        numbers(first).into_iter().map(text).collect()
    };
    compare("String to String", &texts(1), &texts(count + 1));
}
