//! `fheap completions`: what a shell needs to complete our commands.

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use fileheap_core::Result;

use crate::output::{Ending, Output};

/// Print completions for a shell
#[derive(clap::Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

impl Completions {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let mut script = Vec::new();
        let mut cli = crate::Cli::command();
        clap_complete::generate(self.shell, &mut cli, "fheap", &mut script);
        if self.shell == Shell::Fish {
            script.extend(fish_words(&cli).into_bytes());
        }
        output.text(&String::from_utf8_lossy(&script))?;
        Ok(Ending::Fine)
    }
}

/// The generator gives fish the values of options, not those of other arguments.
fn fish_words(cli: &clap::Command) -> String {
    let shells: Vec<String> = Shell::value_variants().iter().map(Shell::to_string).collect();
    let commands: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    [("completions", shells.join(" ")), ("help", commands.join(" "))]
        .map(|(of, words)| {
            format!(
                "complete -c fheap -n \"__fish_fheap_using_subcommand {of}\" -f -a \"{words}\"\n"
            )
        })
        .concat()
}
