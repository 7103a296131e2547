//! How much generated work tests do: little under Miri, which takes a thousand times as long.

/// `normal`, or `miri` where Miri runs the test.
pub(crate) const fn effort(normal: u64, miri: u64) -> u64 {
    if cfg!(miri) { miri } else { normal }
}
