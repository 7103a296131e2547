//! R's root: the first thing R makes in a heap.

use fileheap_core::Result;
use fileheap_core::catalog::Memory;
use fileheap_core::format::Plain;

/// Which of the heap's face roots is R's.
pub const FACE_ROOT: usize = 2;
/// `Root::kind` of names that R binds: "R".
pub const ROOT_KIND: u32 = 0x52;

/// Mode of a heap that is kept until somebody removes it.
pub const PERSISTENT: u32 = 1;
/// Mode of a heap that is kept as long as somebody has it open.
pub const SCRATCH: u32 = 2;

/// R's root as it lies in the heap.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[allow(missing_docs)] // they say it
pub struct FaceRoot {
    pub magic: [u8; 8],
    /// `PERSISTENT` or `SCRATCH`.
    pub mode: u32,
    pub version: u32,
    /// Records that are temporary or buried: somebody has to look after them.
    pub loose_count: u64,
    pub reserved: [u64; 5],
}

// SAFETY: repr(C), integers only, no padding.
unsafe impl Plain for FaceRoot {}
const _: () = assert!(size_of::<FaceRoot>() == 64);

impl FaceRoot {
    /// How it begins.
    pub const MAGIC: [u8; 8] = *b"RFACE001";
    /// The version that is written, and the latest that is read.
    pub const VERSION: u32 = 1;

    /// The root at an offset; None where R has not written yet.
    pub fn read(memory: Memory<'_>, at: u64) -> Result<Option<Self>> {
        if at == 0 { Ok(None) } else { memory.read(at).map(Some) }
    }

    /// Whether this is a root that can be read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.magic == Self::MAGIC && self.version <= Self::VERSION
    }
}
