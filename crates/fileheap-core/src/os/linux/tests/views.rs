//! Every way of finding dirty pages, forced: stores, system calls, growth, sharing, dropping.

use std::io::IoSlice;
use std::ops::Range;

use super::{LinuxHost, Scratch, in_child, page_of, pages, placement};
use crate::format::{PAGE_BYTES, PREAMBLE_BYTES};
use crate::os::linux::LinuxView;
use crate::os::{Capture, Host, Placement, View};

pub(super) const RUNGS: [Capture; 5] =
    [Capture::Auto, Capture::Armed, Capture::Unarmed, Capture::Scan, Capture::Pagemap];
const MIB: u64 = 1 << 20;
const P: u64 = PAGE_BYTES;

/// Runs a test on every rung this kernel has, and says which it lacks.
pub(super) fn on_every_rung(bytes: u64, body: impl Fn(&LinuxHost, &dyn View)) {
    for capture in RUNGS {
        let scratch = Scratch::new();
        let host = scratch.host(bytes);
        if let Err(why) = host.probe(capture) {
            eprintln!("NOT TESTED: {why}");
            let error = host.map(&placement(capture)).err().expect("must be refused");
            assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
            continue;
        }
        let view = host.map(&placement(capture)).unwrap();
        view.extend(bytes).unwrap();
        eprintln!("capture {capture:?}: {}", view.capture_name());
        body(&host, &*view);
    }
}

fn store(view: &dyn View, offset: u64, value: u8) {
    // SAFETY: the tests store to mapped offsets only.
    unsafe { view.base().add(offset as usize).write_volatile(value) };
}

fn load(view: &dyn View, offset: u64) -> u8 {
    // SAFETY: the tests load from mapped offsets only.
    unsafe { view.base().add(offset as usize).read_volatile() }
}

pub(super) fn harvest(view: &dyn View) -> Vec<u64> {
    let mut dirty = Vec::new();
    view.harvest(&mut dirty).unwrap();
    assert!(dirty.windows(2).all(|pair| pair[0].end < pair[1].start), "{dirty:?}");
    pages(&dirty)
}

fn in_file(host: &LinuxHost, offset: u64) -> u8 {
    let mut byte = [0];
    assert_eq!(host.data().read_at(offset, &mut byte).unwrap(), 1);
    byte[0]
}

#[test]
fn stores_are_found_once() {
    on_every_rung(MIB, |host, view| {
        for round in 1..5_u8 {
            store(view, PREAMBLE_BYTES, round);
            store(view, PREAMBLE_BYTES + 3 * P + 5, round);
            store(view, PREAMBLE_BYTES + 4 * P, round);
            store(view, MIB - 1, round);
            load(view, MIB / 2);
            assert_eq!(harvest(view), [16, 19, 20, 255]);
            assert_eq!(harvest(view), []);
            assert_eq!(in_file(host, MIB - 1), 0, "stores are private");
        }
        host.data().write_at(MIB / 2, &[IoSlice::new(&[9])]).unwrap();
        assert_eq!(load(view, MIB / 2), 9, "clean pages show the file");
        assert_eq!(harvest(view), []);
    });
}

#[test]
fn mapped_anew_it_shows_the_file_and_finds_what_follows() {
    on_every_rung(MIB, |host, view| {
        view.share(MIB / 2..MIB / 2 + 2 * P).unwrap();
        for round in 1..5 {
            let at = PREAMBLE_BYTES + round * P;
            store(view, at, 7);
            store(view, MIB / 2 + round, 8);
            assert_eq!(harvest(view), [16 + round]);
            store(view, MIB - P, 7);
            view.renew(MIB).unwrap();
            assert_eq!([load(view, at), load(view, MIB - P)], [0, 0]);
            assert_eq!(in_file(host, MIB / 2 + round), 8, "shared memory stays shared");
            store(view, MIB - 1, 9);
            assert_eq!(harvest(view), [255]);
            assert_eq!(harvest(view), []);
            view.renew(MIB).unwrap();
            assert_eq!(harvest(view), []);
        }
    });
}

#[test]
fn the_kernel_stores_too() {
    on_every_rung(MIB, |host, view| {
        harvest(view);
        host.data().write_at(0, &[IoSlice::new(b"abcdefgh")]).unwrap();
        let at = PREAMBLE_BYTES + 2 * P - 4;
        for round in 0..3 {
            let target = view.base().wrapping_add(at as usize).cast();
            // SAFETY: eight mapped bytes; a plain read(2) into heap memory.
            let got = unsafe { libc::pread(host.file.raw(), target, 8 - round, 0) };
            assert_eq!(got, 8 - round as isize, "read into protected memory works");
            assert_eq!(load(view, at + 4), b'e');
            if round == 0 {
                assert_eq!(harvest(view), [17, 18]);
            } else {
                // A store that changes nothing need not be found.
                assert!([vec![], vec![17, 18]].contains(&harvest(view)));
            }
        }
    });
}

