//! Names and records.

use std::collections::BTreeMap;

use super::{Ram, Random};
use crate::ErrorKind;
use crate::catalog::{RecordNew, Root};
use crate::effort::effort;
use crate::format::{HEADER_OFFSET, Header, RecordState};

const MIB: u64 = 1 << 20;

const STEPS: u64 = effort(30_000, 150);

fn root(offset: u64) -> Root {
    Root { kind: 7, fingerprint: !offset, offset, bytes: offset * 2 }
}

fn generated_name(random: &mut Random) -> String {
    let start = ["", "variable", "variable_", "größe", "😀😀", "a"][random.below(6) as usize];
    let name = format!("{start}{:x}", random.below(600));
    if random.below(50) == 0 { name.repeat(255 / name.len()) } else { name }
}

fn kind_of<T: std::fmt::Debug>(result: crate::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn generated_binds_agree_with_btreemap() {
    let (ram, mut random) = (Ram::new(4 * MIB), Random::new(3));
    let mut model: BTreeMap<String, Root> = BTreeMap::new();
    let mut catalog = ram.catalog();
    for step in 0..STEPS {
        let mut names = catalog.names();
        let (name, other) = (generated_name(&mut random), generated_name(&mut random));
        let known = model.contains_key(&name);
        match random.below(if step < STEPS / 2 { 4 } else { 6 }) {
            0 | 1 => match names.bind(&name, root(step)) {
                Ok(()) => assert!(model.insert(name, root(step)).is_none()),
                Err(error) => assert!(error.kind() == ErrorKind::AlreadyExists && known),
            },
            2 => match names.rebind(&name, root(step)) {
                Ok(old) => assert_eq!(model.insert(name, root(step)), Some(old)),
                Err(error) => assert!(error.kind() == ErrorKind::NotFound && !known),
            },
            3 => match names.rename(&name, &other) {
                Ok(()) => {
                    let moved = model.remove(&name).expect("was bound");
                    assert_eq!(model.insert(other, moved), None);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => assert!(!known),
                Err(_) => assert!(known && model.contains_key(&other)),
            },
            _ => match names.unbind(&name) {
                Ok(old) => assert_eq!(model.remove(&name), Some(old)),
                Err(error) => assert!(error.kind() == ErrorKind::NotFound && !known),
            },
        }
        let asked = generated_name(&mut random);
        assert_eq!(names.view().lookup(&asked).unwrap(), model.get(&asked).copied());
    }
    assert!(model.len() as u64 > STEPS / 100);
    assert_eq!(catalog.view().names().count().unwrap(), model.len() as u64);
    ram.assert_sound();
    let mut listed = Vec::new();
    loop {
        let after = listed.last().map(|(name, _): &(String, Root)| name.as_str());
        let page = catalog.view().names().list(after, 7).unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, model.into_iter().collect::<Vec<_>>());
    listed.iter().for_each(|(name, _)| _ = catalog.names().unbind(name).unwrap());
    assert!(ram.live.borrow().is_empty());
}

#[test]
fn names_are_vetted() {
    let ram = Ram::new(MIB);
    let mut catalog = ram.catalog();
    let mut names = catalog.names();
    for bad in ["", "a\0b", &"x".repeat(256)] {
        assert_eq!(kind_of(names.bind(bad, root(1))), ErrorKind::InvalidArgument);
        assert_eq!(kind_of(names.view().lookup(bad)), ErrorKind::InvalidArgument);
    }
    let longest = "ä".repeat(127) + "x";
    names.bind(&longest, root(1)).unwrap();
    names.bind(&longest[..254], root(2)).unwrap();
    assert_eq!(kind_of(names.bind(&longest, root(3))), ErrorKind::AlreadyExists);
    assert_eq!(names.view().lookup(&longest).unwrap(), Some(root(1)));
    names.rename(&longest, &longest).unwrap();
    assert_eq!(kind_of(names.rename("none", "new")), ErrorKind::NotFound);
    let listed = names.view().list(Some("zzz"), 10).unwrap();
    assert_eq!(listed.len(), 2, "what does not exist can be listed after");
    assert_eq!(names.view().list(None, 0).unwrap(), []);
    ram.assert_sound();
}

fn new_record(length: u64) -> RecordNew {
    RecordNew {
        generation: 1,
        state: RecordState::InProgress,
        element: 14,
        length,
        payload_offset: 4096 * length,
        payload_bytes: 8 * length,
        flags: 3,
        extra: [5, 6],
    }
}

#[test]
fn records_live_and_their_ids_are_never_used_again() {
    let ram = Ram::new(4 * MIB);
    let mut catalog = ram.catalog();
    let mut records = catalog.records();
    let last = effort(5_000, 72);
    for id in 1..=last {
        assert_eq!(records.add(new_record(id)).unwrap(), id);
    }
    records.set_state(17, RecordState::Tombstone).unwrap();
    let changed = records.update(18, |record| {
        record.id = 99;
        record.generation += 1;
    });
    assert_eq!(changed.unwrap().id, 18);
    assert_eq!(kind_of(records.update(19, |it| it.state = 9)), ErrorKind::InvalidArgument);
    let view = records.view();
    assert_eq!(view.get(17).unwrap().unwrap().state, RecordState::Tombstone as u32);
    assert_eq!(view.get(18).unwrap().unwrap().generation, 2);
    assert_eq!(view.get(19).unwrap().unwrap().state, RecordState::InProgress as u32);
    assert_eq!(view.get(0).unwrap(), None);
    ram.assert_sound();
    (1..=last).rev().for_each(|id| assert_eq!(records.remove(id).unwrap().length, id));
    assert_eq!(kind_of(records.remove(1)), ErrorKind::NotFound);
    assert!(ram.live.borrow().is_empty());
    assert_eq!(records.add(new_record(1)).unwrap(), last + 1);
    ram.assert_sound();
    // A damaged counter must not hide a record behind another.
    let next = HEADER_OFFSET + std::mem::offset_of!(Header, next_record) as u64;
    ram.flip(next, 0);
    ram.flip(next, 1);
    assert_eq!(kind_of(records.add(new_record(2))), ErrorKind::Corrupt);
    assert_eq!(records.view().get(last + 1).unwrap().unwrap().length, 1);
    assert_eq!(ram.live.borrow().len(), 2);
}

#[test]
fn records_are_listed_in_pages() {
    let last = effort(300, 70);
    let ram = Ram::new(MIB);
    let mut catalog = ram.catalog();
    (0..last).for_each(|length| _ = catalog.records().add(new_record(length)).unwrap());
    (10..last - 20).for_each(|id| _ = catalog.records().remove(id).unwrap());
    let (view, mut ids) = (catalog.view().records(), vec![0]);
    loop {
        let page = view.list(*ids.last().unwrap(), 13).unwrap();
        ids.extend(page.iter().map(|record| record.id));
        if page.len() < 13 {
            break;
        }
    }
    assert!(ids.into_iter().eq((0..10).chain(last - 20..=last)));
    assert_eq!(view.count().unwrap(), 30);
}
