//! Locks between hosts and processes, the shared bulletin, sleeping and waking.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{LinuxHost, Scratch, in_child, spawn_child, wait_child};
use crate::os::{Host, Lock, Mode, Wait};

#[test]
fn two_hosts_exclude_each_other() {
    let scratch = Scratch::new();
    let first = scratch.host(1 << 16);
    let second = LinuxHost::open(first.path(), true).unwrap();
    let (a, b) = (first.board(), second.board());
    let lock = Lock::Slot(703);
    assert!(a.lock(lock, Mode::Exclusive, Wait::Try).unwrap());
    assert!(!b.lock(lock, Mode::Shared, Wait::Try).unwrap());
    assert!(b.held_elsewhere(lock).unwrap() && !a.held_elsewhere(lock).unwrap());
    assert!(b.lock(Lock::Slot(702), Mode::Exclusive, Wait::Try).unwrap(), "another lock is free");
    assert!(a.lock(lock, Mode::Shared, Wait::Try).unwrap(), "made weaker in place");
    assert!(b.lock(lock, Mode::Shared, Wait::Try).unwrap());
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(30);
    assert!(!a.lock(lock, Mode::Exclusive, Wait::Until(deadline)).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert!(b.held_elsewhere(lock).unwrap(), "the failed attempt left the shared lock in place");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| a.lock(lock, Mode::Exclusive, Wait::Forever).unwrap());
        std::thread::sleep(Duration::from_millis(5));
        b.unlock(lock).unwrap();
        assert!(waiter.join().unwrap());
    });
    drop(first);
    assert!(b.lock(lock, Mode::Exclusive, Wait::Try).unwrap(), "closing frees");
}

#[test]
fn a_dead_process_frees_its_locks() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 16);
    let word = &host.board().bulletin().slot_high;
    let child = spawn_child(|| {
        let mine = LinuxHost::open(host.path(), true).unwrap();
        assert!(mine.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
        let word = &mine.board().bulletin().slot_high;
        word.store(1, Ordering::Release);
        mine.board().wake(word);
        std::thread::sleep(Duration::from_secs(60));
        false
    });
    while word.load(Ordering::Acquire) == 0 {
        host.board().sleep(word, 0, Duration::from_secs(10));
    }
    assert!(!host.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
    // SAFETY: the child is ours and was not waited for yet.
    unsafe { libc::kill(child, libc::SIGKILL) };
    wait_child(child);
    assert!(host.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
}

#[test]
fn a_forked_child_has_no_part_in_the_locks() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 16);
    // More boards than one chunk of the table has room for.
    let many: Vec<LinuxHost> =
        (0..400).map(|_| LinuxHost::open(host.path(), true).unwrap()).collect();
    let last = many.last().unwrap();
    assert!(last.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
    assert!(host.board().lock(Lock::Blind, Mode::Shared, Wait::Try).unwrap());
    assert!(host.board().is_mine());
    let mut gate = [0; 2];
    // SAFETY: gate has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(gate.as_mut_ptr()) }, 0);
    let child = spawn_child(|| {
        let strange = !host.board().is_mine()
            && host.board().lock(Lock::Door, Mode::Shared, Wait::Try).is_err()
            && host.board().unlock(Lock::Blind).is_err();
        let mut byte = 0_u8;
        // SAFETY: byte has room for one byte. Lives on until the parent has looked.
        unsafe { libc::read(gate[0], (&raw mut byte).cast(), 1) };
        strange
    });
    // The test would hang rather than fail if the child outlived it.
    let release = || {
        // SAFETY: the pipe is ours.
        unsafe { libc::write(gate[1], b"x".as_ptr().cast(), 1) };
    };
    let observer = LinuxHost::open(host.path(), true).unwrap();
    assert!(!observer.board().lock(Lock::Door, Mode::Shared, Wait::Try).unwrap());
    drop(many);
    drop(host);
    // Had the child kept descriptors or mappings of them, these would still be held.
    let soon = Wait::Until(Instant::now() + Duration::from_secs(10));
    let door = observer.board().lock(Lock::Door, Mode::Exclusive, soon).unwrap();
    let blind = observer.board().lock(Lock::Blind, Mode::Exclusive, soon).unwrap();
    release();
    assert!(door && blind);
    assert_eq!(wait_child(child), 0);
}

#[test]
fn a_child_can_open_the_heap_itself() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 16);
    assert!(host.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap());
    in_child(|| {
        let mine = LinuxHost::open(host.path(), true).unwrap();
        mine.board().is_mine()
            && !mine.board().lock(Lock::Door, Mode::Exclusive, Wait::Try).unwrap()
            && mine.board().lock(Lock::Slot(0), Mode::Exclusive, Wait::Try).unwrap()
    });
}

#[test]
fn sleepers_wake() {
    let scratch = Scratch::new();
    let host = scratch.host(1 << 16);
    let other = LinuxHost::open(host.path(), false).unwrap();
    assert!(other.board().is_writable(), "a reader with permission takes full part");
    let begun = Instant::now();
    let word = &host.board().bulletin().writer;
    host.board().sleep(word, 1, Duration::from_secs(60));
    host.board().sleep(word, 0, Duration::from_millis(10));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while word.load(Ordering::Acquire) == 0 {
                host.board().sleep(word, 0, Duration::from_secs(60));
            }
        });
        std::thread::sleep(Duration::from_millis(5));
        // Through another mapping of the same page.
        let word = &other.board().bulletin().writer;
        word.store(7, Ordering::Release);
        other.board().wake(word);
    });
    assert!(begun.elapsed() < Duration::from_secs(30));
}
