//! Hostile heaps: sound images, bytes that say how to damage them, and a program that uses them.
//!
//! Shared by `tests/mutations.rs` and the targets in `fuzz/`.
#![allow(dead_code, reason = "each user takes its part")]

use std::mem::offset_of;

use fileheap_core::catalog::{OrderedMap, OrderedMapView, RecordNew, Root};
use fileheap_core::format::{
    FrameHeader, INITIAL_BYTES, LogHeader, PAGE_BYTES, Plain, Record, RecordState, Superblock,
    checksum,
};
use fileheap_core::os::ram::{Images, RamDisk, RamHost};
use fileheap_core::{Heap, Options, WriteTxn};

/// A heap whose limit is its length: every byte beyond what is mapped is out of range.
pub const TIGHT: u64 = INITIAL_BYTES * 3 / 2;
/// A heap with room to grow.
pub const ROOMY: u64 = 4 * INITIAL_BYTES;

/// Bytes that decide; zeros when they are used up.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// The next so many bytes as a number.
    pub fn number(&mut self, bytes: usize) -> u64 {
        let mut word = [0; 8];
        let taken = bytes.min(self.0.len());
        let (now, later) = self.0.split_at(taken);
        word[..taken].copy_from_slice(now);
        self.0 = later;
        u64::from_le_bytes(word)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The files of a sound heap; `live`: as after kill -9, with a log that matters. The same bytes at
/// every call.
pub fn sound(limit: u64, live: bool) -> Images {
    let disk = RamDisk::new();
    let host = RamHost::create(&disk, INITIAL_BYTES).unwrap();
    let options = Options::new().limit_bytes(limit);
    let heap = Heap::create_on(Box::new(host), &options).unwrap();
    let mut txn = heap.begin_write().unwrap();
    fill(&mut txn);
    txn.commit().unwrap();
    if live {
        heap.checkpoint().unwrap();
    }
    for round in 0..3 {
        let mut txn = heap.begin_write().unwrap();
        let offset = put(&txn, 100 + round * 50);
        let name = format!("later-{round}");
        let root = Root { offset, bytes: 64, ..Root::default() };
        txn.catalog().names().bind(&name, root).unwrap();
        txn.commit().unwrap();
    }
    let mut images = if live { Some(disk.images()) } else { None };
    heap.close().unwrap();
    let images = images.get_or_insert_with(|| disk.images());
    normalise(images);
    std::mem::take(images)
}

fn fill(txn: &mut WriteTxn) {
    let mut cells: Vec<u64> = (0..60).map(|index| put(txn, 16 + index * 29)).collect();
    for index in (0..cells.len()).rev().step_by(3) {
        txn.free(cells.swap_remove(index)).unwrap();
    }
    for (index, &offset) in cells.iter().enumerate() {
        let bytes = txn.usable_bytes(offset).unwrap();
        let root = Root { kind: 1, fingerprint: index as u64, offset, bytes };
        txn.catalog().names().bind(&format!("name-{index:03}"), root).unwrap();
    }
    for index in 0..120 {
        let payload_offset = if index % 9 == 0 { put(txn, 48) } else { 0 };
        let new = RecordNew {
            generation: index,
            state: RecordState::Committed,
            element: 14,
            length: 6,
            payload_offset,
            payload_bytes: if payload_offset == 0 { 0 } else { 48 },
            flags: 0,
            extra: [0; 2],
        };
        txn.catalog().records().add(new).unwrap();
    }
    let run = txn.alloc(9 * PAGE_BYTES, 8).unwrap();
    txn.set_face_root(0, run);
    let map = txn.alloc_zeroed(16, 16).unwrap();
    // SAFETY: this thread is the only one, and the slot was just allocated.
    let mut ordered = unsafe { OrderedMap::new(&*txn, map) };
    for key in 0..150_u64 {
        ordered.insert(key * 7919 % 4096, key).unwrap();
    }
    txn.set_face_root(1, map);
}

fn put(txn: &WriteTxn, bytes: u64) -> u64 {
    let offset = txn.alloc(bytes, 8).unwrap();
    // SAFETY: just allocated, that long.
    unsafe { txn.resolve(offset).write_bytes(0x5a, bytes as usize) };
    txn.touch(offset, bytes);
    offset
}

/// Replaces what chance put into the images.
fn normalise(images: &mut Images) {
    const UUID: [u8; 16] = *b"a heap for tests";
    let set = |file: &mut [u8], at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let Some(data) = &mut images[0] else { return };
    for copy in 0..2 {
        let at = Superblock::offset(copy) as usize;
        set(data, at + offset_of!(Superblock, uuid), &UUID);
        set(data, at + offset_of!(Superblock, base), &0x5a00_0000_0000_u64.to_le_bytes());
        set(data, at + offset_of!(Superblock, created_unix_s), &1_800_000_000_u64.to_le_bytes());
    }
    for log in images[1..].iter_mut().flatten() {
        set(log, offset_of!(LogHeader, uuid), &UUID);
        let salt = offset_of!(LogHeader, salt);
        let old = log[salt..salt + 8].to_vec();
        let mut at = LogHeader::FIRST_FRAME as usize;
        while let Some(bytes) = frame_at(log, at) {
            let place = at + offset_of!(FrameHeader, salt);
            if log[place..place + 8] == old[..] {
                set(log, place, b"saltsalt");
            }
            at += bytes;
        }
        set(log, salt, b"saltsalt");
    }
    reseal(images);
}

/// Length of the frame at a place, if there is one.
fn frame_at(log: &[u8], at: usize) -> Option<usize> {
    let header = FrameHeader::from_bytes(log.get(at..at + size_of::<FrameHeader>())?);
    let bytes = usize::try_from(header.frame_bytes).ok()?;
    let whole = bytes >= size_of::<FrameHeader>() && bytes <= log.len() - at;
    (whole && bytes % 8 == 0).then_some(bytes)
}

/// Makes every checksum hold again, so that damage gets behind them.
pub fn reseal(images: &mut Images) {
    if let Some(data) = &mut images[0] {
        for copy in 0..2 {
            let at = Superblock::offset(copy) as usize;
            if let Some(bytes) = data.get_mut(at..at + size_of::<Superblock>()) {
                let sealed = Superblock::from_bytes(bytes).sealed();
                bytes.copy_from_slice(sealed.as_bytes());
            }
        }
    }
    for log in images[1..].iter_mut().flatten() {
        let Some(bytes) = log.get_mut(..size_of::<LogHeader>()) else { continue };
        let header = LogHeader::from_bytes(bytes).sealed();
        bytes.copy_from_slice(header.as_bytes());
        let mut crc = header.crc;
        let mut at = LogHeader::FIRST_FRAME as usize;
        while let Some(bytes) = frame_at(log, at) {
            let mut head = FrameHeader::from_bytes(&log[at..]);
            head.head_crc = head.head_checksum(&header.uuid, at as u64);
            log[at..at + bytes][..size_of::<FrameHeader>()].copy_from_slice(head.as_bytes());
            crc = checksum(crc, &log[at + 4..at + bytes]);
            log[at..at + 4].copy_from_slice(&crc.to_le_bytes());
            at += bytes;
        }
    }
}

/// Where damage tells: words of an image that are not zero. The bulletin, which is volatile, is
/// left out.
pub fn words(images: &Images, first_page: u64) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (file, image) in images.iter().enumerate() {
        let Some(image) = image else { continue };
        for (index, word) in image.chunks_exact(8).enumerate() {
            let page = (index * 8) as u64 / PAGE_BYTES;
            let bulletin = file == 0 && (4..16).contains(&page);
            let dull = word.iter().all(|&byte| byte == 0 || byte == 0x5a);
            if !dull && !bulletin && (file > 0 || page >= first_page) {
                found.push((file, index * 8));
            }
        }
    }
    found
}

