//! Crash images: what the disk may hold after a power cut, built from the history of changes.

use fileheap_core::os::ram::Images;

use crate::random::Random;
use crate::record::Change;

const SECTOR: usize = 512;
const FILES: usize = 3;

/// What became of one change that no barrier covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It reached the disk.
    Kept,
    /// It did not.
    Lost,
    /// Some of its sectors did; the seed says which.
    Torn(u64),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A disk with its write cache.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    inodes: Vec<Inode>,
    durable_names: [Option<usize>; FILES],
    names: [Option<usize>; FILES],
    pending_names: Vec<(usize, Option<usize>)>,
}

impl Disk {
    /// A disk that holds these files, all of them durable.
    #[must_use]
    pub fn holding(images: &Images) -> Self {
        let mut disk = Self::default();
        for (file, image) in images.iter().enumerate() {
            if let Some(bytes) = image {
                disk.names[file] = Some(disk.inodes.len());
                disk.inodes.push(Inode { durable: bytes.clone(), pending: Vec::new() });
            }
        }
        disk.durable_names = disk.names;
        disk
    }

    /// Takes note of a change.
    pub fn apply(&mut self, file: usize, change: &Change) {
        match change {
            Change::Create => {
                self.names[file] = Some(self.inodes.len());
                self.inodes.push(Inode::default());
                self.pending_names.push((file, self.names[file]));
            }
            Change::Remove => {
                self.names[file] = None;
                self.pending_names.push((file, None));
            }
            Change::SyncFolder => {
                self.durable_names = self.names;
                self.pending_names.clear();
            }
            Change::Sync => {
                let Some(inode) = self.names[file].map(|at| &mut self.inodes[at]) else { return };
                for change in std::mem::take(&mut inode.pending) {
                    perform(&mut inode.durable, &change, Fate::Kept);
                }
            }
            other => {
                if let Some(at) = self.names[file] {
                    self.inodes[at].pending.push(other.clone());
                }
            }
        }
    }

    /// Changes that no barrier covers.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        let writes: usize = self.inodes.iter().map(|inode| inode.pending.len()).sum();
        writes + self.pending_names.len()
    }

    /// What is on the disk when each pending change has its fate: those of the files in the order
    /// of their making, then those of names.
    #[must_use]
    pub fn image(&self, fates: &[Fate]) -> Images {
        let mut names = self.durable_names;
        let writes = self.pending_count() - self.pending_names.len();
        for (at, &(file, inode)) in self.pending_names.iter().enumerate() {
            if fates[writes + at] != Fate::Lost {
                names[file] = inode;
            }
        }
        let mut from = 0;
        let mut contents: Vec<Option<Vec<u8>>> = Vec::with_capacity(self.inodes.len());
        for (at, inode) in self.inodes.iter().enumerate() {
            let mine = &fates[from..from + inode.pending.len()];
            from += inode.pending.len();
            if !names.contains(&Some(at)) {
                contents.push(None);
                continue;
            }
            let mut bytes = inode.durable.clone();
            for (change, &fate) in inode.pending.iter().zip(mine) {
                perform(&mut bytes, change, fate);
            }
            contents.push(Some(bytes));
        }
        names.map(|name| name.and_then(|at| contents[at].take()))
    }

    /// Up to `budget` different fates of what is pending; all of them where they are so few.
    #[must_use]
    pub fn fates(&self, budget: usize, random: &mut Random) -> Vec<Vec<Fate>> {
        let count = self.pending_count();
        if count < usize::BITS as usize && 1 << count <= budget {
            let fate = |bits: usize, at: usize| {
                if bits >> at & 1 == 1 { Fate::Kept } else { Fate::Lost }
            };
            return (0..1 << count).map(|it| (0..count).map(|at| fate(it, at)).collect()).collect();
        }
        let mut all = vec![vec![Fate::Kept; count], vec![Fate::Lost; count]];
        let last = count - 1;
        let mut only_last = all[1].clone();
        only_last[last] = Fate::Kept;
        let mut torn_last = all[0].clone();
        torn_last[last] = Fate::Torn(random.word());
        all.extend([only_last, torn_last]);
        for _ in 0..2 * budget {
            let kept = random.below(5);
            let some = random.below(count as u64) as usize;
            let fates: Vec<_> = (0..count).map(|at| fate(kept, at, some, random)).collect();
            if all.len() < budget && !all.contains(&fates) {
                all.push(fates);
            }
        }
        all.truncate(budget.max(1));
        all
    }
}

/// One way of losing: a single change, what follows one, or anything.
fn fate(way: u64, at: usize, some: usize, random: &mut Random) -> Fate {
    let kept = match way {
        0 => at != some,
        1 => at < some,
        2 => !random.once_in(8),
        3 => random.once_in(2),
        _ => return Fate::Torn(random.word()),
    };
    if kept { Fate::Kept } else { Fate::Lost }
}

fn perform(bytes: &mut Vec<u8>, change: &Change, fate: Fate) {
    if fate == Fate::Lost {
        return;
    }
    match change {
        Change::Write(offset, data) => write(bytes, *offset as usize, data, fate),
        Change::Reserve(end) => extend(bytes, *end as usize),
        Change::Zero(start, end, grows) => {
            if *grows {
                extend(bytes, *end as usize);
            }
            let end = (*end as usize).min(bytes.len());
            if let Some(range) = bytes.get_mut(*start as usize..end) {
                range.fill(0);
            }
        }
        Change::Truncate(len) => bytes.resize(*len as usize, 0),
        _ => {}
    }
}

fn extend(bytes: &mut Vec<u8>, len: usize) {
    if len > bytes.len() {
        bytes.resize(len, 0);
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8], fate: Fate) {
    let Fate::Torn(seed) = fate else {
        extend(bytes, offset + data.len());
        bytes[offset..offset + data.len()].copy_from_slice(data);
        return;
    };
    let mut random = Random::new(seed);
    let mut from = 0;
    while from < data.len() {
        let to = data.len().min(from + SECTOR - (offset + from) % SECTOR);
        if random.once_in(2) {
            extend(bytes, offset + to);
            bytes[offset + from..offset + to].copy_from_slice(&data[from..to]);
        }
        from = to;
    }
}
