//! The same generated work on real files, with each way of finding dirty pages.

use fileheap_core::Options;
use fileheap_core::os::Capture;
use fileheap_sim::random::seed_or;
use fileheap_sim::script;
use fileheap_sim::work::Mix;
use fileheap_sim::world::World;

fn live(capture: Capture, mix: Mix, events: u64) {
    let seed = seed_or(1);
    let dir = std::env::temp_dir().join(format!("fileheap-sim-{capture:?}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let options = Options::new().limit_bytes(1 << 30).log_bytes(256 * 1024).capture(capture);
    let world = World::in_file(seed, dir.join("a.heap"), options, mix);
    let mut world = world.unwrap_or_else(|stop| panic!("{}", stop.text()));
    for event in 0..events {
        let done = script::happen(&mut world).and_then(|()| world.compare(0));
        done.unwrap_or_else(|s| panic!("FILEHEAP_SEED={seed} event {event}: {}", s.text()));
    }
    drop(world);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn armed() {
    live(Capture::Armed, Mix::MIDDLE, 100);
}

#[test]
fn unarmed() {
    live(Capture::Unarmed, Mix::LARGE, 80);
}

#[test]
fn scan() {
    live(Capture::Scan, Mix::MIDDLE, 100);
}

#[test]
fn pagemap() {
    live(Capture::Pagemap, Mix::LARGE, 80);
}