/// Damages images as the choices say.
pub fn mutate(images: &mut Images, words: &[(usize, usize)], choices: &mut Choices<'_>) {
    let sealed = choices.number(1) % 4 != 0;
    for _ in 0..64 {
        if choices.is_empty() {
            break;
        }
        let how = choices.number(1);
        let (file, mut at) = words[choices.number(2) as usize % words.len()];
        if how & 0x80 != 0 {
            at += choices.number(1) as usize * 8;
        }
        let (other_file, other_at) = words[choices.number(2) as usize % words.len()];
        let load = |file: usize, at: usize| -> Option<u64> {
            let bytes = images[file].as_deref()?.get(at..at + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        let (Some(word), Some(other)) = (load(file, at), load(other_file, other_at)) else {
            continue;
        };
        let small = choices.number(1);
        let value = match how & 15 {
            0 => choices.number(8),
            1 => word ^ 1 << (small % 64),
            2 => word.wrapping_add(1),
            3 => word.wrapping_sub(1),
            4 | 5 => other,
            6 => small,
            7 => small * PAGE_BYTES,
            8 => u64::MAX >> (small % 64),
            9 => word & !(0xff << (small % 8 * 8)),
            10 => word.wrapping_add(small << 8),
            11 => word & 0xff | choices.number(3) << 8,
            12 => word & !15 | small & 15,
            13 => word << (small % 64),
            14 => word >> (small % 64),
            _ => word.wrapping_add(small * 16),
        };
        if let Some(image) = &mut images[file] {
            image[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
    if sealed {
        reseal(images);
    }
}

/// Replaces the frames of a log by ones that the choices describe, checksums and all.
pub fn forge_log(images: &mut Images, choices: &mut Choices<'_>) {
    let Some(log) = images[1..].iter_mut().flatten().next() else { return };
    let header = LogHeader::from_bytes(log);
    let (mut crc, mut at) = (header.crc, LogHeader::FIRST_FRAME as usize);
    let mut txn = header.after_txn;
    while !choices.is_empty() {
        let how = choices.number(1);
        txn = txn.wrapping_add(u64::from(how & 3 != 0)).wrapping_add(how >> 6);
        let mut records = Vec::new();
        let mut contents = Vec::new();
        for _ in 0..how >> 2 & 7 {
            let offset = choices.number(3) << (choices.number(1) % 48);
            let bytes = choices.number(2);
            let home = choices.number(1) & 15 == 0;
            records.extend_from_slice(&offset.to_le_bytes());
            let span = bytes | u64::from(home) << 63;
            records.extend_from_slice(&span.to_le_bytes());
            if !home {
                let word = choices.number(8).to_le_bytes();
                contents.extend(word.iter().cycle().take(bytes as usize));
            }
        }
        let count = (records.len() / size_of::<Record>()) as u32;
        let end = size_of::<FrameHeader>() + records.len() + contents.len();
        let frame_bytes = (end as u64).next_multiple_of(8);
        let flags = u32::from(how & 0x20 == 0);
        let mut head = FrameHeader {
            crc: 0,
            flags,
            salt: header.salt,
            txn,
            durable_txn: choices.number(1),
            frame_bytes,
            record_count: count,
            head_crc: 0,
        };
        head.head_crc = head.head_checksum(&header.uuid, at as u64);
        let mut frame = head.as_bytes().to_vec();
        frame.append(&mut records);
        frame.append(&mut contents);
        frame.resize(frame_bytes as usize, 0);
        crc = checksum(crc, &frame[4..]);
        frame[..4].copy_from_slice(&crc.to_le_bytes());
        if at + frame.len() > log.len() {
            break;
        }
        log[at..at + frame.len()].copy_from_slice(&frame);
        at += frame.len();
    }
}

/// Opens the heap in memory and does everything one does with a heap, errors ignored. Whatever
/// the bytes are: no panic, no hang, no access out of range.
pub fn exercise(images: Images) {
    let disk = RamDisk::from_images(images);
    for round in 0..2 {
        let Ok(host) = RamHost::open(&disk) else { return };
        let Ok(heap) = Heap::open_on(Box::new(host), &Options::new()) else { return };
        use_heap(&heap, round);
        let _ = heap.close();
    }
}

/// Reads, checks, writes, commits, aborts.
pub fn use_heap(heap: &Heap, round: u64) {
    let sound = heap.check().is_ok_and(|report| report.is_clean());
    let _ = heap.stat();
    let (mut roots, mut ids) = (Vec::new(), Vec::new());
    if let Ok(read) = heap.begin_read() {
        let catalog = read.catalog();
        for (_, root) in catalog.names().list(None, 300).unwrap_or_default() {
            let _ = read.bytes(root.offset, root.bytes).map(<[u8]>::to_vec);
            roots.push(root.offset);
        }
        let _ = catalog.names().lookup("name-017");
        for record in catalog.records().list(0, 300).unwrap_or_default() {
            let _ = read.bytes(record.payload_offset, record.payload_bytes).map(<[u8]>::len);
            ids.push(record.id);
        }
    }
    for abort in [true, false] {
        let Ok(mut txn) = heap.begin_write() else { return };
        let _ = change_catalog(&mut txn, &ids, round);
        let _ = change_space(&txn, &roots, sound);
        let _ = if abort { txn.abort() } else { txn.commit().map(drop) };
    }
    let _ = heap.checkpoint();
    let _ = heap.trim();
    let _ = heap.check();
}

fn change_catalog(txn: &mut WriteTxn, ids: &[u64], round: u64) -> fileheap_core::Result<()> {
    let map = txn.face_root(1);
    let view = OrderedMapView::new(txn.memory(), map);
    let keys: Vec<u64> = match view.range(..) {
        Ok(all) => all.map_while(|entry| entry.ok()).map(|entry| entry.key).take(500).collect(),
        Err(_) => Vec::new(),
    };
    {
        // SAFETY: no other thread; the catalog checks every offset against the heap's length.
        let mut ordered = unsafe { OrderedMap::new(&*txn, map) };
        for key in keys.iter().step_by(3) {
            let _ = ordered.remove(*key);
        }
        for key in 5000..5040 {
            let _ = ordered.insert(key, round);
        }
    }
    for index in 0..30 {
        let _ = txn.catalog().names().unbind(&format!("name-{:03}", index * 2));
        let root = Root { offset: 0, bytes: 0, ..Root::default() };
        let _ = txn.catalog().names().bind(&format!("new-{round}-{index}"), root);
    }
    let _ = txn.catalog().names().rename("name-001", "a-name");
    for id in ids.iter().step_by(2) {
        let _ = txn.catalog().records().remove(*id);
    }
    for id in ids {
        let _ = txn.catalog().records().set_state(*id, RecordState::Tombstone);
    }
    Ok(())
}

fn change_space(txn: &WriteTxn, roots: &[u64], sound: bool) -> fileheap_core::Result<()> {
    for root in roots.iter().step_by(2) {
        let _ = txn.usable_bytes(*root);
        let _ = txn.resize_in_place(*root, 40);
        let _ = txn.free(*root);
    }
    let mut made = Vec::new();
    for bytes in [1, 16, 48, 100, 333, 1000, 5000, 20_000, 33_000, 70_000] {
        for _ in 0..4 {
            if let Ok(offset) = txn.alloc(bytes, 16) {
                if sound {
                    // SAFETY: the check found nothing wrong, so the allocation is nobody else's.
                    unsafe { txn.resolve(offset).write_bytes(1, bytes as usize) };
                }
                made.push(offset);
            }
        }
    }
    for offset in made.iter().step_by(2) {
        let _ = txn.free(*offset);
    }
    if sound {
        for offset in made.iter().skip(1).step_by(2) {
            let _ = txn.realloc(*offset, 700, 64);
        }
    }
    for offset in [0, 8, 65_536, 69_632, 204_800, u64::MAX, 1 << 62] {
        let _ = txn.free(offset);
    }
    Ok(())
}
