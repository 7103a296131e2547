//! Makes a heap with some of everything, for docs/CLI.md and to look at: `busy FILE`.

use fileheap_core::catalog::Root;
use fileheap_core::{Heap, Options, Result, WriteTxn};

/// Of values, and of the texts of shapes, as the Rust face binds them.
const KIND_RUST: u32 = 0x5255_5354;
const KIND_SHAPE: u32 = 0x5348_4150;
const SHAPE: &str = "Library v1: 24 bytes, aligned to 8\n  titles @0: BTreeMap<u64, String>\n  \
                     visits @8: u64\n  rating @16: f64\n";

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "busy.heap".to_owned());
    let heap = Heap::create(&path, &Options::new())?;
    let mut txn = heap.begin_write()?;
    rust_root(&mut txn)?;
    named(&mut txn, "config", b"plain bytes that a C program keeps under a name\0")?;
    let samples = txn.alloc_direct(3 << 20, true)?;
    bind(&mut txn, "samples", samples.offset, samples.bytes)?;
    let mut live = Vec::new();
    // Runs and cells of many sizes in turn; two of three go again.
    for index in 0..6000_u64 {
        let mix = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let bytes = match index % 40 {
            0 => 40_000 + mix % 400_000,
            part if part < 4 => 1_000 + mix % 30_000,
            _ => 16 + mix % 500,
        };
        live.push(txn.alloc(bytes, 16)?);
    }
    for name in ["model", "index"] {
        let bytes = if name == "model" { 9 << 20 } else { 2 << 20 };
        let at = txn.alloc(bytes, 4096)?;
        bind(&mut txn, name, at, bytes)?;
    }
    txn.commit()?;
    let txn = heap.begin_write()?;
    for (index, at) in live.into_iter().enumerate() {
        if index % 3 != 0 || index > 5200 {
            txn.free(at)?;
        }
    }
    txn.commit()?;
    heap.trim()?;
    let txn = heap.begin_write()?;
    for index in 0..60 {
        txn.alloc(9_000 + index * 700, 16)?;
    }
    txn.commit()?;
    heap.close()
}

fn bind(txn: &mut WriteTxn, name: &str, offset: u64, bytes: u64) -> Result<()> {
    txn.catalog().names().bind(name, Root { offset, bytes, ..Root::default() })
}

fn put(txn: &WriteTxn, bytes: &[u8]) -> Result<u64> {
    let at = txn.alloc(bytes.len() as u64, 16)?;
    // SAFETY: just allocated, as long as the bytes.
    unsafe { txn.resolve(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    Ok(at)
}

fn named(txn: &mut WriteTxn, name: &str, bytes: &[u8]) -> Result<()> {
    let at = put(txn, bytes)?;
    bind(txn, name, at, bytes.len() as u64)
}

fn rust_root(txn: &mut WriteTxn) -> Result<()> {
    let mut value = [0; 24];
    value[8..16].copy_from_slice(&4711_u64.to_le_bytes());
    value[16..].copy_from_slice(&4.5_f64.to_le_bytes());
    let fingerprint = 0x0123_4567_89ab_cdef;
    let roots = [
        ("library", KIND_RUST, value.as_slice()),
        ("shape:0123456789abcdef", KIND_SHAPE, SHAPE.as_bytes()),
    ];
    for (name, kind, bytes) in roots {
        let offset = put(txn, bytes)?;
        let root = Root { kind, fingerprint, offset, bytes: bytes.len() as u64 };
        txn.catalog().names().bind(name, root)?;
    }
    Ok(())
}
