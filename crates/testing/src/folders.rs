//! Folders of a test's own, and copies of heaps as a death leaves them.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that goes away with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let program = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("fileheap-{program}-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Copies an open heap: what the death of its process would leave.
pub fn copy_with_logs(from: &Path, to: &Path) {
    for end in ["", "-log0", "-log1"] {
        let part = with_end(from, end);
        if part.exists() {
            fs::copy(part, with_end(to, end)).unwrap();
        }
    }
}
