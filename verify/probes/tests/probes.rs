//! Every probe as a test, one after another (they fork), and the numbers against the document.
#![cfg(target_os = "linux")]

use fileheap_probes::{PROBES, Verdict};

#[test]
fn the_platform_does_as_assumed() {
    let dir = std::env::temp_dir();
    let broken: Vec<String> = PROBES
        .iter()
        .map(|probe| (probe, probe.run(&dir)))
        .filter(|(_, outcome)| outcome.verdict == Verdict::Fails)
        .map(|(probe, outcome)| format!("{} {}: {}", probe.number, probe.claim, outcome.detail))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_assumption_has_a_probe_and_a_section() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PLATFORM.md");
    let text = std::fs::read_to_string(path).expect("docs/PLATFORM.md");
    let written: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### A"))
        .filter_map(|rest| rest.split_once(':').map(|(number, _)| number))
        .collect();
    let probed: Vec<&str> = PROBES.iter().map(|probe| &probe.number[1..]).collect();
    assert_eq!(written, probed);
}
