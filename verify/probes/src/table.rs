//! The command line: a table, or JSON with `--json`. Exit status 1 if a probe fails.
//!
//! Usage: `fileheap-probes [--json] [DIR]`; scratch files go to DIR, or the temporary folder.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::{Outcome, PROBES, Probe, Verdict, kernel};

/// Runs all probes and prints what they showed.
pub fn run() -> ExitCode {
    let mut json = false;
    let mut dir = std::env::temp_dir();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            other if other.starts_with('-') => {
                eprintln!("usage: fileheap-probes [--json] [DIR]");
                return ExitCode::from(2);
            }
            other => dir = PathBuf::from(other),
        }
    }
    let results: Vec<(&Probe, Outcome)> = PROBES.iter().map(|p| (p, p.run(&dir))).collect();
    if json {
        print_json(&results);
    } else {
        print_table(&results);
    }
    let failed = results.iter().any(|(_, outcome)| outcome.verdict == Verdict::Fails);
    ExitCode::from(u8::from(failed))
}

fn print_table(results: &[(&Probe, Outcome)]) {
    println!("Linux {} {}", kernel(), std::env::consts::ARCH);
    for (probe, outcome) in results {
        let (number, word) = (probe.number, outcome.verdict.word());
        println!("{number:<4} {word:<9} {:<50} {}", probe.claim, outcome.detail);
    }
}

fn print_json(results: &[(&Probe, Outcome)]) {
    println!("{{\"kernel\": {}, \"probes\": [", quoted(&kernel()));
    for (index, (probe, outcome)) in results.iter().enumerate() {
        let comma = if index + 1 < results.len() { "," } else { "" };
        println!(
            "  {{\"number\": {}, \"claim\": {}, \"verdict\": {}, \"detail\": {}}}{comma}",
            quoted(probe.number),
            quoted(probe.claim),
            quoted(outcome.verdict.word()),
            quoted(&outcome.detail)
        );
    }
    println!("]}}");
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
