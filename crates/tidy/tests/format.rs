//! docs/FORMAT.md against the code: every field of every struct on disk, and the constants.

use std::mem::offset_of;

use fileheap_core::format::*;
use fileheap_tidy::table::{self, Section};
use fileheap_tidy::tree;

/// A struct as the code has it: number, name, bytes, fields by offset.
struct Layout {
    section: &'static str,
    bytes: usize,
    fields: Vec<(usize, String, &'static str)>,
}

/// Offsets and types of fields. A field left out makes a gap, which the test finds.
macro_rules! layout {
    ($section:literal, $name:ty { $($field:ident: $type:ty),* $(,)? }) => {
        Layout {
            section: $section,
            bytes: size_of::<$name>(),
            fields: vec![$({
                // Does not compile if the field has another type.
                let _: fn(&$name) -> &$type = |value| &value.$field;
                (offset_of!($name, $field), type_text::<$type>(), stringify!($field))
            }),*],
        }
    };
}

/// A type as FORMAT.md writes it.
fn type_text<T>() -> String {
    let name = std::any::type_name::<T>();
    let mut text = String::new();
    for part in name.split_inclusive(['[', ';', ']', ' ']) {
        text.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    text.replace("AtomicU64", "u64").replace("AtomicU32", "u32")
}

fn layouts() -> Vec<Layout> {
    let mut all = of_the_heap();
    all.extend(of_logs_and_processes());
    all.extend(of_the_catalog());
    all
}

fn of_the_heap() -> Vec<Layout> {
    vec![
        layout!(
            "F1 Superblock",
            Superblock {
                magic: [u8; 8],
                version: u32,
                byte_order: u32,
                page_bytes: u32,
                pointer_bytes: u32,
                uuid: [u8; 16],
                base: u64,
                limit_bytes: u64,
                created_unix_s: u64,
                sequence: u64,
                checkpoint_txn: u64,
                file_bytes: u64,
                log_generation: u64,
                flags: u32,
                crc: u32,
            }
        ),
        layout!(
            "F2 Header",
            Header {
                magic: [u8; 8],
                page_count: u64,
                directory_offset: u64,
                directory_capacity: u64,
                names_root: u64,
                names_count: u64,
                records_root: u64,
                records_count: u64,
                next_record: u64,
                bitmap_run: u64,
                bitmap_used: u64,
                bitmap_free: u64,
                face_roots: [u64; 8],
            }
        ),
    ]
}

fn of_logs_and_processes() -> Vec<Layout> {
    use std::sync::atomic::{AtomicU32, AtomicU64};
    vec![
        layout!(
            "F4 Log header",
            LogHeader {
                magic: [u8; 8],
                uuid: [u8; 16],
                generation: u64,
                after_txn: u64,
                salt: u64,
                reserved: u32,
                crc: u32,
            }
        ),
        layout!(
            "F5 Frame",
            FrameHeader {
                crc: u32,
                flags: u32,
                salt: u64,
                txn: u64,
                durable_txn: u64,
                frame_bytes: u64,
                record_count: u32,
                head_crc: u32,
            }
        ),
        layout!("F6 Record", Record { offset: u64, span: u64 }),
        layout!("F7 Slot", Slot { snapshot: AtomicU64, keep: AtomicU64, pid: AtomicU32 }),
        layout!(
            "F8 Bulletin",
            Bulletin {
                published_txn: AtomicU64,
                durable_txn: AtomicU64,
                checkpoint_txn: AtomicU64,
                floor_txn: AtomicU64,
                log_generation: AtomicU64,
                commit_count: AtomicU64,
                writer: AtomicU32,
                log_unsettled: AtomicU32,
                slot_high: AtomicU32,
                poisoned: AtomicU32,
                slots: [Slot; SLOT_COUNT],
            }
        ),
    ]
}

fn of_the_catalog() -> Vec<Layout> {
    vec![
        layout!("F9 Tree slot", TreeSlot { root: u64, count: u64 }),
        layout!("F10 Node head", NodeHead { tag: [u8; 4], level: u16, count: u16, reserved: u64 }),
        layout!(
            "F11 Leaf",
            LeafNode { head: NodeHead, keys: [u64; LEAF_ENTRIES], values: [u64; LEAF_ENTRIES] }
        ),
        layout!(
            "F12 Inner node",
            InnerNode {
                head: NodeHead,
                keys: [u64; INNER_ENTRIES],
                values: [u64; INNER_ENTRIES],
                children: [u64; INNER_ENTRIES + 1],
            }
        ),
        layout!(
            "F13 Name",
            NameCell {
                tag: [u8; 4],
                name_bytes: u32,
                kind: u32,
                flags: u32,
                fingerprint: u64,
                offset: u64,
                bytes: u64,
                reserved: u64,
            }
        ),
        layout!(
            "F14 Vector record",
            VectorRecord {
                id: u64,
                generation: u64,
                state: u32,
                element: u32,
                length: u64,
                payload_offset: u64,
                payload_bytes: u64,
                flags: u64,
                extra: [u64; 2],
                reserved: [u64; 3],
            }
        ),
    ]
}

fn written() -> Vec<Section> {
    table::sections(&tree::file("docs/FORMAT.md"))
}

#[test]
fn the_tables_say_what_the_structs_are() {
    let sections = written();
    for layout in layouts() {
        let rows = &table::section(&sections, layout.section).rows;
        let said: Vec<_> = rows.iter().map(|row| row[..3].to_vec()).collect();
        let is = layout.fields.iter();
        let is: Vec<_> =
            is.map(|(at, kind, name)| vec![at.to_string(), kind.clone(), (*name).into()]).collect();
        assert_eq!(said, is, "{}: left FORMAT.md, right the code", layout.section);
    }
}

/// Bytes that the document calls reserved at the end of a struct, or between two fields.
const RESERVED: [(&str, usize); 2] = [("F7 Slot", 44), ("F8 Bulletin", 4032)];

#[test]
fn the_fields_listed_fill_their_structs() {
    for layout in layouts() {
        let fields: usize = layout.fields.iter().map(|(_, kind, _)| bytes_of(kind)).sum();
        let reserved = RESERVED.iter().find(|(section, _)| *section == layout.section);
        // What is left over fills the struct up to its alignment.
        let rest = layout.bytes - fields - reserved.map_or(0, |(_, bytes)| *bytes);
        let expected = match layout.section {
            "F12 Inner node" => NODE_BYTES as usize - (16 + INNER_ENTRIES * 24 + 8),
            _ => 0,
        };
        assert_eq!(rest, expected, "{}: a field is missing", layout.section);
    }
}

fn bytes_of(kind: &str) -> usize {
    let scalar = |name: &str| match name {
        "u8" => 1,
        "u16" => 2,
        "u32" => 4,
        "u64" => 8,
        "NodeHead" => size_of::<NodeHead>(),
        "Slot" => size_of::<Slot>(),
        other => panic!("no such type in the format: {other}"),
    };
    match kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        None => scalar(kind),
        Some(array) => {
            let (name, count) = array.split_once("; ").expect("an array has a length");
            scalar(name) * count.parse::<usize>().expect("a length is a number")
        }
    }
}

#[test]
fn every_struct_on_disk_has_a_section() {
    let known: Vec<&str> =
        layouts().iter().map(|layout| layout.section.split(' ').next().unwrap_or("")).collect();
    let mut cited = Vec::new();
    for file in tree::files(".rs") {
        if !file.path.starts_with("crates/fileheap-core/src/format/") {
            continue;
        }
        for line in file.text.lines() {
            let number = line.trim().strip_prefix("/// F").and_then(|rest| rest.split_once(':'));
            if let Some((number, _)) = number.filter(|(n, _)| n.parse::<u32>().is_ok()) {
                cited.push(format!("F{number}"));
            }
        }
    }
    for number in &cited {
        assert!(number == "F3" || known.contains(&number.as_str()), "{number} is not held");
    }
    let sections = written();
    for number in cited {
        assert!(!table::section(&sections, &number).heading.is_empty());
    }
}

#[test]
fn the_constants_are_as_written() {
    let sections = written();
    let is = [
        ("PAGE_BYTES", PAGE_BYTES),
        ("PREAMBLE_BYTES", PREAMBLE_BYTES),
        ("HEADER_OFFSET", HEADER_OFFSET),
        ("CHUNK_PAGES", CHUNK_PAGES),
        ("CHUNK_MAP_PAGES", CHUNK_MAP_PAGES),
        ("ZONE_PAGES", ZONE_PAGES),
        ("GRANULE_BYTES", GRANULE_BYTES),
        ("ZONE_GRANULES", ZONE_GRANULES),
        ("CELL_MAX_BYTES", CELL_MAX_BYTES),
        ("EXTENT_BYTES", EXTENT_BYTES),
        ("INITIAL_BYTES", INITIAL_BYTES),
        ("HEAP_MAX_BYTES", HEAP_MAX_BYTES),
        ("COUNTER_MAX", COUNTER_MAX),
        ("NODE_BYTES", NODE_BYTES),
        ("LEAF_ENTRIES", LEAF_ENTRIES as u64),
        ("INNER_ENTRIES", INNER_ENTRIES as u64),
        ("LEVEL_MAX", u64::from(LEVEL_MAX)),
        ("NAME_MAX_BYTES", NAME_MAX_BYTES as u64),
        ("SLOT_COUNT", SLOT_COUNT as u64),
        ("VERSION", u64::from(Superblock::VERSION)),
        ("BYTE_ORDER", u64::from(Superblock::BYTE_ORDER)),
        ("LOG_LIVE", u64::from(LOG_LIVE)),
        ("FRAME_COMMIT", u64::from(FRAME_COMMIT)),
        ("FIRST_FRAME", LogHeader::FIRST_FRAME),
        ("BULLETIN_OFFSET", Bulletin::OFFSET),
        ("RUN_DIRECT", RUN_DIRECT),
        ("RECORD_RELOCATABLE", RECORD_RELOCATABLE),
    ];
    let said: Vec<_> = table::section(&sections, "Constants")
        .rows
        .iter()
        .map(|row| {
            let value = row[1]
                .strip_prefix("0x")
                .map_or_else(|| row[1].parse().ok(), |digits| u64::from_str_radix(digits, 16).ok());
            (row[0].as_str(), value.unwrap_or_else(|| panic!("{} is no number", row[1])))
        })
        .collect();
    assert_eq!(said, is, "left FORMAT.md, right the code");
}

#[test]
fn kinds_of_runs_and_states_of_records_are_as_written() {
    let text = tree::file("docs/FORMAT.md");
    let kinds = [
        ("inner", RunKind::Inner),
        ("free", RunKind::Free),
        ("run", RunKind::Run),
        ("zone", RunKind::Zone),
        ("system", RunKind::System),
    ];
    let kinds: Vec<_> =
        kinds.iter().map(|(name, kind)| format!("{} {name}", *kind as u64)).collect();
    assert!(text.contains(&format!("kind: {} |", kinds.join(", "))));
    let states = [
        ("in progress", RecordState::InProgress),
        ("committed", RecordState::Committed),
        ("tombstone", RecordState::Tombstone),
    ];
    let states: Vec<_> = states.iter().map(|(name, s)| format!("{} {name}", *s as u32)).collect();
    assert!(text.contains(&states.join(", ")));
    for magic in [&Superblock::MAGIC[..], &Header::MAGIC, &LogHeader::MAGIC] {
        let magic = std::str::from_utf8(magic).expect("ASCII");
        assert!(text.contains(&format!("\"{magic}\"")), "{magic} is not in FORMAT.md");
    }
    for tag in [NodeHead::TAG, NameCell::TAG] {
        let tag = String::from_utf8_lossy(&tag).into_owned();
        assert!(text.contains(&format!("\"{tag}\"")), "{tag} is not in FORMAT.md");
    }
}
