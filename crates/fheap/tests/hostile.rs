//! Files that are no heap, or a damaged one: an error with a code and advice, never a crash.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use common::*;
use fileheap_core::{Heap, Options};

/// Commands that read a heap, with what else they want.
const READERS: [(&str, &[&str]); 8] = [
    ("info", &[]),
    ("ls", &[]),
    ("get", &["plain"]),
    ("dump", &[]),
    ("stat", &[]),
    ("check", &[]),
    ("map", &[]),
    ("top", &["-n", "1"]),
];

#[track_caller]
fn all_end(path: &Path, code: i32, parts: &[&str]) {
    let before = fs::read(path).ok();
    for (name, rest) in READERS {
        on(path, name, rest).ends(code).complains(parts).complains(&["fheap: "]);
        let told = on(path, name, &[rest, &["--json"]].concat()).ends(code).err;
        let told: serde_json::Value = serde_json::from_str(&told).expect("one object of JSON");
        assert_eq!(told["error"]["exit"], code, "{name}");
    }
    assert_eq!(fs::read(path).ok(), before, "it was left as it is");
}

#[test]
fn what_is_no_heap_is_said_to_be_none() {
    let scratch = Scratch::new("foreign");
    all_end(&scratch.file("missing"), 3, &["No such file"]);
    let empty = scratch.file("empty");
    fs::write(&empty, "").unwrap();
    all_end(&empty, 4, &["empty"]);
    let text = scratch.file("text");
    fs::write(&text, "just some text of somebody's".repeat(5000)).unwrap();
    all_end(&text, 4, &["no heap"]);
    let zeros = scratch.file("zeros");
    fs::write(&zeros, vec![0; 1 << 20]).unwrap();
    all_end(&zeros, 4, &["zeros"]);
    all_end(&scratch.0, 4, &["a folder was found", "regular file"]);
    all_end(&text.join("within"), 3, &["Not a directory", "check the name"]);
}

#[test]
fn other_formats_and_machines_are_told() {
    let scratch = Scratch::new("formats");
    let heap = sample(&scratch);
    for copy in [0, 4096] {
        damage(&heap, copy + 8, &9_u32.to_le_bytes());
    }
    all_end(&heap, 4, &["format 9", "newer"]);
    for copy in [0, 4096] {
        damage(&heap, copy + 12, &0x0102_0304_u32.to_be_bytes());
    }
    all_end(&heap, 4, &["byte order"]);
}

#[test]
fn a_cut_heap_is_truncated() {
    let scratch = Scratch::new("cut");
    let heap = sample(&scratch);
    let file = fs::OpenOptions::new().write(true).open(&heap).unwrap();
    file.set_len(300_000).unwrap();
    all_end(&heap, 5, &["300000 bytes", "backup"]);
}

#[test]
fn what_was_killed_is_read_with_its_log() {
    let scratch = Scratch::new("killed");
    let heap = unclean(&scratch);
    on(&heap, "info", &[]).ends(0).says(&["to be recovered"]);
    on(&heap, "ls", &[]).ends(0).says(&["late4"]);
}

#[test]
fn a_heap_without_its_logs_is_not_opened_but_told_of() {
    let scratch = Scratch::new("unlogged");
    let heap = unclean(&scratch);
    for end in ["-log0", "-log1"] {
        let _ = fs::remove_file(with_end(&heap, end));
    }
    on(&heap, "info", &[]).ends(0).says(&["logs are missing"]);
    on(&heap, "ls", &[]).ends(5).complains(&["log"]);
    on(&heap, "repair", &[]).ends(5).complains(&["--accept-loss"]);
    on(&heap, "repair", &["--accept-loss"]).ends(0).says(&["given up", "no defects"]);
    let left = on(&heap, "ls", &[]).ends(0).says(&["frame"]).out;
    assert!(!left.contains("late4"));
}

