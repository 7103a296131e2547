//! `fheap completions`: what a shell needs to complete our commands.

use clap::CommandFactory;
use fileheap_core::Result;

use crate::output::{Ending, Output};

/// Print completions for a shell
#[derive(clap::Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "fheap", &mut script);
        output.text(&String::from_utf8_lossy(&script))?;
        Ok(Ending::Fine)
    }
}
