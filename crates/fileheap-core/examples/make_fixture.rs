//! Makes the golden files of the current format: `make_fixture FOLDER`, on a system that has one.
//!
//! Later versions must go on reading what this wrote; `tests/fixtures.rs` knows what is in it.
//! A golden file is text: one line `bytes N`, then for each stretch of 32 bytes that are not all
//! zero its offset and its bytes, in hexadecimal.

use std::fmt::Write as _;
use std::path::Path;

use fileheap_core::catalog::{RecordNew, Root};
use fileheap_core::format::RecordState;
use fileheap_core::{Heap, Options, Result, WriteTxn};

const STRETCH: usize = 32;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).expect("a folder to write to");
    std::fs::create_dir_all(&folder).expect("that folder");
    let scratch = std::env::temp_dir().join(format!("fileheap-fixture-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder for scratch");
    let heap_path = scratch.join("made.heap");
    let put = |from: &str, to: &str| {
        let bytes = std::fs::read(scratch.join(from)).expect("a file of the heap");
        std::fs::write(Path::new(&folder).join(to), as_text(&bytes)).expect("a golden file");
    };

    let options = Options::new().base(0x5a5a_0000_0000).limit_bytes(1 << 30);
    let heap = Heap::create(&heap_path, &options)?;
    first(&heap)?;
    heap.close()?;
    put("made.heap", "closed.txt");

    // As kill -9 leaves it: what is read here is what the file and its logs hold now.
    let heap = Heap::open(&heap_path, &options)?;
    second(&heap)?;
    put("made.heap", "killed.txt");
    put("made.heap-log0", "killed-log0.txt");
    heap.close()?;
    std::fs::remove_dir_all(&scratch).expect("the scratch folder goes");
    Ok(())
}

/// Twenty names with cells, every third one freed again; forty records; a run; a direct extent.
fn first(heap: &Heap) -> Result<()> {
    let mut txn = heap.begin_write()?;
    for index in 0..20_u64 {
        let text = format!("cell {index} ").repeat(index as usize + 1);
        bind(&mut txn, &format!("name-{index:02}"), &text)?;
    }
    for index in (0..20).step_by(3) {
        let root = txn.catalog().names().unbind(&format!("name-{index:02}"))?;
        txn.free(root.offset)?;
    }
    for index in 0..40 {
        let new = RecordNew {
            generation: index,
            state: RecordState::InProgress,
            element: 13,
            length: index * 2,
            payload_offset: 0,
            payload_bytes: 0,
            flags: 0,
            extra: [index, 0],
        };
        let id = txn.catalog().records().add(new)?;
        if index % 2 == 0 {
            txn.catalog().records().set_state(id, RecordState::Committed)?;
        }
    }
    let run = txn.alloc_zeroed(40_000, 8)?;
    store(&txn, run + 39_000, b"in a run");
    txn.set_face_root(0, run);
    txn.commit().map(drop)
}

/// Two more transactions, and one that never commits.
fn second(heap: &Heap) -> Result<()> {
    let mut txn = heap.begin_write()?;
    bind(&mut txn, "späte Zeile", "from the log")?;
    txn.commit()?;
    let mut txn = heap.begin_write()?;
    let old = txn.catalog().names().unbind("name-01")?;
    txn.free(old.offset)?;
    bind(&mut txn, "name-01", "bound anew")?;
    txn.commit()?;
    let mut txn = heap.begin_write()?;
    bind(&mut txn, "never", "committed")?;
    txn.abort()
}

fn bind(txn: &mut WriteTxn, name: &str, text: &str) -> Result<()> {
    let bytes = text.len() as u64;
    let offset = txn.alloc(bytes, 8)?;
    store(txn, offset, text.as_bytes());
    txn.catalog().names().bind(name, Root { kind: 7, fingerprint: bytes, offset, bytes })
}

fn store(txn: &WriteTxn, offset: u64, bytes: &[u8]) {
    // SAFETY: callers name bytes of an allocation they just made.
    unsafe { txn.resolve(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    txn.touch(offset, bytes.len() as u64);
}

fn as_text(bytes: &[u8]) -> String {
    let mut text = format!("bytes {}\n", bytes.len());
    for (index, stretch) in bytes.chunks(STRETCH).enumerate() {
        if stretch.iter().any(|&byte| byte != 0) {
            let _ = write!(text, "{:x} ", index * STRETCH);
            for byte in stretch {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
    }
    text
}
