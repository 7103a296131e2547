//! `fheap`: looks into, checks, mends, copies and draws heaps in files. Arguments and errors.

mod commands;
mod exit;
mod forms;
mod map;
mod objects;
mod output;
mod progress;
mod rserial;
mod shape;
mod store;
mod target;
mod text;
mod vectors;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fileheap_core::Result;

use crate::output::{BAD, Ending, Output, paint};

/// Look into, check, mend, copy and draw heaps in files
#[derive(Parser)]
#[command(name = "fheap", version, after_help = exit::help(), arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(flatten)]
    color: colorchoice_clap::Color,
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($name:ident in $module:ident),* $(,)?) => {
        #[derive(Subcommand)]
        enum Command {
            $($name(commands::$module::$name)),*
        }

        impl Command {
            fn run(&self, output: Output) -> Result<Ending> {
                match self {
                    $(Self::$name(command) => command.run(output)),*
                }
            }
        }
    };
}

commands! {
    Info in info,
    Ls in ls,
    Get in get,
    Dump in dump,
    Export in export,
    Import in import,
    Map in map,
    Stat in stat,
    Top in top,
    Check in check,
    Repair in repair,
    Backup in backup,
    Compact in compact,
    Trim in trim,
    Gc in gc,
    Doctor in doctor,
    Bench in bench,
    Completions in completions,
    Man in man,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    cli.color.write_global();
    let output = Output { json: cli.json, quiet: cli.quiet };
    match cli.command.run(output) {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Findings) => ExitCode::from(exit::FINDINGS),
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit::code(&error);
            if output.json {
                tell(&format!("{:?}", error.kind()), &error.to_string(), code);
            } else {
                let _ = writeln!(anstream::stderr(), "{} {error}", paint(BAD, "fheap:"));
            }
            ExitCode::from(code)
        }
    }
}

/// An error as JSON. A closed standard error is no reason to panic.
fn tell(kind: &str, text: &str, code: u8) {
    let told = serde_json::json!({ "error": { "kind": kind, "text": text, "exit": code } });
    let _ = writeln!(io::stderr(), "{told}");
}

/// Arguments that clap does not take; help and version, which it ends with as well, are no errors.
fn refused(error: &clap::Error) -> ExitCode {
    let options = std::env::args_os().take_while(|argument| argument != "--");
    if error.use_stderr() && options.into_iter().any(|argument| argument == "--json") {
        tell("InvalidArgument", error.to_string().trim_end(), exit::USAGE);
    } else {
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 })
}
