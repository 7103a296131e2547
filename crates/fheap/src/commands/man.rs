//! `fheap man`: the manual pages, made from the same text as the help.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man as Page;
use fileheap_core::{Error, Result};

use crate::output::{Ending, Output, cannot_write};

/// Print the manual page, or write those of all commands into a folder
#[derive(clap::Args)]
pub struct Man {
    /// The folder for fheap.1, fheap-info.1 and so on
    folder: Option<PathBuf>,
}

impl Man {
    pub fn run(&self, output: Output) -> Result<Ending> {
        let mut command = crate::Cli::command();
        command.build();
        let Some(folder) = &self.folder else {
            let mut page = Vec::new();
            Page::new(command).render(&mut page).map_err(cannot_write)?;
            output.text(&String::from_utf8_lossy(&page))?;
            return Ok(Ending::Fine);
        };
        let fail = |error| Error::os("cannot write the manual pages", error).at(folder);
        fs::create_dir_all(folder).map_err(fail)?;
        write(folder, "fheap", &command).map_err(fail)?;
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            write(folder, &format!("fheap-{}", inner.get_name()), inner).map_err(fail)?;
        }
        Ok(Ending::Fine)
    }
}

fn write(folder: &Path, name: &str, command: &clap::Command) -> io::Result<()> {
    let mut page = Vec::new();
    let title: &'static str = Box::leak(name.to_owned().into_boxed_str());
    Page::new(command.clone().name(title).version(env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)
}
