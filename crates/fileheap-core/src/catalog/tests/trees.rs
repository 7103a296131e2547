//! The tree against std's BTreeMap.

use std::collections::BTreeMap;

use super::{Ram, Random};
use crate::ErrorKind;
use crate::catalog::Entry;
use crate::effort::effort;
use crate::format::{LEAF_ENTRIES, NODE_BYTES};

const MIB: u64 = 1 << 20;

fn assert_same(ram: &Ram, model: &BTreeMap<u64, u64>) {
    let map = ram.map();
    let view = map.view();
    let pair = |entry: Entry| (entry.key, entry.value);
    let all = view.range(..).unwrap().map(|entry| pair(entry.unwrap()));
    assert!(all.eq(model.iter().map(|(&key, &value)| (key, value))));
    assert_eq!(view.count().unwrap(), model.len() as u64);
    let first = model.first_key_value().map(|(&key, &value)| (key, value));
    let last = model.last_key_value().map(|(&key, &value)| (key, value));
    assert_eq!(view.first().unwrap().map(pair), first);
    assert_eq!(view.last().unwrap().map(pair), last);
    ram.assert_sound();
}

#[test]
fn generated_operations_agree_with_btreemap() {
    let steps = effort(30_000, 150);
    for seed in 0..effort(6, 3) {
        let mut random = Random::new(seed);
        let (ram, mut model) = (Ram::new(4 * MIB), BTreeMap::new());
        let mut map = ram.map();
        let key_count = [40, 700, 20_000][seed as usize % 3];
        for step in 0..steps {
            let key = random.below(key_count);
            // Phases of growing and shrinking, so that both ways are gone to the end.
            let grows = if step / (steps / 5) % 2 == 0 { 70 } else { 30 };
            if random.below(100) < grows {
                let value = random.next();
                assert_eq!(map.insert(key, value).unwrap(), model.insert(key, value));
            } else {
                assert_eq!(map.remove(key).unwrap(), model.remove(&key));
            }
            let asked = random.below(key_count);
            assert_eq!(map.view().get(asked).unwrap(), model.get(&asked).copied());
            if step % (steps / 10) == 0 {
                assert_same(&ram, &model);
            }
        }
        assert_same(&ram, &model);
        map.clear().unwrap();
        assert_same(&ram, &BTreeMap::new());
    }
}

#[test]
fn every_order_of_filling_and_emptying_frees_all_cells() {
    let count = effort(12_000, 130);
    let scattered = |index: u64| index * 7_919 % count;
    let orders: [&dyn Fn(u64) -> u64; 3] = [&|index| index, &|index| count - 1 - index, &scattered];
    for filling in orders {
        for emptying in orders {
            let (ram, mut model) = (Ram::new(4 * MIB), BTreeMap::new());
            for key in (0..count).map(filling) {
                assert_eq!(ram.map().insert(key, !key).unwrap(), None);
                model.insert(key, !key);
            }
            assert_same(&ram, &model);
            for (step, key) in (0..count).map(emptying).enumerate() {
                assert_eq!(ram.map().remove(key).unwrap(), Some(!key));
                model.remove(&key);
                if step as u64 % (count / 6) == 0 {
                    assert_same(&ram, &model);
                }
            }
            assert!(ram.live.borrow().is_empty());
            assert_same(&ram, &model);
        }
    }
}

#[test]
fn appending_leaves_full_nodes_behind() {
    let ram = Ram::new(4 * MIB);
    let count = effort(50_000, 500);
    (0..count).for_each(|key| _ = ram.map().insert(key, key).unwrap());
    let nodes = ram.live.borrow().len() as u64;
    let full_nodes = count / LEAF_ENTRIES as u64;
    assert!(
        nodes * 100 < full_nodes * 106 + 300,
        "{nodes} nodes, {full_nodes} leaves would hold all"
    );
    assert!(ram.live.borrow().values().all(|&bytes| bytes == NODE_BYTES));
}

#[test]
fn ranges_start_and_end_where_they_should() {
    let (ram, mut model) = (Ram::new(MIB), BTreeMap::new());
    let keys = effort(3_000, 150);
    for key in (0..keys).map(|key| key * 3) {
        ram.map().insert(key, key).unwrap();
        model.insert(key, key);
    }
    let mut random = Random::new(5);
    let map = ram.map();
    for _ in 0..effort(500, 10) {
        let (low, span) = (random.below(keys * 3 + 100), 1 + random.below(300));
        let found = |range| map.view().range::<std::ops::Range<u64>>(range).unwrap();
        let ours = found(low..low + span).map(|entry| entry.unwrap().key);
        assert!(ours.eq(model.range(low..low + span).map(|(&key, _)| key)));
        let after = (std::ops::Bound::Excluded(low), std::ops::Bound::Included(low + span));
        let ours = map.view().range(after).unwrap().map(|entry| entry.unwrap().key);
        assert!(ours.eq(model.range(low + 1..=low + span).map(|(&key, _)| key)));
    }
    assert_eq!(map.view().get(u64::MAX).unwrap(), None);
}

#[test]
fn a_full_disk_changes_nothing() {
    let ram = Ram::new(4 * MIB);
    let (mut random, mut model) = (Random::new(9), BTreeMap::new());
    let steps = effort(20_000, 400);
    for step in 0..steps {
        let key = random.next();
        // A split up to a new root takes three nodes.
        ram.left.set(random.below(4));
        match ram.map().insert(key, step) {
            Ok(_) => _ = model.insert(key, step),
            Err(error) => assert_eq!(error.kind(), ErrorKind::DiskFull),
        }
        if step % (steps / 5) == 0 {
            // Cells given back after a failure may differ from the log; the tree may not.
            let mut audit = super::Audit::default();
            ram.map().view().check(&mut audit);
            assert_eq!(audit.findings, Vec::<String>::new());
            assert_eq!(audit.cells, *ram.live.borrow());
        }
    }
    ram.left.set(u64::MAX);
    assert!((steps / 2 + 1..steps).contains(&(model.len() as u64)));
    assert_same(&ram, &model);
}
