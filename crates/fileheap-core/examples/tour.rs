//! A tour of the engine: every step says what it does, does it, and shows what came of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use fileheap_core::catalog::Root;
use fileheap_core::{Heap, Options, Result, WriteTxn};

/// A child process runs one of the scenes of `child` on the heap.
const SCENE: &str = "FILEHEAP_TOUR_SCENE";
const NAME: &str = "counter";

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join("fileheap-tour");
    let path = folder.join("tour.heap");
    if let Ok(scene) = std::env::var(SCENE) {
        return child(&scene, &path);
    }
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for the tour");

    create(&path)?;
    kill_in_the_middle(&path)?;
    read_beside_a_writer(&path)?;
    figures(&path)?;
    std::fs::remove_dir_all(&folder).expect("the tour cleans up");
    println!("\nThe file was removed. docs/DESIGN.md says why it is made as it is.");
    Ok(())
}

fn step(title: &str) {
    println!("\n== {title}");
}

fn create(path: &Path) -> Result<()> {
    step("A file is a heap: create one, allocate in it, give what is there a name, commit.");
    let heap = Heap::create(path, &Options::new())?;
    let mut txn = heap.begin_write()?;
    set(&mut txn, 1)?;
    let number = txn.commit()?;
    println!("   transaction {number} is on the disk; the file is {}", path.display());
    heap.close()?;
    let start = Instant::now();
    let heap = Heap::open(path, &Options::new())?;
    let counter = get(&heap)?;
    println!("   opened again in {:?}: counter = {counter}", start.elapsed());
    heap.close()
}

fn kill_in_the_middle(path: &Path) -> Result<()> {
    step("Another process adds 1, commits; stores 1000, does not commit - and is killed (-9).");
    let (mut process, said) = start("store and wait");
    let line = wait_for_line(said);
    println!("   the child says: {line}");
    process.kill().expect("kill -9");
    process.wait().expect("it is dead");
    let heap = Heap::open(path, &Options::new())?;
    let found = heap.recovery();
    println!("   opened after the kill; transactions found in the log: {}", found.transactions);
    let counter = get(&heap)?;
    println!("   counter = {counter}: what was committed is there, what was not is not");
    assert_eq!(counter, 2);
    let report = heap.check()?;
    println!(
        "   check: {} findings, {} live allocations",
        report.findings.len(),
        report.live_count
    );
    assert!(report.is_clean());
    heap.close()
}

fn read_beside_a_writer(path: &Path) -> Result<()> {
    step("A reader holds its snapshot while another process commits; neither waits.");
    let heap = Heap::open(path, &Options::new())?;
    let read = heap.begin_read()?;
    let before = counter_in(&read)?;
    let (mut process, said) = start("add ten");
    println!("   the child says: {}", wait_for_line(said));
    process.wait().expect("it ends");
    let after = counter_in(&read)?;
    println!("   the same snapshot: counter = {before} before, {after} after those commits");
    assert_eq!(before, after);
    drop(read);
    println!("   a new snapshot:    counter = {}", get(&heap)?);
    assert_eq!(get(&heap)?, before + 10);
    heap.close()
}

fn figures(path: &Path) -> Result<()> {
    step("An abort undoes everything, allocations included; figures of the heap.");
    let heap = Heap::open(path, &Options::new())?;
    let live = heap.check()?.live_count;
    let txn = heap.begin_write()?;
    for _ in 0..10_000 {
        txn.alloc(100, 8)?;
    }
    txn.abort()?;
    let after = heap.check()?.live_count;
    println!("   10,000 allocations aborted: {live} live before, {after} after");
    let stat = heap.stat()?;
    let (file, disk) = (stat.file_bytes / 1024, stat.disk_bytes / 1024);
    println!("   names {}, file {file} KiB, on disk {disk} KiB", stat.names);
    println!("   live {} bytes, own {} KiB", stat.alloc.live_bytes, stat.alloc.own_bytes / 1024);
    let (last, home) = (stat.progress.published, stat.progress.checkpoint);
    println!("   last transaction {last}, carried home up to {home}");
    println!("   stores are found by: {}", stat.capture);
    heap.close()
}

/// What a child process does.
fn child(scene: &str, path: &Path) -> Result<()> {
    let heap = Heap::open(path, &Options::new())?;
    if scene == "add ten" {
        for _ in 0..10 {
            let mut txn = heap.begin_write()?;
            let counter = counter_in_write(&mut txn)?;
            set(&mut txn, counter + 1)?;
            txn.commit()?;
        }
        println!("added 10 in 10 transactions");
        return heap.close();
    }
    let mut txn = heap.begin_write()?;
    let counter = counter_in_write(&mut txn)?;
    set(&mut txn, counter + 1)?;
    txn.commit()?;
    let mut txn = heap.begin_write()?;
    set(&mut txn, 1000)?;
    println!("counter is 1000 in my open transaction; waiting to be killed");
    std::thread::sleep(std::time::Duration::from_secs(60));
    txn.abort()
}

fn start(scene: &str) -> (Child, ChildStdout) {
    let program = std::env::current_exe().expect("this program");
    let mut process = Command::new(program)
        .env(SCENE, scene)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let said = process.stdout.take().expect("its output");
    (process, said)
}

fn wait_for_line(said: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line).expect("a line");
    line.trim().to_owned()
}

/// Stores the counter: where it lies already, or in a new cell.
fn set(txn: &mut WriteTxn, number: u64) -> Result<()> {
    let root = txn.catalog().names().view().lookup(NAME)?;
    let offset = match root {
        Some(root) => root.offset,
        None => {
            let offset = txn.alloc(8, 8)?;
            txn.catalog().names().bind(NAME, Root { offset, bytes: 8, ..Root::default() })?;
            offset
        }
    };
    // SAFETY: eight bytes that belong to the counter, stored to by this transaction only.
    unsafe { txn.resolve(offset).cast::<u64>().write(number) };
    Ok(())
}

fn get(heap: &Heap) -> Result<u64> {
    counter_in(&heap.begin_read()?)
}

fn counter_in(read: &fileheap_core::ReadTxn) -> Result<u64> {
    let root = read.catalog().names().lookup(NAME)?.expect("the name is bound");
    read.memory().read(root.offset)
}

fn counter_in_write(txn: &mut WriteTxn) -> Result<u64> {
    let root = txn.catalog().names().view().lookup(NAME)?.expect("the name is bound");
    txn.memory().read(root.offset)
}
