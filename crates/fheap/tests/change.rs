//! Commands that change or copy: heaps, files beside them, arrays in and out.

mod common;

use std::fs;
use std::process::Command;

use common::*;
use fileheap_core::{Heap, Options};
use serde_json::{Value, json};

/// Imports a file under the name `x` into a new heap, and gets it back as JSON.
fn imported(scratch: &Scratch, file: &str) -> Value {
    let heap = scratch.file(&format!("{}.heap", file.rsplit('/').next().unwrap()));
    on(&heap, "import", &["x", file, "--create"]).ends(0);
    on(&heap, "check", &[]).ends(0);
    on(&heap, "get", &["x", "--json"]).ends(0).json()
}

#[test]
fn arrays_of_numpy_come_in() {
    let scratch = Scratch::new("npy-in");
    let matrix = json!([0.0, 4.0, 8.0, 1.0, 5.0, 9.0, 2.0, 6.0, 10.0, 3.0, 7.0, 11.0]);
    let cases = [
        ("f8_c", "double", matrix.clone()),
        ("f8_fortran", "double", matrix),
        ("f4_big_endian", "double", json!([1.5, -2.25, "Inf"])),
        ("i8", "integer", json!([1, -2, 3])),
        ("i8_large", "double", json!([1_099_511_627_776.0, -1.0])),
        ("bool", "logical", json!([true, false, true])),
        ("c16", "complex", json!([[1.0, 2.0], [0.0, -1.0]])),
        ("u1", "raw", json!([0, 127, 255])),
        ("text", "character", json!(["a", "grüße", "longer than twelve bytes"])),
        ("bytes", "character", json!(["ab", "c"])),
    ];
    for (name, kind, values) in cases {
        let found = imported(&scratch, &data(&format!("{name}.npy")));
        let complex_zero = name == "c16";
        assert_eq!(found["type"], kind, "{name}");
        if complex_zero {
            // numpy's -1j has a real part of -0.0.
            assert_eq!(found["values"][0], values[0]);
            assert_eq!(found["values"][1][1], values[1][1]);
        } else {
            assert_eq!(found["values"], values, "{name}");
        }
        if name.starts_with("f8") {
            assert_eq!(found["attributes"]["dim"], json!([3, 4]));
        }
    }
    let cube = imported(&scratch, &data("i2_3d.npy"));
    assert_eq!(cube["attributes"]["dim"], json!([2, 3, 4]));
    let first: Vec<_> = cube["values"].as_array().unwrap()[..4].to_vec();
    assert_eq!(first, [0, 12, 4, 16], "the first extent varies fastest");
}

