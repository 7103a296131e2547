//! A folder for an example: what each doctest would have to do, and readers need not see.

use std::path::Path;

/// Calls `example` with a path where a heap can be made, and removes what it leaves there.
pub fn in_a_folder(example: impl FnOnce(&Path) -> fileheap_core::Result<()>) {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("fileheap-doc-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the example");
    let done = example(&folder.join("example.heap"));
    let _ = std::fs::remove_dir_all(&folder);
    if let Err(error) = done {
        panic!("{error}");
    }
}
