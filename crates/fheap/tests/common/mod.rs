//! What the tests of the command line share: running it, heaps to run it on.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fileheap_core::catalog::{RecordNew, Root};
use fileheap_core::format::{RECORD_RELOCATABLE, RecordState};
use fileheap_core::{Heap, Options, WriteTxn};
#[allow(unused_imports)] // each test file uses its own
pub use fileheap_testing::*;
use serde_json::Value;

pub const KIND_R: u32 = 0x52;

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "{part:?} is missing in:\n{}", self.out);
        }
        self
    }

    #[track_caller]
    pub fn complains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is missing in:\n{}", self.err);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fheap"));
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

pub fn fheap(arguments: &[&str]) -> Ran {
    Ran::of(command(arguments).output().unwrap())
}

/// The command with a heap as its first argument.
pub fn on(heap: &Path, name: &str, rest: &[&str]) -> Ran {
    let path = heap.to_str().unwrap();
    fheap(&[&[name, path], rest].concat())
}

pub fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Copies bytes into an allocation of their own.
pub fn put(txn: &WriteTxn, bytes: &[u8]) -> u64 {
    let at = txn.alloc(bytes.len().max(1) as u64, 64).unwrap();
    // SAFETY: just allocated, as long as the bytes.
    unsafe { txn.resolve(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    at
}

/// An object cell of R's.
pub fn object(txn: &WriteTxn, primary: u64, children: &[u64], blob: &[u8]) -> (u64, u64) {
    let mut cell = b"ROBJECT1".to_vec();
    cell.extend(primary.to_le_bytes());
    cell.extend((children.len() as u64).to_le_bytes());
    cell.extend((blob.len() as u64).to_le_bytes());
    children.iter().for_each(|id| cell.extend(id.to_le_bytes()));
    cell.extend(blob);
    (put(txn, &cell), cell.len() as u64)
}

pub fn bind(txn: &mut WriteTxn, name: &str, kind: u32, fingerprint: u64, place: (u64, u64)) {
    let root = Root { kind, fingerprint, offset: place.0, bytes: place.1 };
    txn.catalog().names().bind(name, root).unwrap();
}

pub fn record(txn: &mut WriteTxn, element: u32, length: u64, payload: &[u8], extra: u64) -> u64 {
    let payload_offset = put(txn, payload);
    let new = RecordNew {
        generation: 1,
        state: RecordState::Committed,
        element,
        length,
        payload_offset,
        payload_bytes: payload.len() as u64,
        flags: RECORD_RELOCATABLE,
        extra: [0, extra],
    };
    txn.catalog().records().add(new).unwrap()
}

pub const SHAPE: &str =
    "Library v1: 16 bytes, aligned to 8\n  titles @0: Vec<u64>\n  visits @8: u64\n";

/// A heap with roots of all faces, closed.
pub fn sample(scratch: &Scratch) -> PathBuf {
    let path = scratch.file("sample.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    for name in ["dates", "frame", "list"] {
        let blob = fs::read(data(&format!("{name}.rserial"))).unwrap();
        let cell = object(&txn, 0, &[], &blob);
        bind(&mut txn, name, KIND_R, 1, cell);
    }
    let value = put(&txn, &[0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    bind(&mut txn, "library", 0x5255_5354, 0xabc, (value, 16));
    let shape = put(&txn, SHAPE.as_bytes());
    let place = (shape, SHAPE.len() as u64);
    bind(&mut txn, "shape:0000000000000abc", 0x5348_4150, 0xabc, place);
    let plain = put(&txn, b"plain bytes");
    bind(&mut txn, "plain", 0, 0, (plain, 11));
    let numbers: Vec<u8> = [1.5_f64, f64::from_bits(0x7ff0_0000_0000_07a2), f64::INFINITY]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    record(&mut txn, 14, 3, &numbers, 0);
    let run = txn.alloc(3 << 20, 4096).unwrap();
    let spare = txn.alloc(1 << 20, 4096).unwrap();
    txn.free(spare).unwrap();
    bind(&mut txn, "run", 0, 0, (run, 3 << 20));
    txn.commit().unwrap();
    heap.close().unwrap();
    path
}

/// The same with its logs, as the death of its process leaves it.
pub fn unclean(scratch: &Scratch) -> PathBuf {
    let living = sample(scratch);
    let heap = Heap::open(&living, &Options::new()).unwrap();
    for index in 0..5 {
        let mut txn = heap.begin_write().unwrap();
        let at = put(&txn, &[index; 100]);
        bind(&mut txn, &format!("late{index}"), 0, 0, (at, 100));
        txn.commit().unwrap();
    }
    let path = scratch.file("unclean.heap");
    copy_with_logs(&living, &path);
    path
}

/// Changes bytes of a file from `offset` on.
pub fn damage(path: &Path, offset: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}
