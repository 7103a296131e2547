//! Filling fresh room by plain means: mapped files, fallocated or sparse, write(2), memory.

use std::fs::File;
use std::io::{Error, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use crate::seam::{FILL_BLOCK_BYTES, Fill, Result, fill_value};

/// A mapping of a file or of fresh memory, unmapped on drop.
pub struct Mapping {
    base: NonNull<u64>,
    bytes: usize,
}

impl Mapping {
    /// Maps the first `bytes` bytes of `file`, shared and writable. The file has that length.
    pub fn shared(file: &File, bytes: usize) -> Result<Self> {
        Self::map(bytes, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Maps fresh private memory.
    pub fn anonymous(bytes: usize) -> Result<Self> {
        Self::map(bytes, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    fn map(bytes: usize, flags: i32, fd: i32) -> Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping where the kernel likes; it touches no existing memory.
        let base = unsafe { libc::mmap(null_mut(), bytes, protection, flags, fd, 0) };
        if base == libc::MAP_FAILED {
            return Err(Error::last_os_error().into());
        }
        let base = NonNull::new(base.cast()).ok_or("mapped at address 0")?;
        Ok(Self { base, bytes })
    }

    pub fn words(&self) -> &[u64] {
        // SAFETY: the mapping is `bytes` long, page-aligned, and only this value reaches it.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.bytes / 8) }
    }

    pub fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `words`; the exclusive borrow keeps other slices away.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.bytes / 8) }
    }

    fn sync(&self) -> Result<()> {
        // SAFETY: the range is the mapping itself.
        match unsafe { libc::msync(self.base.as_ptr().cast(), self.bytes, libc::MS_SYNC) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error().into()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `map`, unmapped only here.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Stores the fill pattern block by block.
pub fn store_blocks(words: &mut [u64], seed: u64) {
    for (index, block) in words.chunks_exact_mut(FILL_BLOCK_BYTES / 8).enumerate() {
        block.fill(std::hint::black_box(fill_value(seed, index)));
    }
}

/// A mapped file, fallocated before the stores or sparse.
pub struct MappedFill<const FALLOCATED: bool> {
    file: File,
    mapping: Option<Mapping>,
}

impl<const FALLOCATED: bool> Fill for MappedFill<FALLOCATED> {
    fn create(dir: &Path) -> Result<Self> {
        let path = dir.join("mapped");
        let file = File::options().create_new(true).read(true).write(true).open(path)?;
        Ok(Self { file, mapping: None })
    }

    fn fill(&mut self, block_count: usize, seed: u64) -> Result<()> {
        let bytes = block_count * FILL_BLOCK_BYTES;
        if FALLOCATED {
            // SAFETY: plain system call on a descriptor we own.
            let code = unsafe { libc::fallocate(self.file.as_raw_fd(), 0, 0, bytes as i64) };
            if code != 0 {
                return Err(Error::last_os_error().into());
            }
        } else {
            self.file.set_len(bytes as u64)?;
        }
        let mapping = self.mapping.insert(Mapping::shared(&self.file, bytes)?);
        store_blocks(mapping.words_mut(), seed);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.mapping.as_ref().ok_or("sync before fill")?.sync()?;
        Ok(self.file.sync_data()?)
    }
}

/// write(2) at the end of a growing file.
pub struct WriteFill {
    file: File,
}

impl Fill for WriteFill {
    fn create(dir: &Path) -> Result<Self> {
        Ok(Self { file: File::create_new(dir.join("written"))? })
    }

    fn fill(&mut self, block_count: usize, seed: u64) -> Result<()> {
        let mut block = vec![0u8; FILL_BLOCK_BYTES];
        for index in 0..block_count {
            let word = fill_value(seed, index).to_ne_bytes();
            block.as_chunks_mut::<8>().0.fill(word);
            self.file.write_all(&block)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}

/// Fresh memory of the process: what filling costs without a file. Its sync does nothing.
pub struct MemoryFill(Option<Mapping>);

impl Fill for MemoryFill {
    fn create(_dir: &Path) -> Result<Self> {
        Ok(Self(None))
    }

    fn fill(&mut self, block_count: usize, seed: u64) -> Result<()> {
        let mapping = self.0.insert(Mapping::anonymous(block_count * FILL_BLOCK_BYTES)?);
        store_blocks(mapping.words_mut(), seed);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}