#[test]
fn a_copy_of_an_open_heap_is_not_made_an_empty_one_by_the_way() {
    let scratch = Scratch::new("copied-open");
    let (living, copy) = (scratch.file("living.heap"), scratch.file("copy.heap"));
    let heap = Heap::create(&living, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = put(&txn, b"something");
    bind(&mut txn, "all", 0, 0, (at, 9));
    txn.commit().unwrap();
    fs::copy(&living, &copy).unwrap();
    // All but the bulletin, which says who tried.
    let seen = || {
        let bytes = fs::read(&copy).unwrap();
        [&bytes[..8192], &bytes[65536..]].concat()
    };
    let before = seen();
    let advice = ["copied while it was open", "fheap backup"];
    on(&copy, "repair", &[]).ends(5).complains(&advice);
    on(&copy, "repair", &["--accept-loss"])
        .ends(5)
        .complains(&advice)
        .complains(&["is empty", "--leave-empty"]);
    assert!(seen() == before, "it was left as it is");
    // Beside its logs it is whole.
    copy_with_logs(&living, &copy);
    on(&copy, "repair", &["--accept-loss"]).ends(0).says(&["nothing to mend"]);
    on(&copy, "ls", &[]).ends(0).says(&["all"]);
    fs::copy(&living, &copy).unwrap();
    for end in ["-log0", "-log1"] {
        let _ = fs::remove_file(with_end(&copy, end));
    }
    on(&copy, "repair", &["--accept-loss", "--leave-empty"])
        .ends(0)
        .says(&["given up", "transaction 0"]);
    assert_eq!(on(&copy, "ls", &["--json"]).ends(0).json()["names"], serde_json::json!([]));
}

#[test]
fn a_log_damaged_in_the_middle_is_found_and_given_up_only_on_demand() {
    let scratch = Scratch::new("damaged-log");
    let heap = unclean(&scratch);
    let log = ["-log0", "-log1"].map(|end| with_end(&heap, end));
    let log = log.iter().find(|log| log.exists()).expect("it was killed");
    damage(log, 4096 + 60, &[0xff; 8]);
    on(&heap, "ls", &[]).ends(5).complains(&["damaged"]);
    on(&heap, "repair", &[]).ends(5).complains(&["--accept-loss"]);
    let told = on(&heap, "repair", &["--accept-loss", "--json"]).ends(0).json();
    assert!(!told["lost"].as_array().unwrap().is_empty());
    assert!(told["check"]["clean"].as_bool().unwrap());
}

#[test]
fn check_finds_and_repair_mends_a_superblock() {
    let scratch = Scratch::new("superblock");
    let heap = sample(&scratch);
    damage(&heap, 4096 + 40, &[0xaa; 16]);
    on(&heap, "check", &[]).ends(1).says(&["superblock", "1 defect;"]);
    let told = on(&heap, "check", &["--json"]).ends(1).json();
    assert_eq!(told["findings"][0]["part"], "superblock");
    on(&heap, "repair", &[]).ends(0).says(&["mended", "superblock copy 1", "no defects"]);
    on(&heap, "repair", &[]).ends(0).says(&["nothing to mend"]);
}

#[test]
fn a_damaged_page_map_is_a_finding_and_no_crash() {
    let scratch = Scratch::new("page-map");
    let heap = sample(&scratch);
    damage(&heap, 73_728 + 8 * 80, &[0xff; 64]);
    on(&heap, "check", &[]).ends(1).says(&["space"]);
    for name in ["stat", "map", "ls"] {
        on(&heap, name, &[]).ends(0);
    }
}

/// A heap with one object of R's whose serialization is `blob`, and one sound name.
fn with_object(scratch: &Scratch, name: &str, blob: &[u8]) -> std::path::PathBuf {
    let path = scratch.file(name);
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let cell = object(&txn, 0, &[], blob);
    bind(&mut txn, "bad", KIND_R, 1, cell);
    let at = put(&txn, b"sound");
    bind(&mut txn, "good", 0, 0, (at, 5));
    txn.commit().unwrap();
    heap.close().unwrap();
    path
}

#[test]
fn objects_that_make_no_sense_hide_no_others() {
    let scratch = Scratch::new("objects");
    let whole = fs::read(data("list.rserial")).unwrap();
    let mut huge = whole[..23].to_vec();
    huge.extend([0, 0, 0, 14, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let mut deep = whole[..23].to_vec();
    (0..5000).for_each(|_| deep.extend([0, 0, 0, 19, 0, 0, 0, 1]));
    let blobs: [&[u8]; 5] = [b"", b"A\n12", &whole[..whole.len() / 2], &huge, &deep];
    for (index, blob) in blobs.iter().enumerate() {
        let heap = with_object(&scratch, &format!("{index}.heap"), blob);
        on(&heap, "ls", &[]).ends(0).says(&["cannot be read", "good"]);
        on(&heap, "get", &["bad"]).ends(5);
        on(&heap, "dump", &[]).ends(1).says(&["sound"]);
        on(&heap, "map", &[]).ends(0);
    }
}

#[test]
fn every_cut_of_an_object_is_an_error_or_a_value() {
    let scratch = Scratch::new("cuts");
    let whole = fs::read(data("frame.rserial")).unwrap();
    for cut in (0..whole.len()).step_by(37) {
        let heap = with_object(&scratch, &format!("{cut}.heap"), &whole[..cut]);
        on(&heap, "get", &["bad", "--json"]).ends(5);
    }
}

#[test]
fn records_are_held_against_the_bytes_they_have() {
    let scratch = Scratch::new("records");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    record(&mut txn, 14, 1 << 40, &[0; 64], 0);
    record(&mut txn, 99, 1, &[0; 64], 0);
    record(&mut txn, 19, 1 << 61, &[0; 64], 0);
    let mut view = vec![0; 64];
    (view[0], view[8], view[16]) = (200, 7, 1); // a long text in a buffer that is not there
    record(&mut txn, 16, 1, &view, 0);
    record(&mut txn, 16, 1, &[0; 64], u64::MAX - 15);
    txn.commit().unwrap();
    heap.close().unwrap();
    for (id, code) in [("#1", 5), ("#2", 2), ("#3", 5), ("#4", 5), ("#5", 5)] {
        on(&path, "get", &[id]).ends(code);
    }
    on(&path, "ls", &["-v"]).ends(0).says(&["type 99"]);
}

#[test]
fn names_cannot_steer_the_terminal() {
    let scratch = Scratch::new("steer");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = put(&txn, b"\x1b[2Jbytes");
    bind(&mut txn, "\x1b[2Jname\nnext", 0, 0, (at, 9));
    txn.commit().unwrap();
    heap.close().unwrap();
    for name in ["ls", "dump", "map"] {
        let seen = on(&path, name, &[]).ends(0).says(&["\\u{1b}[2Jname\\nnext"]);
        assert!(!seen.out.contains('\x1b'), "{name}");
    }
}

/// Runs the command as somebody who may not write: root may, so it gives that up.
fn as_a_reader(scratch: &Scratch, name: &str, rest: &[&str]) -> Ran {
    use std::os::unix::process::CommandExt;
    // The folder of the program may be closed to others.
    let program = scratch.file("fheap");
    if !program.exists() {
        // Not by this process: a child of another test would have the copy open for writing, and
        // then nobody can run it.
        let mut copy = std::process::Command::new("cp");
        assert!(copy.arg(env!("CARGO_BIN_EXE_fheap")).arg(&program).status().unwrap().success());
    }
    let heap = scratch.file("shut/a.heap");
    let mut command = std::process::Command::new(program);
    command.arg(name).arg(&heap).args(rest);
    if fs::metadata(&heap).unwrap().uid() == 0 {
        command.gid(65534).uid(65534);
    }
    Ran::of(command.output().unwrap())
}

#[test]
fn who_may_only_read_can_look_and_make_backups() {
    let (scratch, other) = (Scratch::new("reader"), Scratch::new("reader-unclean"));
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["shut", "open"] {
        fs::create_dir(scratch.file(name)).unwrap();
    }
    let heap = scratch.file("shut/a.heap");
    for (number, from) in [sample(&scratch), unclean(&other)].iter().enumerate() {
        copy_with_logs(from, &heap);
        for end in ["", "-log0", "-log1"] {
            let part = with_end(&heap, end);
            if part.exists() {
                mode(&part, 0o444);
            }
        }
        mode(&scratch.file("open"), 0o777);
        mode(&scratch.file("shut"), 0o555);
        mode(&scratch.0, 0o755);
        for (name, rest) in READERS {
            let ran = as_a_reader(&scratch, name, rest).ends(0);
            assert_eq!(ran.err, "", "{name}");
        }
        let to = |name: &str| scratch.file(&format!("open/{number}{name}"));
        as_a_reader(&scratch, "export", &["plain", to(".bin").to_str().unwrap()]).ends(0);
        assert_eq!(fs::read(to(".bin")).unwrap(), b"plain bytes");
        let copy = to(".heap");
        as_a_reader(&scratch, "backup", &[copy.to_str().unwrap()]).ends(0);
        on(&copy, "check", &[]).ends(0);
        let dump = |heap: &Path| on(heap, "dump", &["--json"]).ends(0).out;
        assert_eq!(dump(&copy), dump(from));
        for (name, rest) in [("trim", &[][..]), ("compact", &[]), ("repair", &[])] {
            as_a_reader(&scratch, name, rest).ends(6).complains(&["a.heap", "Permission denied"]);
        }
        as_a_reader(&scratch, "import", &["x", &data("i8.npy")]).ends(6);
        let beside = scratch.file("shut/b.heap");
        as_a_reader(&scratch, "backup", &[beside.to_str().unwrap()]).ends(6);
        mode(&scratch.file("shut"), 0o755);
        fs::remove_file(&heap).unwrap();
    }
}
