//! Damaged bytes: errors and findings, never a panic, a hang or an access outside.

use super::{Audit, Ram, Random};
use crate::catalog::{CatalogView, OrderedMapView, RecordNew, Root};
use crate::effort::effort;
use crate::format::{HEADER_OFFSET, RecordState};

const BYTES: u64 = 512 * 1024;
const NAMES: u64 = effort(400, 80);
const RECORDS: u64 = effort(500, 100);
const KEYS: u64 = effort(3_000, 100);
const ROUNDS: u64 = effort(1_500, 2);

/// A heap with some of everything.
fn filled() -> Ram {
    let ram = Ram::new(BYTES);
    let mut catalog = ram.catalog();
    let new = RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element: 1,
        length: 1,
        payload_offset: 0,
        payload_bytes: 0,
        flags: 0,
        extra: [0; 2],
    };
    for index in 0..NAMES {
        catalog.names().bind(&format!("variable_{index}"), Root::default()).unwrap();
    }
    (0..RECORDS).for_each(|_| _ = catalog.records().add(new).unwrap());
    (0..KEYS).for_each(|key| _ = ram.map().insert(key * 7 % (KEYS + 1), key).unwrap());
    ram.assert_sound();
    ram
}

/// Reads everything there is; how much of it fails.
fn read_all(ram: &Ram) -> usize {
    let view = CatalogView::new(ram.memory());
    let map = OrderedMapView::new(ram.memory(), super::SLOT);
    let mut failures = 0;
    let mut count = |is_error: bool| failures += usize::from(is_error);
    for index in (0..NAMES).step_by(7) {
        count(!view.names().lookup(&format!("variable_{index}")).is_ok_and(|it| it.is_some()));
    }
    (1..=RECORDS).step_by(9).for_each(|id| count(view.records().get(id).is_err()));
    (0..KEYS).step_by(31).for_each(|key| count(map.get(key).is_err()));
    count(view.names().list(None, usize::MAX).is_err());
    count(view.names().list(Some("variable_3"), 50).is_err());
    count(view.records().list(0, usize::MAX).is_err());
    count(map.first().is_err() || map.last().is_err());
    count(map.range(5..).map_or(true, |range| range.fold(false, |bad, it| bad | it.is_err())));
    failures
}

/// Writes a bit of everything; whether it succeeds does not matter.
fn write_some(ram: &Ram, random: &mut Random) {
    let mut catalog = ram.catalog();
    for _ in 0..60 {
        let index = random.below(NAMES + 20);
        _ = catalog.names().bind(&format!("variable_{index}"), Root::default());
        _ = catalog.names().rename(&format!("variable_{index}"), &format!("other_{index}"));
        _ = catalog.names().unbind(&format!("variable_{}", random.below(NAMES)));
        _ = catalog.records().remove(random.below(RECORDS));
        _ = catalog.records().set_state(random.below(RECORDS), RecordState::Tombstone);
        _ = ram.map().insert(random.next(), index);
        _ = ram.map().remove(random.below(KEYS + 1));
    }
}

fn check_all(ram: &Ram) -> Audit {
    let mut audit = Audit::default();
    CatalogView::new(ram.memory()).check(&mut audit);
    OrderedMapView::new(ram.memory(), super::SLOT).check(&mut audit);
    audit
}

/// Puts the heap back as it was in `bytes`, where `live` was allocated.
fn revive(ram: &Ram, bytes: &[u8], live: &std::collections::BTreeMap<u64, u64>) {
    ram.restore(bytes);
    *ram.live.borrow_mut() = live.clone();
    ram.free.borrow_mut().clear();
}

#[test]
fn flipped_bits_are_survived() {
    let ram = filled();
    let (bytes, live, next) = (ram.snapshot(), ram.live.borrow().clone(), ram.next.get());
    let cells: Vec<(u64, u64)> = live.iter().map(|(&offset, &bytes)| (offset, bytes)).collect();
    let mut random = Random::new(11);
    let mut found_count = 0;
    for round in 0..ROUNDS {
        revive(&ram, &bytes, &live);
        ram.next.set(next);
        for _ in 0..=random.below(4) {
            let (offset, bytes) = cells[random.below(cells.len() as u64) as usize];
            // Heads of nodes and cells are where a flip does the most.
            let reach = if random.below(2) == 0 { 16 } else { bytes };
            let at = if random.below(8) == 0 { HEADER_OFFSET } else { offset };
            ram.flip(at + random.below(reach.max(16)), random.next());
        }
        if round % 3 == 0 {
            read_all(&ram);
        }
        found_count += u64::from(!check_all(&ram).findings.is_empty());
        write_some(&ram, &mut random);
        read_all(&ram);
        check_all(&ram);
        assert!(ram.guard_is_clean());
    }
    assert!(found_count > ROUNDS / 5, "{found_count} of {ROUNDS} damaged heaps had findings");
}

#[test]
fn words_that_point_elsewhere_are_survived() {
    let ram = filled();
    let (bytes, live, next) = (ram.snapshot(), ram.live.borrow().clone(), ram.next.get());
    let offsets: Vec<u64> = live.keys().copied().collect();
    let mut random = Random::new(13);
    for _ in 0..ROUNDS {
        revive(&ram, &bytes, &live);
        ram.next.set(next);
        let target = match random.below(4) {
            0 => offsets[random.below(offsets.len() as u64) as usize],
            1 => random.below(BYTES + 2_048),
            2 => BYTES - random.below(32) * 64,
            _ => u64::MAX - random.below(2_048),
        };
        for _ in 0..3 {
            let cell = offsets[random.below(offsets.len() as u64) as usize];
            let at = (cell + random.below(128) * 8).min(BYTES - 8) as usize;
            let mut damaged = ram.snapshot();
            damaged[at..at + 8].copy_from_slice(&target.to_le_bytes());
            ram.restore(&damaged);
        }
        read_all(&ram);
        check_all(&ram);
        write_some(&ram, &mut random);
        check_all(&ram);
        assert!(ram.guard_is_clean());
    }
}

#[test]
fn a_shorter_file_is_an_error_not_an_access() {
    let ram = filled();
    assert_eq!(read_all(&ram), 0);
    let short = HEADER_OFFSET + 4096 + 2 * 1024;
    // SAFETY: shorter than what is valid.
    let memory = unsafe { crate::catalog::Memory::new(ram.base, short) };
    let view = CatalogView::new(memory);
    let mut audit = Audit::default();
    view.check(&mut audit);
    assert!(!audit.findings.is_empty());
    assert!(audit.cells.iter().all(|(offset, bytes)| offset + bytes <= short));
    assert!(view.records().get(RECORDS * 4 / 5).is_err());
    // SAFETY: shorter than what is valid.
    let nothing = CatalogView::new(unsafe { crate::catalog::Memory::new(ram.base, 0) });
    assert!(nothing.names().lookup("a").is_err() && nothing.names().count().is_err());
}
