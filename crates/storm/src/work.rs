//! The worker: commits for ever, and says so after each commit.

use std::io::Write;
use std::path::Path;

use fileheap_core::catalog::{OrderedMap, RecordNew, Root};
use fileheap_core::format::RecordState;
use fileheap_core::{Durability, Heap, Options, Wait, WriteTxn};

use crate::fill::{HEAD_BYTES, Identity, Random};
use crate::layout::*;

/// Blocks are freed rather than made beyond this.
const LIVE_MAX: u64 = 12 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Captured,
    Tracked,
    Mixed,
}

/// How a worker works.
pub struct Style {
    seed: u64,
    mode: Mode,
    durability: Durability,
    /// Whether it closes and opens the heap now and then.
    closes: bool,
}

impl Style {
    pub fn from_args(args: &crate::Args) -> Result<Self, String> {
        let mode = match () {
            () if args.flag("--captured") => Mode::Captured,
            () if args.flag("--tracked") => Mode::Tracked,
            () => Mode::Mixed,
        };
        let durability = match args.text("--durability").unwrap_or("power") {
            "power" => Durability::Power,
            "background" => Durability::Background,
            "process" => Durability::Process,
            other => return Err(format!("durability {other}: power, background or process")),
        };
        Ok(Self { seed: args.seed()?, mode, durability, closes: !args.flag("--no-close") })
    }

    fn options(&self, random: &mut Random) -> Options {
        let log_bytes = [64 << 10, 256 << 10, 1 << 20][random.below(3) as usize];
        Options::new().durability(self.durability).log_bytes(log_bytes).limit_bytes(1 << 30)
    }
}

/// Opens the heap of a folder, or makes it.
pub fn open(dir: &Path, options: &Options) -> Result<Heap, String> {
    let opened = Heap::open_or_create(crate::heap_path(dir), options);
    opened.map(|(heap, _)| heap).map_err(|error| error.to_string())
}

pub fn run(dir: &Path, style: &Style) -> Result<(), String> {
    let mut random = Random::new(style.seed ^ u64::from(std::process::id()) << 32);
    let mut heap = open(dir, &style.options(&mut random))?;
    loop {
        let done = step(&heap, style, &mut random).map_err(|error| error.to_string())?;
        if let Some(commit) = done {
            say(&format!("committed {commit}\n"))?;
        }
        let upkeep = match random.below(400) {
            0..8 => heap.checkpoint(),
            8..10 => heap.trim().map(drop),
            10..12 => heap.sync(),
            _ => Ok(()),
        };
        upkeep.map_err(|error| format!("upkeep: {error}"))?;
        if style.closes && random.one_in(150) {
            heap.close().map_err(|error| format!("close: {error}"))?;
            heap = open(dir, &style.options(&mut random))?;
        }
    }
}

/// One write, at once: whoever hears the line can rely on the commit.
pub fn say(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// One transaction; its number if it was committed.
fn step(heap: &Heap, style: &Style, random: &mut Random) -> fileheap_core::Result<Option<u64>> {
    let tracked = match style.mode {
        Mode::Captured => false,
        Mode::Tracked => true,
        Mode::Mixed => random.one_in(2),
    };
    let mut txn = if tracked { heap.begin_tracked(Wait::Forever)? } else { heap.begin_write()? };
    let hub = found(&mut txn)?;
    let commit = word(&txn, hub + COMMIT) + 1;
    set(&txn, hub + COMMIT, commit);
    for index in COUNTERS {
        set(&txn, hub + counter(index), commit);
    }
    for _ in 0..=random.below(12) {
        change(&txn, hub, commit, random)?;
    }
    catalog(&mut txn, hub, commit)?;
    if random.one_in(60) {
        direct(&txn, hub, commit, random)?;
    }
    if random.one_in(15) {
        txn.abort()?;
        return Ok(None);
    }
    txn.commit()?;
    Ok(Some(commit))
}

/// The hub, made by the first transaction.
fn found(txn: &mut WriteTxn) -> fileheap_core::Result<u64> {
    if txn.face_root(0) == 0 {
        let hub = txn.alloc_zeroed(HUB_BYTES, 4096)?;
        txn.touch(hub, HUB_BYTES);
        txn.set_face_root(0, hub);
    }
    Ok(txn.face_root(0))
}

fn blocks(txn: &WriteTxn, hub: u64) -> OrderedMap<'_, WriteTxn> {
    // SAFETY: this worker has one thread, and the heap stays mapped as long as the transaction.
    unsafe { OrderedMap::new(txn, hub + BLOCKS) }
}