#[test]
fn arrays_go_out_as_numpy_writes_them() {
    let scratch = Scratch::new("npy-out");
    // What numpy itself writes of these, byte for byte.
    for name in ["f8_fortran", "bool", "u1", "text", "c16"] {
        let (from, heap) = (data(&format!("{name}.npy")), scratch.file(&format!("{name}.heap")));
        on(&heap, "import", &["x", &from, "--create"]).ends(0);
        let to = scratch.file(&format!("{name}.npy"));
        on(&heap, "export", &["x", to.to_str().unwrap()]).ends(0);
        assert_eq!(fs::read(&to).unwrap(), fs::read(&from).unwrap(), "{name}");
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let scratch = Scratch::new("npy-bad");
    let heap = scratch.file("a.heap");
    let import = |file: &str| on(&heap, "import", &["x", file, "--create"]);
    import(&data("i8_too_large.npy")).ends(2).complains(&["2^53", "i8_too_large.npy"]);
    import(&data("records.npy")).ends(2);
    let whole = fs::read(data("f8_c.npy")).unwrap();
    let cut = scratch.file("cut.npy");
    for length in (0..whole.len()).step_by(11) {
        fs::write(&cut, &whole[..length]).unwrap();
        import(cut.to_str().unwrap()).ends(2);
    }
    assert!(!heap.exists(), "nothing is made for what cannot be read");
    on(&heap, "import", &["x", "/dev/zero", "-f", "npy"]).ends(2).complains(&["a device"]);
    on(&heap, "import", &["x", &data("i8.npy")]).ends(3).complains(&["No such file"]);
    on(&heap, "import", &["x", &data("i8.npy"), "--create"]).ends(0);
    on(&heap, "import", &["x", &data("i8.npy")]).ends(2).complains(&[
        "bound already",
        "a.heap",
        "another name",
    ]);
    on(&heap, "check", &[]).ends(0);
}

/// A .npy file of version 1.
fn npy(scratch: &Scratch, descr: &str, shape: &str, data: &[u8]) -> String {
    let file = scratch.file("made.npy");
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn arrays_of_odd_shapes_and_letters_are_taken_or_refused() {
    let scratch = Scratch::new("npy-odd");
    let heap = scratch.file("a.heap");
    let import = |descr: &str, shape: &str, data: &[u8]| {
        let file = npy(&scratch, descr, shape, data);
        on(&heap, "import", &["x", &file, "--create"])
    };
    import("<f8", "0, 4000000000000000000", b"").ends(2).complains(&["31 bits"]);
    import("<f8", &"1,".repeat(65), &[0; 8]).ends(2).complains(&["header"]);
    import("|S2", "2", b"a\0\xff\xfe").ends(2).complains(&["element 1", "Unicode"]);
    import("<U1", "1", &0xd800_u32.to_le_bytes()).ends(2).complains(&["element 0"]);
    import("|S3", "1", b"a\0b").ends(2).complains(&["zero byte"]);
    assert!(!heap.exists(), "nothing is made for what R could not have");
    import("<f8", "0, 2147483647", b"").ends(0);
    let text = on(&heap, "get", &["x"]).ends(0).says(&["2147483627 more columns"]).out;
    assert!(text.len() < 1000);
    on(&heap, "get", &["x", "-f", "csv"]).ends(2).complains(&["columns"]);
}

#[test]
fn half_numbers_come_in() {
    let scratch = Scratch::new("npy-half");
    let words: [u16; 7] = [0x3c00, 0xc000, 0x0200, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
    let data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let found = imported(&scratch, &npy(&scratch, "<f2", "7,", &data));
    let small = 2_f64.powi(-15);
    assert_eq!(found["values"], json!([1.0, -2.0, small, 65504.0, "Inf", "-Inf", "NaN"]));
}

#[test]
fn texts_that_r_cannot_have_are_refused() {
    let scratch = Scratch::new("csv-zero");
    let (file, heap) = (scratch.file("in.csv"), scratch.file("a.heap"));
    for text in ["a\nx\0y\n", "a\0b\n1\n"] {
        fs::write(&file, text).unwrap();
        let ran = on(&heap, "import", &["t", file.to_str().unwrap(), "--create"]);
        ran.ends(2).complains(&["zero byte", "in.csv"]);
    }
}

/// What a table is as JSON, and as CSV, from a heap of its own.
fn table(scratch: &Scratch, name: &str, csv: &str) -> (Value, String) {
    let (file, heap) =
        (scratch.file(&format!("{name}.csv")), scratch.file(&format!("{name}.heap")));
    fs::write(&file, csv).unwrap();
    on(&heap, "import", &["t", file.to_str().unwrap(), "--create"]).ends(0);
    on(&heap, "check", &[]).ends(0);
    let value = on(&heap, "get", &["t", "--json"]).ends(0).json();
    (value, on(&heap, "get", &["t", "-f", "csv"]).ends(0).out)
}

#[test]
fn tables_come_in_and_go_out_as_they_were() {
    let scratch = Scratch::new("csv");
    let text = "n,x,ok,word,\"a \"\"b\"\"\"\n1,1.5,TRUE,one,\n-2,NA,FALSE,\"two, with a comma\",\n\
                NA,1e300,NA,NA,\n";
    let (value, out) = table(&scratch, "in", text);
    let columns = json!({
        "n": [1, -2, null], "x": [1.5, null, 1e300], "ok": [true, false, null],
        "word": ["one", "two, with a comma", null], "a \"b\"": [null, null, null],
    });
    assert_eq!(value["columns"], columns);
    let expected = "n,x,ok,word,\"a \"\"b\"\"\"\n1,1.5,TRUE,\"one\",NA\n\
                    -2,NA,FALSE,\"two, with a comma\",NA\nNA,1e300,NA,NA,NA\n";
    assert_eq!(out, expected);
    let again = table(&scratch, "again", &out);
    assert_eq!((&again.0, &again.1), (&value, &out));
}

#[test]
fn texts_that_look_like_something_else_stay_texts() {
    let scratch = Scratch::new("csv-texts");
    let text = "t,u,d,i,\"\",l\r\n\"NA\",\"1\",-0,7,\"x\",T\r\n\"\",NA,NaN,NA,\"line\nbreak\",\r\n\
                NA,\"2\",-Inf,,\"\"\"\",F\r\n,\"TRUE\",NA,3000000000,plain,NA";
    let (value, out) = table(&scratch, "in", text);
    let columns = json!({
        "t": ["NA", "", null, null], "u": ["1", null, "2", "TRUE"],
        "d": [-0.0, "NaN", "-Inf", null], "i": [7.0, null, null, 3_000_000_000.0],
        "": ["x", "line\nbreak", "\"", "plain"], "l": [true, null, false, null],
    });
    assert_eq!(value["columns"], columns);
    let expected = "t,u,d,i,\"\",l\n\"NA\",\"1\",-0,7,\"x\",TRUE\n\
                    \"\",NA,NaN,NA,\"line\nbreak\",NA\n\
                    NA,\"2\",-Inf,NA,\"\"\"\",FALSE\nNA,\"TRUE\",NA,3000000000,\"plain\",NA\n";
    assert_eq!(out, expected);
    assert_eq!(table(&scratch, "again", &out), (value, out));
    // Zeros are -0 only where they were: a column of nothing else is one of doubles, too.
    let (zeros, _) = table(&scratch, "zeros", "z\n-0\n0\n");
    assert_eq!(zeros["columns"].to_string(), r#"{"z":[-0.0,0.0]}"#);
    // Digits are kept; a quote may be the last byte.
    let ids = "id,big,q\n9007199254740993,1e20,x\n7,123,\"\"";
    let (kept, _) = table(&scratch, "ids", ids);
    let columns = json!({ "id": ["9007199254740993", "7"], "big": [1e20, 123.0], "q": ["x", ""] });
    assert_eq!(kept["columns"], columns);
    let (kept, out) = table(&scratch, "exact", "n\n9007199254740992\n-12345678900000\n");
    assert_eq!(kept["columns"], json!({ "n": [9_007_199_254_740_992.0, -12_345_678_900_000.0] }));
    assert_eq!(out, "n\n9007199254740992\n-12345678900000\n");
    // Bytes are no numbers as they are shown: 10 is sixteen.
    let heap = scratch.file("bytes.heap");
    on(&heap, "import", &["x", &data("u1.npy"), "--create"]).ends(0);
    assert_eq!(
        on(&heap, "get", &["x", "-f", "csv"]).ends(0).out,
        "value\n\"00\"\n\"7f\"\n\"ff\"\n"
    );
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    let scratch = Scratch::new("csv-bad");
    let (file, heap) = (scratch.file("bad.csv"), scratch.file("a.heap"));
    let cases: [(&[u8], &[&str]); 7] = [
        (b"a\r\n1\r\n\"2\r\n3\r\n", &["line 3 of", "never ends"]),
        (b"a,b\n1,\"2\n", &["line 2 of", "never ends"]),
        (b"a,b\n1,\"two \"\"", &["line 2 of", "never ends"]),
        (b"a,b\n1,2\n1\n", &["line 3 of", "1 fields, under 2 headings"]),
        (b"a,b\n1,2,3\n", &["line 2 of", "3 fields"]),
        (b"a\n\"x\n\ny\"\n1,2\n", &["line 5 of", "2 fields"]),
        (b"a\n1\n\xff\n", &["line 3 of", "UTF-8"]),
    ];
    for (bytes, parts) in cases {
        fs::write(&file, bytes).unwrap();
        let ran = on(&heap, "import", &["t", file.to_str().unwrap(), "--create"]).ends(2);
        ran.complains(parts).complains(&["bad.csv"]);
    }
    assert!(!heap.exists());
}

#[test]
fn columns_of_one_name_are_all_told() {
    let scratch = Scratch::new("csv-twice");
    let (value, out) = table(&scratch, "in", "a,b,a\n1,2,3\n4,5,6\n");
    assert_eq!(value["names"], json!(["a", "b", "a"]));
    assert_eq!(value["columns"], json!([[1, 4], [2, 5], [3, 6]]));
    assert_eq!(out, "a,b,a\n1,2,3\n4,5,6\n");
    assert_eq!(table(&scratch, "distinct", "a,b\n1,2\n").0.get("names"), None);
}

#[test]
fn export_replaces_only_when_told() {
    let scratch = Scratch::new("export");
    let heap = sample(&scratch);
    let file = scratch.file("frame.csv");
    let path = file.to_str().unwrap();
    on(&heap, "export", &["frame", path]).ends(0).says(&["frame.csv"]);
    let first = fs::read(&file).unwrap();
    assert!(first.starts_with(b"a,b,s,f\n"));
    on(&heap, "export", &["plain", path, "-f", "raw"]).ends(2).complains(&["--force"]);
    assert_eq!(fs::read(&file).unwrap(), first);
    on(&heap, "export", &["plain", path, "-f", "csv", "--force"]).ends(2);
    assert_eq!(fs::read(&file).unwrap(), first, "a failure leaves the file as it was");
    on(&heap, "export", &["plain", path, "-f", "raw", "--force"]).ends(0);
    assert_eq!(fs::read(&file).unwrap(), b"plain bytes");
    on(&heap, "export", &["plain", scratch.file("x.odt").to_str().unwrap()]).ends(2);
    let script = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} export {} @16+100000 {}",
        env!("CARGO_BIN_EXE_fheap"),
        heap.display(),
        scratch.file("large.bin").display()
    );
    let full = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    Ran::of(full).ends(8).complains(&["cannot write", "large.bin"]);
    let left: Vec<_> = fs::read_dir(&scratch.0).unwrap().flatten().collect();
    assert!(left.iter().all(|it| !it.file_name().to_string_lossy().contains("partial")));
}

#[test]
fn results_replace_no_heap_and_no_device() {
    let scratch = Scratch::new("replace");
    let heap = sample(&scratch);
    let before = on(&heap, "dump", &["--json"]).ends(0).out;
    let path = heap.to_str().unwrap();
    for option in ["--svg", "--html"] {
        on(&heap, "map", &[option, path]).ends(2).complains(&["exists", "--force"]);
        on(&heap, "map", &[option, path, "--force"]).ends(2).complains(&["is a heap"]);
        on(&heap, "map", &[option, "/dev/null", "--force"]).ends(2).complains(&["regular file"]);
    }
    on(&heap, "export", &["frame", path, "-f", "csv", "--force"]).ends(2).complains(&["is a heap"]);
    assert_eq!(on(&heap, "dump", &["--json"]).ends(0).out, before);
    let (file, link) = (scratch.file("real.csv"), scratch.file("link.csv"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    on(&heap, "export", &["frame", link.to_str().unwrap(), "--force"]).ends(0);
    assert!(link.is_symlink() && fs::read(&file).unwrap().starts_with(b"a,b,s,f\n"));
}

#[test]
fn backup_compact_and_trim_keep_what_is_there() {
    let scratch = Scratch::new("copies");
    let heap = sample(&scratch);
    let before = on(&heap, "dump", &["--json"]).ends(0).out;
    let copy = scratch.file("copy.heap");
    on(&heap, "backup", &[copy.to_str().unwrap()]).ends(0).says(&["transaction"]);
    on(&heap, "backup", &[copy.to_str().unwrap()]).ends(2).complains(&["exists"]);
    assert_eq!(on(&copy, "dump", &["--json"]).ends(0).out, before);
    let trimmed = on(&heap, "trim", &["--json"]).ends(0).json();
    assert!(
        trimmed["cut_bytes"].as_u64().unwrap() + trimmed["punched_bytes"].as_u64().unwrap() > 0
    );
    on(&heap, "compact", &[]).ends(0).says(&["on disk"]);
    on(&heap, "compact", &["--json"]).ends(0).json();
    assert_eq!(on(&heap, "dump", &["--json"]).ends(0).out, before);
    on(&heap, "check", &[]).ends(0);
    let open = Heap::open(&heap, &Options::new()).unwrap();
    on(&heap, "compact", &[]).ends(7).complains(&["open elsewhere", "close it"]);
    on(&heap, "repair", &[]).ends(7).complains(&["open elsewhere"]);
    drop(open);
}

/// A heap as the R package makes it in this mode: 1 persistent, 2 scratch.
fn of_r(path: &std::path::Path, mode: u32) -> Heap {
    let heap = Heap::create(path, &Options::new()).unwrap();
    let mut txn = heap.begin_write().unwrap();
    let mut face = b"RFACE001".to_vec();
    face.extend(mode.to_le_bytes());
    face.extend([1, 0, 0, 0]);
    face.resize(64, 0);
    let at = put(&txn, &face);
    txn.set_face_root(2, at);
    txn.commit().unwrap();
    heap
}

#[test]
fn gc_removes_orphans_and_nothing_else() {
    let scratch = Scratch::new("gc");
    let folder = scratch.file("heaps");
    let notes = scratch.file("tmp/fileheap-scratch-somebody");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&notes).unwrap();
    let file = |name: &str| folder.join(name);
    of_r(&file("orphan.heap"), 2).close().unwrap();
    of_r(&file("kept.heap"), 1).close().unwrap();
    let open = of_r(&file("open.heap"), 2);
    of_r(&scratch.file("noted.heap"), 2).close().unwrap();
    fs::write(notes.join("uuid"), scratch.file("noted.heap").to_str().unwrap()).unwrap();
    fs::write(file("text"), "FILEHEAP? no").unwrap();
    fs::write(file("somebody.partial-4194999"), "of another program").unwrap();
    fs::create_dir(file("folder.fheap-partial-4194999")).unwrap();
    let (left, linked) = (file("fheap-scratch-4194999"), file("fheap-scratch-4194998"));
    let used = file(&format!("fheap-scratch-{}", std::process::id()));
    for folder in [&left, &used] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("fill.heap"), "of a bench").unwrap();
    }
    std::os::unix::fs::symlink(&used, &linked).unwrap();
    // Anybody may write notes: such as never end, and such as point to what is no scratch heap.
    std::os::unix::fs::symlink("/dev/zero", notes.join("endless")).unwrap();
    assert!(Command::new("mkfifo").arg(notes.join("pipe")).status().unwrap().success());
    let named = scratch.file("mine.fheap-partial-4194999");
    fs::write(&named, "not in a folder that was named").unwrap();
    fs::write(notes.join("wrong"), named.to_str().unwrap()).unwrap();
    fs::write(file("b.csv.fheap-partial-4194999"), "half").unwrap();
    fs::write(file(&format!("c.csv.fheap-partial-{}", std::process::id())), "alive").unwrap();
    let gc = |rest: &[&str]| {
        let arguments = [&["gc", folder.to_str().unwrap()], rest].concat();
        let output = command(&arguments).env("TMPDIR", scratch.file("tmp")).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, listed) = gc(&["--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, listed.as_array().unwrap().len()), (1, 4), "{listed}");
    assert!(gc(&[]).1.contains("--force"));
    assert!(file("orphan.heap").exists() && scratch.file("noted.heap").exists());
    let (code, told) = gc(&["--force"]);
    assert_eq!(code, 0, "{told}");
    let gone =
        [file("orphan.heap"), scratch.file("noted.heap"), file("b.csv.fheap-partial-4194999")];
    assert!(gone.iter().all(|path| !path.exists()) && !left.exists());
    assert!(used.join("fill.heap").exists() && linked.exists());
    assert!(file("kept.heap").exists() && file("open.heap").exists() && file("text").exists());
    assert!(file(&format!("c.csv.fheap-partial-{}", std::process::id())).exists());
    assert!(file("somebody.partial-4194999").exists() && named.exists());
    assert_eq!(gc(&["--force"]), (0, "nothing to collect\n".to_owned()));
    open.close().unwrap();
}
