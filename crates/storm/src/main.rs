//! Workers that commit for ever, a verifier that proves one exact state, and those who kill them.
//!
//!     storm work DIR SEED [--captured|--tracked|--mixed] [--durability power|background|process]
//!                         [--no-close]
//!     storm verify DIR
//!     storm read DIR SEED
//!     storm kill DIR --kills N [--seed S]
//!     storm crowd DIR --seconds N [--seed S]

mod child;
mod crowd;
mod fill;
mod kill;
mod layout;
mod read;
mod verify;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The arguments, after the subcommand.
struct Args {
    dir: PathBuf,
    rest: Vec<String>,
}

impl Args {
    fn flag(&self, name: &str) -> bool {
        self.rest.iter().any(|arg| arg == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let at = self.rest.iter().position(|arg| arg == name)?;
        self.rest.get(at + 1).map(String::as_str)
    }

    fn number(&self, name: &str, otherwise: u64) -> Result<u64, String> {
        let Some(text) = self.text(name) else { return Ok(otherwise) };
        text.parse().map_err(|_| format!("{name} {text}: a number is expected"))
    }

    fn seed(&self) -> Result<u64, String> {
        let text = self.rest.first().map_or("1", String::as_str);
        text.parse().map_err(|_| format!("seed {text}: a number is expected"))
    }
}

fn heap_path(dir: &Path) -> PathBuf {
    dir.join("storm.heap")
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("storm: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: storm work|verify|read|kill|crowd DIR ...";
    let (Some(verb), Some(dir)) = (words.next(), words.next()) else { return Err(usage.into()) };
    let args = Args { dir: dir.into(), rest: words.collect() };
    match verb.as_str() {
        "work" => work::run(&args.dir, &work::Style::from_args(&args)?),
        "verify" => verify::run(&args.dir),
        "read" => read::run(&args.dir, args.seed()?),
        "kill" => kill::run(&args.dir, args.number("--kills", 100)?, args.number("--seed", 1)?),
        "crowd" => crowd::run(&args.dir, args.number("--seconds", 10)?, args.number("--seed", 1)?),
        _ => Err(usage.into()),
    }
}
