//! Commands that look: what they say of a sound heap, for people and as JSON.

mod common;

use std::fs;

use common::*;
use fileheap_core::{Heap, Options};
use serde_json::json;

#[test]
fn ls_names_roots_of_every_face() {
    let scratch = Scratch::new("ls");
    let heap = sample(&scratch);
    on(&heap, "ls", &[]).ends(0).says(&["data.frame 3 x 4", "list", "Library v1", "run"]);
    let all = on(&heap, "ls", &["--json", "--all", "--vectors"]).ends(0).json();
    let names: Vec<_> = all["names"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let expected = ["dates", "frame", "library", "list", "plain", "run", "shape:0000000000000abc"];
    assert_eq!(names, expected);
    assert_eq!(all["vectors"][0]["type"], "double");
    assert_eq!(all["vectors"][0]["length"], 3);
    let hidden = on(&heap, "ls", &["--json"]).json();
    assert_eq!(hidden["names"].as_array().unwrap().len(), expected.len() - 1);
    assert_eq!(on(&heap, "ls", &["li", "--json"]).json()["names"].as_array().unwrap().len(), 2);
}

#[test]
fn ls_knows_the_faces_by_their_kinds() {
    let scratch = Scratch::new("faces");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = put(&txn, b"something");
    // Those of fileheap.h, and one of a program's own.
    let kinds =
        [("cpp", 2_829_123, "C++"), ("fm", 0x006d_6166, "fmalloc"), ("own", 0x4c4f_474f, "LOGO")];
    kinds.iter().for_each(|&(name, kind, _)| bind(&mut txn, name, kind, 0, (at, 9)));
    txn.commit().unwrap();
    heap.close().unwrap();
    let told = on(&path, "ls", &["--json"]).ends(0).json();
    for (index, (name, _, face)) in kinds.iter().enumerate() {
        assert_eq!(
            (&told["names"][index]["name"], &told["names"][index]["face"]),
            (&json!(name), &json!(face))
        );
    }
}

#[test]
fn get_shows_a_data_frame_in_every_form() {
    let scratch = Scratch::new("frame");
    let heap = sample(&scratch);
    on(&heap, "get", &["frame"]).ends(0).says(&["<data.frame 3 x 4>", "yy", "NA"]);
    let csv = on(&heap, "get", &["frame", "--format", "csv"]).ends(0).out;
    assert_eq!(csv, "a,b,s,f\n1,1.5,\"x\",\"u\"\n2,NA,\"yy\",\"v\"\n3,2,NA,\"u\"\n");
    let value = on(&heap, "get", &["frame", "--json"]).ends(0).json();
    let columns = json!({
        "a": [1, 2, 3], "b": [1.5, null, 2.0], "s": ["x", "yy", null], "f": ["u", "v", "u"],
    });
    assert_eq!(value["columns"], columns);
    assert_eq!((&value["type"], &value["rows"]), (&json!("data.frame"), &json!(3)));
    let dates = on(&heap, "get", &["dates", "-f", "csv"]).ends(0).out;
    assert_eq!(
        dates,
        "day,when\n2024-02-28,1970-01-01T00:00:00Z\n2024-02-29,1969-12-31T23:59:59Z\n\
                       2024-03-01,NA\n"
    );
    let part = on(&heap, "get", &["frame$f", "--json"]).ends(0).json();
    assert_eq!(part["attributes"]["levels"], json!(["u", "v"]));
    on(&heap, "get", &["frame", "--format", "npy"]).ends(2).complains(&[
        "numpy",
        "frame",
        "name$part",
    ]);
    on(&heap, "get", &["frame$nothing"]).ends(3);
}

#[test]
fn long_texts_are_shown_in_time_that_follows_their_length() {
    let scratch = Scratch::new("long");
    let (heap, csv, file) = (scratch.file("a.heap"), scratch.file("a.csv"), scratch.file("a.txt"));
    let long = "acgt".repeat(8 << 20);
    fs::write(&csv, format!("s,n\n\"{long}\",1\nx,22\n")).unwrap();
    on(&heap, "import", &["--create", "frame", csv.to_str().unwrap()]).ends(0);
    let begun = std::time::Instant::now();
    let seen = on(&heap, "get", &["frame"]).ends(0).out;
    on(&heap, "export", &["frame", file.to_str().unwrap()]).ends(0);
    assert!(begun.elapsed().as_secs() < 60, "it took {:?}", begun.elapsed());
    // The others are aligned as if it were not there; and no colours go into a file.
    let expected = format!("<data.frame 2 x 2>\n   s   n\n1  {long}   1\n2  x  22\n");
    assert!(seen == expected && fs::read_to_string(&file).unwrap() == expected);
}

#[test]
fn get_shows_lists_and_what_r_packs_away() {
    let scratch = Scratch::new("list");
    let heap = sample(&scratch);
    let value = on(&heap, "get", &["list", "--json"]).ends(0).json();
    let parts = value["values"].as_array().unwrap();
    assert_eq!(parts.len(), 9);
    assert_eq!(parts[1]["values"], json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    assert_eq!(parts[4]["type"], "NULL");
    assert_eq!(parts[5]["values"][0]["values"], json!([[1.0, 2.0]]));
    assert_eq!(parts[5]["values"][1]["values"], json!([1, 2, 3]));
    assert_eq!(parts[6]["values"], json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    assert_eq!(parts[7]["type"], "language");
    assert_eq!(parts[8]["values"], json!(["1", "2", "3"]));
    on(&heap, "get", &["list"]).ends(0).says(&["[[6]]$z", "1+2i", "[[6]]$r", "language"]);
    on(&heap, "get", &["list", "-f", "csv"]).ends(2).complains(&["table", "json"]);
}

#[test]
fn get_finds_records_ranges_and_rust_roots() {
    let scratch = Scratch::new("targets");
    let heap = sample(&scratch);
    let record = on(&heap, "get", &["#1", "--json"]).ends(0).json();
    assert_eq!(record["values"], json!([1.5, null, "Inf"]));
    assert_eq!(on(&heap, "get", &["#1", "-f", "raw"]).ends(0).bytes.len(), 24);
    on(&heap, "get", &["library"]).ends(0).says(&["titles @0: Vec<u64>", "visits = 7"]);
    let library = on(&heap, "get", &["library", "--json"]).ends(0).json();
    assert_eq!(library["fields"][1]["value"], 7);
    assert_eq!(library["type"], "Library v1");
    on(&heap, "get", &["plain"]).ends(0).says(&["plain bytes"]);
    assert_eq!(on(&heap, "get", &["plain", "-f", "raw"]).ends(0).out, "plain bytes");
    assert_eq!(on(&heap, "get", &["@0x10000+8", "-f", "raw"]).ends(0).out, "HEAPHEAD");
    on(&heap, "get", &["#77"]).ends(3).complains(&["record 77"]);
    on(&heap, "get", &["none"]).ends(3).complains(&["\"none\"", "sample.heap", "fheap ls"]);
    on(&heap, "get", &["@64+99999999999"]).ends(2).complains(&["99999999999 bytes at 0x40"]);
}

#[test]
fn lists_and_texts_of_the_heap_are_followed() {
    let scratch = Scratch::new("views");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    // Three texts: short, missing, long; views, validity, marks, and a buffer with its head.
    let long = "longer than twelve bytes";
    let buffer = put(&txn, &[&40_u64.to_le_bytes()[..], &[0; 8], long.as_bytes()].concat());
    let table: Vec<u8> =
        [1, 1, buffer, 40].iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
    let table = put(&txn, &table);
    let mut payload = vec![0; 3 * 16 + 8 + 3];
    (payload[0], payload[4], payload[5]) = (2, b'a', b'b');
    payload[32] = long.len() as u8;
    payload[36..40].copy_from_slice(b"long");
    payload[44] = 16;
    payload[48] = 0b101;
    let texts = record(&mut txn, 16, 3, &payload, table);
    let blob = fs::read(data("frame.rserial")).unwrap();
    let (cell, _) = object(&txn, 0, &[], &blob);
    let slots: Vec<u8> = [cell, 0].iter().flat_map(|at| at.to_le_bytes()).collect();
    let list = record(&mut txn, 19, 2, &slots, 0);
    txn.commit().unwrap();
    heap.close().unwrap();
    let values = on(&path, "get", &[&format!("#{texts}"), "--json"]).ends(0).json();
    assert_eq!(values["values"], json!(["ab", null, long]));
    let list = on(&path, "get", &[&format!("#{list}"), "--json"]).ends(0).json();
    assert_eq!(list["values"][0]["type"], "data.frame");
    assert_eq!(list["values"][1]["type"], "NULL");
}

#[test]
fn references_as_the_r_package_writes_them_are_followed() {
    let scratch = Scratch::new("reference");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let numbers: Vec<u8> = (1..=12).flat_map(|number| f64::from(number).to_le_bytes()).collect();
    // matrix(as.double(1:12), 3, dimnames = list(letters[1:3], LETTERS[1:4])) was record 7.
    let ids: Vec<u64> = (0..7).map(|_| record(&mut txn, 14, 12, &numbers, 0)).collect();
    let blob = fs::read(data("reference.rserial")).unwrap();
    let cell = object(&txn, 7, &[7], &blob);
    bind(&mut txn, "m", KIND_R, 1, cell);
    txn.commit().unwrap();
    heap.close().unwrap();
    assert_eq!(ids[6], 7);
    on(&path, "ls", &[]).ends(0).says(&["double matrix 3 x 4"]);
    let csv = on(&path, "get", &["m", "-f", "csv"]).ends(0).out;
    assert_eq!(csv, "\"\",A,B,C,D\n\"a\",1,4,7,10\n\"b\",2,5,8,11\n\"c\",3,6,9,12\n");
    let map = on(&path, "map", &["--json"]).ends(0).json();
    let owners: Vec<_> = map["owners"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(owners.contains(&&json!("m")) && owners.contains(&&json!("#1")));
    let mut txn = Heap::open(&path, &Options::new()).unwrap().begin_write().unwrap();
    txn.catalog().records().remove(7).unwrap();
    txn.commit().unwrap();
    on(&path, "get", &["m"]).ends(3).complains(&["record 7"]);
    on(&path, "ls", &[]).ends(0).says(&["cannot be read"]);
}

#[test]
fn dump_prints_everything_with_a_name() {
    let scratch = Scratch::new("dump");
    let heap = sample(&scratch);
    on(&heap, "dump", &[]).ends(0).says(&["frame", "<list, 9>", "visits = 7", "plain bytes"]);
    let lines = on(&heap, "dump", &["--json"]).ends(0).out;
    let all: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all.len(), 6);
    assert_eq!(all[1]["value"]["rows"], 3);
}

#[test]
fn figures_agree_with_the_engine() {
    let scratch = Scratch::new("figures");
    let heap = sample(&scratch);
    on(&heap, "info", &[]).ends(0).says(&["closed cleanly", "format", "UTC"]);
    on(&heap, "stat", &[]).ends(0).says(&["fragmentation", "4.00 MiB"]);
    on(&heap, "check", &[]).ends(0).says(&["no defects"]);
    let open = Heap::open(&heap, &Options::new()).unwrap();
    let truth = open.stat().unwrap();
    let stat = on(&heap, "stat", &["--json"]).ends(0).json();
    assert_eq!(stat["live_bytes"], truth.alloc.live_bytes);
    assert_eq!(stat["names"], 7);
    let info = on(&heap, "info", &["--json"]).ends(0).json();
    assert_eq!(
        (&info["state"], &info["processes"]),
        (&json!("open"), &json!([std::process::id()]))
    );
    let map = on(&heap, "map", &["--json"]).ends(0).json();
    let regions = map["regions"].as_array().unwrap();
    let total: u64 = regions.iter().map(|it| it["bytes"].as_u64().unwrap()).sum();
    let live: u64 = regions.iter().map(|it| it["live_bytes"].as_u64().unwrap()).sum();
    assert_eq!((total, live), (truth.alloc.heap_bytes, truth.alloc.live_bytes));
}

#[test]
fn top_sees_commits_readers_and_writers_without_hindering_them() {
    let scratch = Scratch::new("top");
    let path = sample(&scratch);
    on(&path, "top", &["-n", "1"]).ends(0).says(&["commits/s"]);
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let before = on(&path, "top", &["-n", "1", "--json"]).ends(0).json();
    for _ in 0..3 {
        let txn = heap.begin_write().unwrap();
        put(&txn, b"what a commit is for");
        txn.commit().unwrap();
    }
    let read = heap.begin_read().unwrap();
    let look = on(&path, "top", &["-n", "1", "--json"]).ends(0).json();
    let commits = |look: &serde_json::Value| look["commits"].as_u64().unwrap();
    assert_eq!(commits(&look), commits(&before) + 3);
    assert_eq!(look["processes"][0]["pid"], std::process::id());
    assert_eq!(look["processes"][0]["snapshot"], read.number());
    assert_eq!(look["writer"], json!(null));
    drop(read);
    let _txn = heap.begin_write().unwrap();
    let look = on(&path, "top", &["-n", "1", "--json"]).ends(0).json();
    assert_eq!(look["writer"], std::process::id());
    let two = on(&path, "top", &["-n", "2", "--interval", "0.05", "--json"]).ends(0).out;
    assert_eq!(two.lines().count(), 2);
}

#[test]
fn readers_work_beside_an_open_transaction_and_on_read_only_files() {
    let scratch = Scratch::new("beside");
    let path = sample(&scratch);
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let at = put(&txn, b"new");
    bind(&mut txn, "new", 0, 0, (at, 3));
    for name in ["ls", "info", "stat", "check", "dump", "map"] {
        let seen = on(&path, name, &["--json"]).ends(0);
        assert!(!seen.out.contains("\"new\""), "{name} shows what is not committed");
    }
    txn.commit().unwrap();
    on(&path, "get", &["new", "-f", "raw"]).ends(0).says(&["new"]);
    heap.close().unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    for name in ["ls", "info", "stat", "check", "dump", "map"] {
        on(&path, name, &[]).ends(0);
    }
}

#[test]
fn colours_are_for_terminals_only() {
    let scratch = Scratch::new("colours");
    let heap = sample(&scratch);
    let svg = scratch.file("a.svg");
    for name in ["ls", "info", "stat", "check", "dump", "map", "top"] {
        let rest: &[&str] = if name == "top" { &["-n", "1"] } else { &[] };
        assert!(!on(&heap, name, rest).ends(0).out.contains('\x1b'), "{name} colours a pipe");
    }
    let forced = on(&heap, "map", &["--color", "always"]).ends(0).out;
    assert!(forced.contains("\x1b[") && forced.contains('█'));
    let plain = on(&heap, "map", &["--color", "never"]).ends(0).out;
    assert!(plain.is_ascii(), "letters do without colours");
    on(&heap, "map", &["--svg", svg.to_str().unwrap()]).ends(0);
    on(&heap, "map", &["--svg", svg.to_str().unwrap()]).ends(2).complains(&["exists"]);
    on(&heap, "map", &["--svg", svg.to_str().unwrap(), "--force"]).ends(0);
}

#[test]
fn pictures_are_well_formed_and_name_what_they_show() {
    let scratch = Scratch::new("pictures");
    let path = sample(&scratch);
    let heap = Heap::open(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let run = txn.alloc(2 << 20, 4096).unwrap();
    bind(&mut txn, "<a> & \"b\"\u{1}", 0, 0, (run, 2 << 20));
    txn.commit().unwrap();
    heap.close().unwrap();
    let (svg, html) = (scratch.file("a.svg"), scratch.file("a.html"));
    let files = ["--svg", svg.to_str().unwrap(), "--html", html.to_str().unwrap()];
    on(&path, "map", &files).ends(0);
    let text = fs::read_to_string(svg).unwrap();
    let picture = roxmltree::Document::parse(&text).unwrap();
    let texts: Vec<_> = picture.descendants().filter_map(|node| node.text()).collect();
    assert!(texts.contains(&"<a> & \"b\"\u{fffd}"), "{texts:?}");
    assert!(texts.contains(&"run") && texts.contains(&"sample.heap"));
    // The first row of tiles is full, however small the heap.
    let number = |node: &roxmltree::Node<'_, '_>, name| -> Option<f64> {
        node.attribute(name)?.parse().ok()
    };
    let right = picture.descendants().filter(|node| number(node, "y") == Some(92.0));
    let right = right.filter_map(|node| Some(number(&node, "x")? + number(&node, "width")?));
    assert_eq!(right.fold(0.0, f64::max).round(), 1010.0);
    let page = fs::read_to_string(html).unwrap();
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    roxmltree::Document::parse(body).unwrap();
    assert!(!body.contains("<script") && !body.contains("href="), "it needs no other file");
}

#[test]
fn numbers_of_any_size_are_taken_or_refused() {
    let scratch = Scratch::new("numbers");
    let heap = sample(&scratch);
    let most = usize::MAX.to_string();
    for name in ["get", "dump"] {
        let rest: &[&str] = if name == "get" { &["plain", "-n", &most] } else { &["-n", &most] };
        on(&heap, name, rest).ends(0).says(&["plain bytes"]);
    }
    on(&heap, "top", &["-n", "1", "-i", "inf"]).ends(0);
    for bad in ["nan", "soon"] {
        on(&heap, "top", &["-n", "1", "-i", bad]).ends(2).complains(&["number of seconds"]);
    }
    on(&heap, "top", &["-n", "0"]).ends(2);
    for option in ["--width", "--rows"] {
        on(&heap, "map", &[option, "1"]).ends(0);
        on(&heap, "map", &[option, "0"]).ends(2);
        on(&heap, "map", &[option, &most]).ends(2);
        on(&heap, "map", &[option, "1001"]).ends(2).complains(&["1..=1000"]);
    }
}

#[test]
fn a_limit_holds_for_bytes_as_json_too() {
    let scratch = Scratch::new("limit");
    let heap = sample(&scratch);
    let whole = on(&heap, "get", &["@0x40000+100", "--json"]).ends(0).json();
    let cut = on(&heap, "get", &["@0x40000+100", "--json", "-n", "2"]).ends(0).json();
    let hex = |value: &serde_json::Value| value["hex"].as_str().unwrap().to_owned();
    assert_eq!((hex(&whole).len(), hex(&cut).len()), (200, 64));
    assert_eq!((&cut["bytes"], &hex(&whole)[..64]), (&json!(100), &*hex(&cut)));
}

#[test]
fn arguments_that_make_no_sense_are_told_as_json_too() {
    let cases: [&[&str]; 3] = [&["ls", "--json"], &["--json", "dance"], &["--json", "top", "-n"]];
    for arguments in cases {
        let ran = fheap(arguments).ends(2);
        let told: serde_json::Value = serde_json::from_str(&ran.err).expect("one object of JSON");
        assert_eq!((&told["error"]["exit"], ran.out.as_str()), (&json!(2), ""));
    }
    fheap(&["ls"]).ends(2).complains(&["error: ", "Usage"]);
    fheap(&["ls", "--json", "--help"]).ends(0).says(&["Usage"]);
    fheap(&["ls", "--", "--json", "a", "b"]).ends(2).complains(&["error: "]);
}

#[test]
fn frames_of_lists_and_parts_of_seconds_are_shown() {
    let scratch = Scratch::new("odd");
    let path = scratch.file("a.heap");
    let heap = Heap::create(&path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    for name in ["odd", "times"] {
        let blob = fs::read(data(&format!("{name}.rserial"))).unwrap();
        let cell = object(&txn, 0, &[], &blob);
        bind(&mut txn, name, KIND_R, 1, cell);
    }
    txn.commit().unwrap();
    heap.close().unwrap();
    on(&path, "dump", &[]).ends(0).says(&["<data.frame 3 x 2>", "$b[[2]] <integer, 2>"]);
    on(&path, "get", &["odd", "-f", "csv"]).ends(2).complains(&["column \"b\""]);
    let csv = on(&path, "get", &["times", "-f", "csv"]).ends(0).out;
    let times = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01.5Z", "2023-11-14T22:13:20.1Z"];
    assert_eq!(csv, format!("when\n{}\n", times.join("\n")));
}
