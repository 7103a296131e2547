//! What mappings of one process show: A1, A2, A7, A8, A9, A11, A15, A18, A19.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::time::Instant;

use crate::sys::{Ended, Map, Scratch, checked, in_child, page_bytes};
use crate::{Outcome, Verdict, judge, outcome};

const PRIVATE: i32 = libc::MAP_PRIVATE;
const SHARED: i32 = libc::MAP_SHARED;
const NORESERVE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
const TIB: usize = 1 << 40;
/// The first address slot the engine uses on x86-64.
const SLOT: usize = 0x4000_0000_0000;

pub fn clean_private_follows(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 4)?;
    let map = Map::file(&file, 4, PRIVATE)?;
    let before = map.load(1);
    map.store(2, 99);
    file.write(1, 50)?;
    file.write(3, 51)?;
    judge(
        "pages 1 (loaded before) and 3 (never touched) showed the new bytes",
        &[
            ("a mapped page shows the file", before == 2),
            ("a loaded page follows a pwrite", map.load(1) == 50),
            ("an untouched page follows a pwrite", map.load(3) == 51),
        ],
    )
}

pub fn stored_private_stays(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let map = Map::file(&file, 2, PRIVATE)?;
    map.store(1, 99);
    file.write(1, 50)?;
    judge(
        "the copy stayed 99 while the file went to 50",
        &[
            ("the private store stays", map.load(1) == 99),
            ("the file does not see it", file.read(1)? == 50),
        ],
    )
}

pub fn read_into_private(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let map = Map::file(&file, 2, PRIVATE)?;
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors, owned by the two files from then on.
    let (reader, mut writer) = unsafe {
        checked(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC).into())?;
        (std::fs::File::from_raw_fd(ends[0]), std::fs::File::from_raw_fd(ends[1]))
    };
    writer.write_all(&[77; 16])?;
    // SAFETY: page 1 is mapped and writable.
    let got = unsafe { libc::read(reader.as_raw_fd(), map.page(1).cast(), 16) };
    judge(
        "16 bytes from a pipe, private",
        &[
            ("read returns 16", got == 16),
            ("the bytes are there", map.load(1) == 77),
            ("the file does not see them", file.read(1)? == 2),
        ],
    )
}

pub fn fixed_noreplace(_: &Path) -> io::Result<Outcome> {
    let flags = NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let taken = Map::raw(0, page_bytes() * 2, libc::PROT_NONE, NORESERVE, -1)?;
    let refused = Map::raw(taken.address(), page_bytes(), libc::PROT_NONE, flags, -1);
    let refusal = match &refused {
        Ok(map) if map.address() == taken.address() => "replaced the mapping".to_string(),
        Ok(_) => "mapped elsewhere (a kernel before 4.17?)".to_string(),
        Err(error) => error.to_string(),
    };
    let exists = matches!(&refused, Err(e) if e.raw_os_error() == Some(libc::EEXIST));
    if refused.is_ok_and(|map| map.address() == taken.address()) {
        std::mem::forget(taken);
    }
    let honoured = match Map::raw(SLOT, page_bytes(), libc::PROT_NONE, flags, -1) {
        Ok(map) => map.address() == SLOT,
        Err(error) if cfg!(target_arch = "x86_64") => return Err(error),
        Err(_) => true, // a smaller address space: offsets still work
    };
    judge(
        format!("a taken address: {refusal}; a free one: as asked"),
        &[("a taken address is EEXIST", exists), ("a free address is given", honoured)],
    )
}

pub fn coherent(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let map = Map::file(&file, 2, SHARED)?;
    let other = Map::file(&file, 2, SHARED)?;
    for round in 1..=100 {
        map.store(0, round);
        file.write(1, round)?;
        if file.read(0)? != round || map.load(1) != round || other.load(0) != round {
            return outcome(Verdict::Fails, format!("round {round} saw old bytes"));
        }
    }
    outcome(Verdict::Holds, "100 rounds in both directions, no msync")
}

pub fn dontneed(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let map = Map::file(&file, 2, PRIVATE)?;
    map.store(1, 99);
    file.write(1, 50)?;
    map.drop_page(1)?;
    let after = map.load(1);
    map.store(1, 98);
    judge(
        "the newest file content, then storable again",
        &[("the file is shown", after == 50), ("the next store is private", file.read(1)? == 50)],
    )
}

pub fn reserve(_: &Path) -> io::Result<Outcome> {
    let began = Instant::now();
    match Map::raw(0, TIB, libc::PROT_NONE, NORESERVE, -1) {
        Ok(map) => {
            let micros = began.elapsed().as_secs_f64() * 1e6;
            let bytes = map.bytes() >> 40;
            outcome(Verdict::Holds, format!("{bytes} TiB PROT_NONE in {micros:.1} us"))
        }
        Err(error) => outcome(Verdict::Absent, format!("{error}; the engine reserves less")),
    }
}

pub fn shrink_destroys(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let ended = in_child(|| {
        let Ok(map) = Map::file(&file, 2, PRIVATE) else { return 2 };
        map.store(1, 99);
        if file.file.set_len(page_bytes() as u64).is_err() {
            return 3;
        }
        i32::from(map.load(1) != 99)
    })?;
    judge(
        "SIGBUS on the private page beyond the new end: never shrink",
        &[("the load is SIGBUS", ended == Ended::Signal(libc::SIGBUS))],
    )
}

pub fn share_and_back(dir: &Path) -> io::Result<Outcome> {
    let file = Scratch::new(dir, 2)?;
    let map = Map::file(&file, 2, PRIVATE)?;
    map.store(0, 90);
    map.replace(&file, SHARED)?;
    let dropped = map.load(0) == 1;
    map.store(1, 91);
    map.replace(&file, PRIVATE)?;
    let kept = map.load(1) == 91;
    map.store(1, 92);
    judge(
        "shared stores stayed, later ones were private again",
        &[
            ("sharing drops private pages", dropped),
            ("stores while shared stay", kept),
            ("they are in the file, later ones are not", file.read(1)? == 91),
        ],
    )
}
