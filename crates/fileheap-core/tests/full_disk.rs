//! A disk that is really full, at every step of growth and commit: an error, never a signal, and
//! nothing committed is lost.

mod common;

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::*;
use fileheap_core::{Durability, ErrorKind, Heap, Options, Result, Wait};

/// A tmpfs of so many kilobytes on a folder, seen by this process only.
fn small_disk(at: &Path, kilobytes: u64) {
    let at = CString::new(at.as_os_str().as_bytes()).unwrap();
    let size = CString::new(format!("size={kilobytes}k")).unwrap();
    let tmpfs = c"tmpfs".as_ptr();
    // SAFETY: the strings outlive the call, and no other pointer is followed.
    let mounted = unsafe { libc::mount(tmpfs, at.as_ptr(), tmpfs, 0, size.as_ptr().cast()) };
    assert_eq!(mounted, 0, "a tmpfs cannot be mounted");
}

/// Fills the disk up to the last `left` kilobytes.
fn ballast(dir: &Path, left: u64) -> std::path::PathBuf {
    let path = dir.join("ballast");
    let mut file = fs::File::create(&path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let len = file.metadata().unwrap().len();
    file.set_len(len.saturating_sub(left * 1024)).unwrap();
    path
}

fn as_actor(test: &str, kilobytes: u64, body: impl Fn(&Path)) {
    as_actor_on(test, &|dir| small_disk(dir, kilobytes), body);
}

fn as_actor_on(test: &str, mount: &dyn Fn(&Path), body: impl Fn(&Path)) {
    if let Some((_, dir)) = role() {
        if own_mounts(test) {
            mount(&dir);
            body(&dir);
        }
        return;
    }
    let scratch = Scratch::new(test);
    play(test, "actor", &scratch.0).succeeds();
}

/// Allocates and fills until the disk is full; commits after each step. Returns what was committed
/// last and the error.
fn until_full(heap: &Heap, sizes: &[u64], tracked: bool) -> (u64, fileheap_core::Error) {
    let mut committed = root(heap);
    loop {
        let step = || -> Result<()> {
            let txn = if tracked { heap.begin_tracked(Wait::Forever) } else { heap.begin_write() }?;
            for (turn, &bytes) in sizes.iter().enumerate() {
                let at = if turn % 2 == 1 && bytes >= 4096 {
                    txn.alloc_direct(bytes, false)?.offset
                } else {
                    txn.alloc(bytes, 8)?
                };
                fill(&txn, at, bytes, 7);
            }
            set(&txn, txn.face_root(0), committed + 1);
            txn.commit().map(drop)
        };
        match step() {
            Ok(()) => committed += 1,
            Err(error) => return (committed, error),
        }
    }
}

#[test]
fn growth_until_the_disk_is_full_loses_nothing() {
    as_actor("growth_until_the_disk_is_full_loses_nothing", 24 << 10, |dir| {
        let mut round = 0;
        for sizes in [&[100_u64, 5000][..], &[70_000], &[2 << 20, 3 << 20], &[16, 40_000, 300_000]]
        {
            for durability in [Durability::Power, Durability::Background, Durability::Process] {
                round += 1;
                let path = dir.join(format!("{round}.heap"));
                let options = Options::new().durability(durability).log_bytes(256 << 10);
                let heap = Heap::create(&path, &options).unwrap();
                put_root(&heap, 1);
                let (committed, error) = until_full(&heap, sizes, round % 2 == 0);
                assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
                let text = error.to_string();
                assert!(text.contains(".heap") && text.contains("free some space"), "{text}");
                assert_eq!(root(&heap), committed);
                clean(&heap);
                heap.close().unwrap();
                let heap = Heap::open(&path, &options).unwrap();
                assert_eq!(root(&heap), committed);
                clean(&heap);
                heap.close().unwrap();
                fs::remove_file(&path).unwrap();
            }
        }
    });
}

#[test]
fn every_step_with_less_and_less_space_can_be_retried() {
    as_actor("every_step_with_less_and_less_space_can_be_retried", 16 << 10, |dir| {
        let path = dir.join("a.heap");
        let mut failures = 0;
        for left in (0..1600).step_by(40) {
            let options = Options::new().log_bytes(64 << 10);
            let made = Heap::create(&path, &options).unwrap();
            put_root(&made, 1);
            if left % 80 == 0 {
                made.close().unwrap(); // then the log must be made on the full disk
            }
            drop(made);
            let heap = Heap::open(&path, &options).unwrap();
            let ballast = ballast(dir, left);
            let mut txn = heap.begin_write().unwrap();
            let work = |txn: &mut fileheap_core::WriteTxn| -> Result<()> {
                for bytes in [200, 30_000, 200_000, 2 << 20] {
                    let at = txn.alloc(bytes, 8)?;
                    fill(txn, at, bytes, 9);
                }
                set(txn, txn.face_root(0), 2);
                txn.commit_and_continue().map(drop)
            };
            let first = work(&mut txn);
            if let Err(error) = &first {
                assert_eq!(error.kind(), ErrorKind::DiskFull, "{left} KiB left: {error}");
                failures += 1;
                fs::remove_file(&ballast).unwrap();
                if left % 3 == 0 {
                    txn.abort().unwrap();
                    assert_eq!(root(&heap), 1);
                    txn = heap.begin_write().unwrap();
                }
                work(&mut txn).unwrap();
            }
            drop(txn);
            assert_eq!(root(&heap), 2, "{left} KiB left");
            clean(&heap);
            drop(heap);
            let heap = Heap::open(&path, &Options::new()).unwrap();
            assert_eq!(root(&heap), 2);
            clean(&heap);
            drop(heap);
            let _ = fs::remove_file(&ballast);
            for end in ["", "-log0", "-log1"] {
                let _ = fs::remove_file(with_end(&path, end));
            }
        }
        assert!(failures > 10, "the disk was full {failures} times only");
    });
}

#[test]
fn a_refused_growth_gives_back_what_it_got() {
    // Unlike tmpfs it keeps what it gave before it was full.
    let ext4 = |dir: &Path| image_disk(dir, "ext4", 24, &["-q"]);
    as_actor_on("a_refused_growth_gives_back_what_it_got", &ext4, |dir| {
        let path = dir.join("a.heap");
        let heap = Heap::create(&path, &Options::new()).unwrap();
        put_root(&heap, 1);
        let before = fs::metadata(&path).unwrap();
        let txn = heap.begin_write().unwrap();
        let refusal = txn.alloc(1 << 30, 8).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::DiskFull, "{refusal}");
        let after = fs::metadata(&path).unwrap();
        assert_eq!(after.len(), before.len());
        assert!(after.blocks() <= before.blocks() + 16, "{} blocks", after.blocks()); // its map
        let at = txn.alloc(1 << 20, 8).unwrap(); // there is room for this
        fill(&txn, at, 1 << 20, 9);
        txn.commit().unwrap();
        fs::write(dir.join("another"), vec![1; 1 << 20]).unwrap();
        clean(&heap);
    });
}