/// Makes, rewrites, resizes or frees one block.
fn change(txn: &WriteTxn, hub: u64, commit: u64, random: &mut Random) -> fileheap_core::Result<()> {
    let full = word(txn, hub + LIVE_BYTES) > LIVE_MAX;
    let known = some_block(txn, hub, random)?;
    match (random.below(10), known) {
        (0..4, _) if !full => {
            let key = word(txn, hub + NEXT_KEY);
            set(txn, hub + NEXT_KEY, key + 1);
            let bytes = some_size(random);
            let at = txn.alloc(bytes, 8)?;
            write(txn, hub, at, Identity { key, commit, bytes });
            blocks(txn, hub).insert(key, at)?;
        }
        (4..6, Some((at, old))) => {
            forget(txn, hub, old);
            write(txn, hub, at, Identity { commit, ..old });
        }
        (6..7, Some((at, old))) if !full => {
            forget(txn, hub, old);
            let bytes = some_size(random);
            let moved = txn.realloc(at, bytes, 8)?;
            write(txn, hub, moved, Identity { commit, bytes, ..old });
            blocks(txn, hub).insert(old.key, moved)?;
        }
        (_, Some((at, old))) => {
            forget(txn, hub, old);
            txn.free(at)?;
            blocks(txn, hub).remove(old.key)?;
        }
        _ => {}
    }
    Ok(())
}

fn some_size(random: &mut Random) -> u64 {
    HEAD_BYTES
        + match random.below(160) {
            0..110 => random.below(300),
            110..145 => random.below(9_000),
            145..157 => random.below(120_000),
            157..159 => random.below(1 << 20),
            _ => (2 << 20) + random.below(1 << 20),
        }
}

fn some_block(
    txn: &WriteTxn,
    hub: u64,
    random: &mut Random,
) -> fileheap_core::Result<Option<(u64, Identity)>> {
    let map = blocks(txn, hub);
    let from = random.below(word(txn, hub + NEXT_KEY));
    let next = map.view().range(from..)?.next().transpose()?;
    let Some(entry) = next.or(map.view().first()?) else { return Ok(None) };
    // SAFETY: a live block begins with its head.
    let head = unsafe {
        std::slice::from_raw_parts(txn.resolve(entry.value).cast_const(), HEAD_BYTES as usize)
    };
    Ok(Some((entry.value, Identity::read(head))))
}

fn write(txn: &WriteTxn, hub: u64, at: u64, identity: Identity) {
    // SAFETY: a live allocation of at least that length, which only this thread uses.
    let block = unsafe { std::slice::from_raw_parts_mut(txn.resolve(at), identity.bytes as usize) };
    identity.write(block);
    txn.touch(at, identity.bytes);
    set(txn, hub + SUM, word(txn, hub + SUM).wrapping_add(identity.hash()));
    set(txn, hub + LIVE_BYTES, word(txn, hub + LIVE_BYTES) + identity.bytes);
}

fn forget(txn: &WriteTxn, hub: u64, identity: Identity) {
    set(txn, hub + SUM, word(txn, hub + SUM).wrapping_sub(identity.hash()));
    set(txn, hub + LIVE_BYTES, word(txn, hub + LIVE_BYTES) - identity.bytes);
}

/// One name for each commit, one record for every fourth.
fn catalog(txn: &mut WriteTxn, hub: u64, commit: u64) -> fileheap_core::Result<()> {
    let name = name(commit);
    let root = Root { kind: commit as u32, fingerprint: commit, offset: hub, bytes: HUB_BYTES };
    let bound = txn.catalog().names().view().lookup(&name)?.is_some();
    if bound {
        txn.catalog().names().rebind(&name, root)?;
    } else {
        txn.catalog().names().bind(&name, root)?;
    }
    if commit % RECORD_EVERY != 0 {
        return Ok(());
    }
    let record = RecordNew {
        generation: commit,
        state: RecordState::Committed,
        element: 1,
        length: commit,
        payload_offset: 0,
        payload_bytes: 0,
        flags: 0,
        extra: [commit; 2],
    };
    txn.catalog().records().add(record)?;
    let kept = txn.catalog().records().view().list(0, RECORDS_MAX + 1)?;
    if kept.len() > RECORDS_MAX {
        txn.catalog().records().remove(kept[0].id)?;
    }
    Ok(())
}

/// Makes, enlists and fills, or frees the direct extent.
fn direct(txn: &WriteTxn, hub: u64, commit: u64, random: &mut Random) -> fileheap_core::Result<()> {
    let at = word(txn, hub + DIRECT);
    if at == 0 {
        let made = txn.alloc_direct(DIRECT_BYTES, true)?;
        set(txn, hub + DIRECT, made.offset);
        return store_places(txn, hub, made.offset, commit);
    }
    if random.one_in(3) {
        set(txn, hub + DIRECT, 0);
        set(txn, hub + DIRECT_COMMIT, 0);
        return txn.free(at);
    }
    txn.enlist(at)?;
    store_places(txn, hub, at, commit)
}

fn store_places(txn: &WriteTxn, hub: u64, at: u64, commit: u64) -> fileheap_core::Result<()> {
    for place in 0..DIRECT_PLACES {
        set(txn, at + place * DIRECT_STEP, commit);
    }
    set(txn, hub + DIRECT_COMMIT, commit);
    Ok(())
}
