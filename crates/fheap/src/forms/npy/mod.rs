//! Arrays of numpy: the header of .npy files, formats 1 to 3.

mod read;
mod write;

pub use read::read;
pub use write::write;

/// First bytes of every .npy file.
const MAGIC: &[u8] = b"\x93NUMPY";
/// Elements begin at a multiple of this.
const ALIGN: usize = 64;
