//! Floors: the least any engine could do for a commit, and for an open. Not stores, only costs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::fill::Mapping;
use crate::seam::{Level, Open, Result, Spec, WordStore};

/// The log is pre-written, so that no commit of a run changes the file's length or its extents.
const LOG_BYTES: u64 = 64 << 20;

/// A pre-written log into which a commit writes `WORD_BYTES` per word, at least `LEAST_BYTES`.
pub struct Log<const WORD_BYTES: usize, const LEAST_BYTES: usize> {
    log: File,
    level: Level,
    position: u64,
    frame: Vec<u8>,
}

impl<const W: usize, const L: usize> WordStore for Log<W, L> {
    fn create(dir: &Path, _spec: &Spec) -> Result<()> {
        let log = File::create_new(dir.join("log"))?;
        let chunk = vec![0xa5u8; 1 << 20];
        for offset in (0..LOG_BYTES).step_by(chunk.len()) {
            log.write_all_at(&chunk, offset)?;
        }
        Ok(log.sync_all()?)
    }

    fn open(dir: &Path, _spec: &Spec, level: Level) -> Result<Self> {
        let log = File::options().read(true).write(true).open(dir.join("log"))?;
        Ok(Self { log, level, position: 0, frame: Vec::new() })
    }

    fn read(&mut self, item: u64) -> Result<u64> {
        Ok(Spec::initial(item))
    }

    fn commit(&mut self, items: &[u64], value: u64) -> Result<()> {
        let frame_bytes = L.max(items.len() * W);
        if self.frame.len() != frame_bytes {
            self.frame = vec![0; frame_bytes];
        }
        for (index, item) in items.iter().enumerate() {
            let at = index * W;
            self.frame[at..at + 8].copy_from_slice(&item.to_le_bytes());
            self.frame[at + 8..at + 16].copy_from_slice(&value.to_le_bytes());
        }
        if self.position + frame_bytes as u64 > LOG_BYTES {
            self.position = 0;
        }
        self.log.write_all_at(&self.frame, self.position)?;
        self.position += frame_bytes as u64;
        if self.level == Level::PowerSafe {
            self.log.sync_data()?;
        }
        Ok(())
    }
}

/// open(2), mmap of the whole file, one load.
pub struct MappedFile {
    mapping: Mapping,
}

impl Open for MappedFile {
    fn create(dir: &Path, object_count: u64) -> Result<()> {
        let bytes: Vec<u8> =
            (0..object_count * 8).flat_map(|word| Spec::initial(word / 8).to_le_bytes()).collect();
        Ok(std::fs::write(dir.join("mapped"), bytes)?)
    }

    fn open(dir: &Path, object_count: u64) -> Result<Self> {
        let file = File::options().read(true).write(true).open(dir.join("mapped"))?;
        Ok(Self { mapping: Mapping::shared(&file, object_count as usize * 64)? })
    }

    fn read(&mut self, object: u64) -> Result<u64> {
        Ok(self.mapping.words()[object as usize * 8])
    }
}