#[test]
fn opening_creating_checking_and_trimming_work_on_a_full_disk() {
    as_actor("opening_creating_checking_and_trimming_work_on_a_full_disk", 8 << 10, |dir| {
        let path = dir.join("a.heap");
        let heap = Heap::create(&path, &Options::new()).unwrap();
        put_root(&heap, 1);
        let txn = heap.begin_write().unwrap();
        let waste = txn.alloc(3 << 20, 8).unwrap();
        txn.commit().unwrap();
        let ballast = ballast(dir, 0);
        let made = Heap::create(dir.join("b.heap"), &Options::new());
        refused(made, ErrorKind::DiskFull, &["b.heap", "free some space"]);
        assert!(!dir.join("b.heap").exists(), "nothing is left behind");
        refused(heap.backup(dir.join("c.heap")), ErrorKind::DiskFull, &["c.heap"]);
        assert_eq!(fs::read_dir(dir).unwrap().filter(is_copy).count(), 0);
        assert_eq!(root(&heap), 1);
        let txn = heap.begin_write().unwrap();
        txn.free(waste).unwrap();
        txn.commit().unwrap(); // the log was written ahead
        let trimmed = heap.trim().unwrap();
        assert!(trimmed.punched_bytes + trimmed.cut_bytes >= 2 << 20, "{trimmed:?}");
        put_root(&heap, 2);
        clean(&heap);
        heap.close().unwrap();
        fs::remove_file(ballast).unwrap();
        assert_eq!(root(&Heap::open(&path, &Options::new()).unwrap()), 2);
    });
}

