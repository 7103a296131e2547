//! The command line of `bench`: list the workloads, run them, or be one cell of a run.

#[cfg(feature = "ours")]
mod face;
mod job;
mod map_roster;
#[cfg(feature = "ours")]
mod ours;
mod random;
mod record;
mod report;
mod roster;
mod runner;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use peers::seam::Result;

use crate::job::Workload;
use crate::runner::Settings;

const USAGE: &str = "\
usage: bench list
       bench run [workload...] [--rounds N] [--quick] [--dir DIR] [--record]

  --rounds N   rounds per row, 5 unless told (2 with --quick); the median counts
  --quick      small stores and few operations: shows that all works, not how fast
  --dir DIR    where data files go, ./target/bench-data unless told; not a tmpfs
  --record     also write the tables to bench/record/";

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("list") => list(),
        Some("run") => run(),
        Some("cell") => runner::be_a_cell(std::env::args().skip(2)),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<()> {
    for workload in workloads::all() {
        println!("{:16} {}", workload.name, workload.about);
        for table in (workload.tables)(false) {
            println!("{:18}{}: {}", "", table.id, table.rows.join(", "));
        }
    }
    Ok(())
}

fn run() -> Result<()> {
    let mut settings = Settings {
        rounds: None,
        quick: false,
        dir: PathBuf::from("target/bench-data"),
        record: false,
    };
    let mut names = Vec::new();
    let mut parser = lexopt::Parser::from_args(std::env::args_os().skip(2));
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => settings.rounds = Some(parser.value()?.parse()?),
            Long("quick") => settings.quick = true,
            Long("dir") => settings.dir = parser.value()?.into(),
            Long("record") => settings.record = true,
            Value(name) => names.push(name.string()?),
            other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
        }
    }
    if settings.rounds == Some(0) {
        return Err("--rounds must be at least 1".into());
    }
    runner::run(&chosen(&names)?, &settings)
}

fn chosen(names: &[String]) -> Result<Vec<Workload>> {
    if names.is_empty() {
        return Ok(workloads::all());
    }
    names.iter().map(|name| workloads::find(name)).collect()
}