#[test]
fn growth_keeps_addresses_and_dirt() {
    on_every_rung(MIB, |host, view| {
        store(view, MIB - P, 1);
        assert_eq!(harvest(view), [255]);
        for step in 2..6 {
            host.data().reserve(0..step * MIB).unwrap();
            view.extend(step * MIB).unwrap();
            store(view, step * MIB - 1, 1);
            store(view, MIB - P, step as u8);
            assert_eq!(harvest(view), [255, page_of(step * MIB - 1)], "at {step} MiB");
        }
        assert_eq!(harvest(view), []);
        view.extend(MIB).unwrap();
        let beyond = view.extend(view.reserved_bytes() + P).unwrap_err();
        assert_eq!(beyond.kind(), std::io::ErrorKind::OutOfMemory);
        let short = view.extend(64 * MIB).unwrap_err();
        assert_eq!(short.kind(), std::io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn shared_ranges_reach_the_file_and_come_back() {
    on_every_rung(8 * MIB, |host, view| {
        for round in 0..3 {
            let value = 10 + round;
            store(view, 2 * MIB + 7, 99);
            view.share(2 * MIB..4 * MIB).unwrap();
            view.prefault(2 * MIB..4 * MIB);
            view.share(4 * MIB..6 * MIB).unwrap();
            assert_ne!(load(view, 2 * MIB + 7), 99, "private contents are dropped");
            store(view, 2 * MIB, value);
            store(view, 6 * MIB - 1, value);
            store(view, 6 * MIB, value);
            assert_eq!(harvest(view), [page_of(6 * MIB)], "shared stores are not reported");
            assert_eq!(in_file(host, 2 * MIB), value);
            assert_eq!(in_file(host, 6 * MIB - 1), value);
            assert_eq!(in_file(host, 6 * MIB), 0);
            // The middle first: one window becomes two.
            view.unshare(3 * MIB..5 * MIB).unwrap();
            store(view, 3 * MIB, value);
            store(view, 5 * MIB, value);
            assert_eq!(harvest(view), [page_of(3 * MIB)]);
            view.unshare(2 * MIB..6 * MIB).unwrap();
            assert_eq!(harvest(view), [], "what was shared is clean");
            assert_eq!(load(view, 5 * MIB), value);
            store(view, 2 * MIB, value + 1);
            assert_eq!(harvest(view), [page_of(2 * MIB)]);
            assert_eq!(in_file(host, 2 * MIB), value);
        }
    });
}

#[test]
fn discarded_pages_show_the_file_and_can_be_dirty_again() {
    on_every_rung(4 * MIB, |host, view| {
        for round in 0..4_u8 {
            let offsets = [MIB, MIB + P, 2 * MIB, 3 * MIB];
            offsets.iter().for_each(|&offset| store(view, offset, 1));
            if round % 2 == 0 {
                assert_eq!(harvest(view), offsets.map(page_of));
            }
            host.data().write_at(MIB, &[IoSlice::new(&[50 + round])]).unwrap();
            assert_eq!(load(view, MIB), 1, "a private page does not follow the file");
            view.discard_many(&[MIB..MIB + P, MIB + P..MIB + 2 * P, 2 * MIB..2 * MIB + P]).unwrap();
            assert_eq!(load(view, MIB), 50 + round);
            assert_eq!(load(view, 2 * MIB), 0);
            assert_eq!(load(view, 3 * MIB), 1);
            let left = if round % 2 == 0 { vec![] } else { vec![page_of(3 * MIB)] };
            assert_eq!(harvest(view), left, "round {round}");
            store(view, MIB, 1);
            assert_eq!(harvest(view), [page_of(MIB)], "the same store as before the discard");
            view.discard(PREAMBLE_BYTES..4 * MIB).unwrap();
            assert_eq!(harvest(view), []);
        }
    });
}

#[test]
fn many_scattered_pages_come_in_order() {
    on_every_rung(64 * MIB, |_, view| {
        let first = page_of(PREAMBLE_BYTES);
        let expected: Vec<u64> = (first..page_of(64 * MIB)).step_by(2).collect();
        for round in 1..4 {
            expected.iter().for_each(|page| store(view, page * P, round));
            assert_eq!(harvest(view), expected);
        }
        let ranges: Vec<Range<u64>> =
            expected.iter().map(|page| page * P..(page + 1) * P).collect();
        view.discard_many(&ranges).unwrap();
        assert!(expected.iter().all(|page| load(view, page * P) == 0));
        assert_eq!(harvest(view), []);
    });
}

#[test]
fn a_read_only_view_faults_unless_lifted() {
    let scratch = Scratch::new();
    let host = scratch.host(MIB);
    let view = host.map(&Placement { writable: false, ..placement(Capture::Auto) }).unwrap();
    view.extend(MIB).unwrap();
    let child = super::spawn_child(|| {
        store(&*view, MIB - 1, 1);
        true
    });
    let status = super::wait_child(child);
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
    view.set_writable(true).unwrap();
    store(&*view, MIB - 1, 1);
    view.set_writable(false).unwrap();
    host.data().reserve(0..2 * MIB).unwrap();
    view.extend(2 * MIB).unwrap();
    assert_eq!(load(&*view, MIB - 1), 1);
    assert_eq!(in_file(&host, MIB - 1), 0);
    assert_eq!(harvest(&*view), []);
    let refused = view.share(PREAMBLE_BYTES..MIB).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    view.discard(PREAMBLE_BYTES..MIB).unwrap();
    assert_eq!(load(&*view, MIB - 1), 0);
}

#[test]
fn the_preamble_is_out_of_reach() {
    let scratch = Scratch::new();
    let host = scratch.host(MIB);
    let view = host.map(&placement(Capture::Auto)).unwrap();
    view.extend(MIB).unwrap();
    assert!(view.share(0..PREAMBLE_BYTES).is_err() && view.discard(0..P).is_err());
    assert!(view.share(PREAMBLE_BYTES..2 * MIB).is_err(), "beyond what is mapped");
    let child = super::spawn_child(|| {
        store(&*view, 5, 1);
        true
    });
    assert!(libc::WIFSIGNALED(super::wait_child(child)));
}

#[test]
fn a_forked_child_may_look_but_not_harvest() {
    on_every_rung(MIB, |_, view| {
        store(view, MIB / 2, 1);
        in_child(|| {
            let mut dirty = Vec::new();
            let seen = load(view, MIB / 2) == 1;
            store(view, MIB / 2 + P, 1);
            seen && view.harvest(&mut dirty).is_err() && view.share(MIB / 2..MIB).is_err()
        });
        assert_eq!(harvest(view), [128]);
        in_child(|| load(view, MIB / 2) == 1);
        store(view, MIB / 2, 2);
        assert_eq!(harvest(view), [128], "pages that fork protected are found");
    });
}

#[test]
fn a_taken_address_is_named() {
    let scratch = Scratch::new();
    let host = scratch.host(MIB);
    let base = 0x5a12_0000_0000;
    let exact = Placement { base, exact: true, ..placement(Capture::Auto) };
    let first = host.map(&exact).unwrap();
    assert_eq!(first.base() as u64, base);
    first.extend(MIB).unwrap();
    let error = host.map(&exact).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let text = error.to_string();
    assert!(text.contains("0x5a1200000000") && text.contains("heap"), "{text}");
    let second = host.map(&Placement { exact: false, ..exact }).unwrap();
    assert_ne!(second.base() as u64, base);
    second.extend(MIB).unwrap();
    store(&*second, MIB - 1, 1);
    assert_eq!(harvest(&*second), [255]);
    assert_eq!(harvest(&*first), []);
    drop(first);
    assert_eq!(host.map(&exact).unwrap().base() as u64, base, "dropping gives the address back");
}

#[test]
fn a_refused_reservation_shrinks() {
    let scratch = Scratch::new();
    let host = scratch.host(MIB);
    let wish = Placement { reserve_bytes: 1 << 46, ..placement(Capture::Auto) };
    in_child(|| {
        let limit = libc::rlimit { rlim_cur: 4 << 40, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: limit is a valid rlimit; this child alone is limited.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let view = host.map(&wish).unwrap();
        view.extend(MIB).unwrap();
        view.reserved_bytes() >= 1 << 40 && view.reserved_bytes() < 4 << 40
    });
}

#[test]
fn larger_os_pages_keep_to_format_pages() {
    // As on a machine with pages of 64 KiB: mapping in that unit, edges by copying.
    let scratch = Scratch::new();
    let host = scratch.host(MIB + 3 * P);
    let page = 64 << 10;
    let view = LinuxView::with_page(host.file.clone(), &placement(Capture::Auto), page).unwrap();
    view.extend(MIB + 3 * P).unwrap();
    store(&view, MIB + 2 * P, 1);
    store(&view, MIB, 1);
    assert_eq!(harvest(&view), [256, 258]);
    store(&view, 4 * page - 1, 1);
    store(&view, 4 * page + P, 1);
    store(&view, 5 * page, 1);
    view.discard(4 * page..5 * page + P).unwrap();
    assert_eq!(load(&view, 4 * page - 1), 1);
    assert_eq!([load(&view, 4 * page + P), load(&view, 5 * page)], [0, 0]);
    view.share(4 * page - P..5 * page + P).unwrap();
    store(&view, 4 * page, 3);
    store(&view, 5 * page, 3);
    assert_eq!([in_file(&host, 4 * page), in_file(&host, 5 * page)], [3, 0]);
    assert!(harvest(&view).contains(&page_of(5 * page)), "the edge stayed private");
}