#[test]
fn a_heap_on_a_full_disk_is_emptied_from_within() {
    as_actor("a_heap_on_a_full_disk_is_emptied_from_within", 16 << 10, |dir| {
        for (turn, bytes) in [300_u64, 5000, 70_000, 900_000].into_iter().enumerate() {
            for tracked in [false, true] {
                let path = dir.join(format!("{turn}{tracked}.heap"));
                let heap = Heap::create(&path, &Options::new()).unwrap();
                put_root(&heap, 1);
                let mut made = Vec::new();
                let fills = |made: &mut Vec<u64>| -> Result<()> {
                    let txn = heap.begin_write()?;
                    let at = txn.alloc(bytes, 8)?;
                    fill(&txn, at, bytes, 7);
                    set(&txn, txn.face_root(0), made.len() as u64 + 2);
                    txn.commit()?;
                    made.push(at);
                    Ok(())
                };
                let error = loop {
                    if let Err(error) = fills(&mut made) {
                        break error;
                    }
                };
                assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
                let ballast = ballast(dir, 0); // nor has anybody else space to give back
                let count = made.len() as u64;
                for at in made.drain(..) {
                    let txn = if tracked {
                        heap.begin_tracked(Wait::Forever)
                    } else {
                        heap.begin_write()
                    };
                    let txn = txn.unwrap();
                    txn.free(at).unwrap();
                    txn.commit().unwrap_or_else(|error| panic!("{bytes} {tracked}: {error}"));
                }
                assert_eq!(root(&heap), count + 1);
                heap.trim().unwrap();
                let mut again = Vec::new();
                // Refused for want of log, the next attempt has the other log. The two take space
                // themselves.
                while fills(&mut again).is_ok() || fills(&mut again).is_ok() {}
                assert!(again.len() as u64 * 2 >= count, "{} of {count}", again.len());
                clean(&heap);
                heap.close().unwrap();
                fs::remove_file(ballast).unwrap();
                assert_eq!(
                    root(&Heap::open(&path, &Options::new()).unwrap()),
                    again.len() as u64 + 1
                );
                fs::remove_file(&path).unwrap();
            }
        }
    });
}

/// A copy without the blocks that are all zero, and without the bulletin: backups have none.
fn copy_with_holes(from: &Path, to: &Path) {
    use std::os::unix::fs::FileExt;
    let bytes = fs::read(from).unwrap();
    let file = fs::File::create(to).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (index, block) in bytes.chunks(4096).enumerate() {
        let bulletin = from.extension().is_some_and(|it| it == "heap") && (4..16).contains(&index);
        if !bulletin && block.iter().any(|&byte| byte != 0) {
            file.write_all_at(block, index as u64 * 4096).unwrap();
        }
    }
}

