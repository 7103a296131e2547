//! A host in memory whose mapping fails on demand, or is stored to by another thread.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use fileheap_core::format::INITIAL_BYTES;
use fileheap_core::os::ram::{RamDisk, RamHost};
use fileheap_core::os::{Board, File, Host, Placement, View};

/// What happens at calls of a view.
#[derive(Default)]
pub struct Faults {
    /// So many more calls fail.
    pub discards: AtomicU64,
    pub harvests: AtomicU64,
    pub lifts: AtomicU64,
    /// Calls that fail take a while.
    pub slow_discards: AtomicBool,
    /// Where another thread stores right after the next search, and what.
    pub late: Mutex<Option<(u64, u64)>>,
}

fn strike(left: &AtomicU64) -> io::Result<()> {
    match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(io::Error::from_raw_os_error(libc::ENOMEM)),
        Err(_) => Ok(()),
    }
}

pub struct BrittleHost(RamHost, Arc<Faults>);

impl BrittleHost {
    pub fn create(disk: &RamDisk, faults: &Arc<Faults>) -> Self {
        Self(RamHost::create(disk, INITIAL_BYTES).unwrap(), faults.clone())
    }

    pub fn open(disk: &RamDisk, faults: &Arc<Faults>) -> Self {
        Self(RamHost::open(disk).unwrap(), faults.clone())
    }
}

impl Host for BrittleHost {
    fn data(&self) -> &Arc<dyn File> {
        self.0.data()
    }
    fn log(&self, which: usize, create: bool) -> io::Result<Option<Arc<dyn File>>> {
        self.0.log(which, create)
    }
    fn set_log_aside(&self, which: usize) -> io::Result<()> {
        self.0.set_log_aside(which)
    }
    fn remove_log(&self, which: usize) -> io::Result<()> {
        self.0.remove_log(which)
    }
    fn sync_folder(&self) -> io::Result<()> {
        self.0.sync_folder()
    }
    fn map(&self, placement: &Placement) -> io::Result<Box<dyn View>> {
        Ok(Box::new(BrittleView(self.0.map(placement)?, self.1.clone())))
    }
    fn board(&self) -> &dyn Board {
        self.0.board()
    }
    fn path(&self) -> &PathBuf {
        self.0.path()
    }
}

struct BrittleView(Box<dyn View>, Arc<Faults>);

impl View for BrittleView {
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
    fn reserved_bytes(&self) -> u64 {
        self.0.reserved_bytes()
    }
    fn extend(&self, bytes: u64) -> io::Result<()> {
        self.0.extend(bytes)
    }
    fn retract(&self, bytes: u64) -> io::Result<()> {
        self.0.retract(bytes)
    }
    fn share(&self, range: Range<u64>) -> io::Result<()> {
        self.0.share(range)
    }
    fn unshare(&self, range: Range<u64>) -> io::Result<()> {
        self.0.unshare(range)
    }
    fn settle(&self, range: Range<u64>) -> io::Result<()> {
        self.0.settle(range)
    }
    fn doubt(&self, ranges: &[Range<u64>]) {
        self.0.doubt(ranges);
    }
    fn harvest(&self, dirty: &mut Vec<Range<u64>>) -> io::Result<()> {
        strike(&self.1.harvests)?;
        self.0.harvest(dirty)?;
        if let Some((offset, value)) = self.1.late.lock().unwrap().take() {
            // SAFETY: the test names a word that it allocated.
            unsafe { self.base().add(offset as usize).cast::<u64>().write(value) };
        }
        Ok(())
    }
    fn note_stores(&self, range: Range<u64>) {
        self.0.note_stores(range);
    }
    fn set_writable(&self, writable: bool) -> io::Result<()> {
        strike(&self.1.lifts)?;
        self.0.set_writable(writable)
    }
    fn discard(&self, range: Range<u64>) -> io::Result<()> {
        strike(&self.1.discards).inspect_err(|_| {
            if self.1.slow_discards.load(SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(15));
            }
        })?;
        self.0.discard(range)
    }
    fn prefault(&self, range: Range<u64>) {
        self.0.prefault(range);
    }
    fn capture_name(&self) -> &'static str {
        self.0.capture_name()
    }
}
