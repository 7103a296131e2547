//! The n-th change of a file fails, for every n, once and for good: broken, full, over quota.

use fileheap_core::Options;
use fileheap_sim::faults::{Fault, Outcome, suffer};
use fileheap_sim::random::seed_or;

fn every(errno: i32, persists: bool) {
    let seed = seed_or(1);
    let options = Options::new().limit_bytes(16 << 20).log_bytes(64 * 1024);
    let (mut after, mut counts) = (0, [0; 3]);
    loop {
        let fault = Fault { after, errno, persists };
        match suffer(seed, &options, fault) {
            Ok(Outcome::Untouched) => break,
            Ok(Outcome::WentOn) => counts[0] += 1,
            Ok(Outcome::Poisoned) => counts[1] += 1,
            Err(what) => panic!("FILEHEAP_SEED={seed} {fault:?}: {what}"),
        }
        after += 1;
        // A fault that only a thread behind hears of does not end the search.
        assert!(after < 10_000, "the script has no end");
    }
    assert!(counts[0] > 50 && counts[1] > 5, "{counts:?}");
}

#[test]
fn broken_once() {
    every(libc::EIO, false);
}

#[test]
fn broken_for_good() {
    every(libc::EIO, true);
}

#[test]
fn full_once() {
    every(libc::ENOSPC, false);
}

#[test]
fn full_for_good() {
    every(libc::ENOSPC, true);
}

#[test]
fn over_quota_once() {
    every(libc::EDQUOT, false);
}

#[test]
fn over_quota_for_good() {
    every(libc::EDQUOT, true);
}