#[test]
fn copies_with_holes_meet_a_full_disk_with_errors() {
    // Not on tmpfs, where even a private page over a hole takes space.
    let disk = |dir: &Path| image_disk(dir, "ext4", 48, &["-q"]);
    as_actor_on("copies_with_holes_meet_a_full_disk_with_errors", &disk, |dir| {
        let path = dir.join("made.heap");
        let options = Options::new().durability(Durability::Process);
        let made = Heap::create(&path, &options).unwrap();
        put_root(&made, 1);
        let mut txn = made.begin_write().unwrap();
        let direct = txn.alloc_direct(4 << 20, true).unwrap().offset;
        let plain = txn.alloc_zeroed(4 << 20, 64).unwrap();
        txn.commit_and_continue().unwrap();
        let free = txn.alloc_zeroed(4 << 20, 64).unwrap();
        txn.commit_and_continue().unwrap();
        txn.free(free).unwrap();
        txn.commit().unwrap();
        made.checkpoint().unwrap();
        put_root(&made, 2);
        for (turn, left) in [0, 40, 200, 700, 3000, 12_000].into_iter().enumerate() {
            let copy = dir.join(format!("{turn}.heap"));
            for end in ["", "-log0", "-log1"] {
                if with_end(&path, end).exists() {
                    copy_with_holes(&with_end(&path, end), &with_end(&copy, end));
                }
            }
            let ballast = ballast(dir, left);
            // Every way to store to the file in place. A signal would end this process.
            let work = || -> Result<()> {
                let heap = Heap::open(&copy, &options)?;
                assert_eq!(root(&heap), 2);
                let txn = heap.begin_write()?;
                fill(&txn, plain, 4 << 20, 3); // private: needs no disk
                txn.abort()?;
                for value in 3..200 {
                    let txn = heap.begin_tracked(Wait::Forever)?;
                    set(&txn, txn.face_root(0), value);
                    txn.commit()?;
                }
                let txn = heap.begin_write()?;
                txn.enlist(direct)?;
                fill(&txn, direct, 4096, 4);
                txn.commit()?;
                let mut txn = heap.begin_write()?;
                txn.open_direct(direct)?;
                fill(&txn, direct, 4 << 20, 5);
                let fresh = txn.alloc_direct(4 << 20, false)?.offset;
                fill(&txn, fresh, 4 << 20, 6);
                txn.commit_and_continue()?;
                drop(txn);
                clean(&heap);
                heap.close()
            };
            match work() {
                Ok(()) => assert!(left > 10_000, "{left} KiB were enough"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::DiskFull, "{left} KiB left: {error}");
                    assert!(left < 10_000, "{left} KiB left: {error}");
                }
            }
            fs::remove_file(ballast).unwrap();
            let heap = Heap::open(&copy, &options).unwrap();
            assert!(root(&heap) >= 2);
            clean(&heap);
            drop(heap);
            for end in ["", "-log0", "-log1"] {
                let _ = fs::remove_file(with_end(&copy, end));
            }
        }
    });
}

#[test]
fn the_limit_on_file_size_is_an_error_not_a_signal() {
    const TEST: &str = "the_limit_on_file_size_is_an_error_not_a_signal";
    if let Some((_, dir)) = role() {
        let limit = libc::rlimit { rlim_cur: 6 << 20, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: limit is a valid rlimit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let sizes: [&[u64]; 3] = [&[100, 900, 20_000], &[70_000, 300_000], &[2 << 20]];
        for (turn, sizes) in sizes.into_iter().enumerate() {
            let path = dir.join(format!("{turn}.heap"));
            // The log meets the limit, too.
            let options = Options::new().log_bytes(if turn == 1 { 1 << 40 } else { 64 << 10 });
            let heap = Heap::create(&path, &options).unwrap();
            put_root(&heap, 1);
            let (committed, error) = until_full(&heap, sizes, turn == 0);
            refused(Err::<(), _>(error), ErrorKind::DiskFull, &[".heap", "File too large"]);
            assert_eq!(root(&heap), committed);
            assert!(committed > 1 || turn == 2);
            clean(&heap);
            assert!(fs::metadata(&path).unwrap().len() <= 6 << 20);
            heap.close().unwrap();
            assert_eq!(root(&Heap::open(&path, &options).unwrap()), committed);
        }
        return;
    }
    let scratch = Scratch::new(TEST);
    play(TEST, "actor", &scratch.0).succeeds();
}

fn is_copy(file: &std::io::Result<fs::DirEntry>) -> bool {
    file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().contains("c.heap"))
}
