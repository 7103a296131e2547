//! `fheap map`: a picture of the heap, in the terminal, as SVG or as HTML.

use std::io::IsTerminal;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use fileheap_core::Result;
use serde_json::json;

use super::export::{may_be_made, replace};
use super::open_to_read;
use crate::map::{Shade, Survey, draw, draw_text, page};
use crate::output::{Ending, Output, cannot_write};

/// Draw what lies where, whose it is, and what is free
#[derive(clap::Args)]
#[command(after_help = "A tile shows what most of it is. A zone is coloured by how full it is. \
                        Allocations have no date; vectors are numbered in the order of their \
                        birth, and the pictures show that order as their age.")]
pub struct Map {
    /// The heap file
    heap: PathBuf,
    /// Write an SVG picture to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a self-contained HTML page to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    /// Characters in a line of the terminal's map
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    width: Option<u16>,
    /// Lines of the terminal's map at most
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rows: u16,
}

impl Map {
    pub fn run(&self, output: Output) -> Result<Ending> {
        for path in self.svg.iter().chain(&self.html) {
            may_be_made(path, self.force)?;
        }
        let heap = open_to_read(&self.heap)?;
        let survey = Survey::of(&heap, &self.heap)?;
        let files = [(&self.svg, draw as fn(&Survey) -> String), (&self.html, page)];
        for (path, make) in files {
            if let Some(path) = path {
                let picture = make(&survey);
                replace(path, |out| out.write_all(picture.as_bytes()).map_err(cannot_write))?;
            }
        }
        if output.json {
            output.json(&as_json(&survey))?;
        } else if self.svg.is_none() && self.html.is_none() {
            let choice = AutoStream::choice(&std::io::stdout());
            let colours = choice != ColorChoice::Never;
            let width = self.width.unwrap_or_else(|| match std::io::stdout().is_terminal() {
                true => console::Term::stdout().size().1,
                false => 80,
            });
            let (width, rows) = (usize::from(width), usize::from(self.rows));
            output.text(&draw_text(&survey, width, rows, colours))?;
        }
        Ok(Ending::Fine)
    }
}

fn as_json(survey: &Survey) -> serde_json::Value {
    let kind = |shade| match shade {
        Shade::Own => "own",
        Shade::Run => "run",
        Shade::Direct => "direct",
        Shade::Free => "free",
        Shade::Punched => "punched",
        Shade::Cells(_) => "zone",
    };
    let regions: Vec<_> = survey
        .regions
        .iter()
        .map(|region| {
            json!({
                "offset": region.offset, "bytes": region.bytes, "kind": kind(Shade::of(region)),
                "live_count": region.live_count, "live_bytes": region.live_bytes,
            })
        })
        .collect();
    json!({
        "transaction": survey.txn, "heap_bytes": survey.heap_bytes(),
        "fragmentation": survey.stat.fragmentation(), "regions": regions, "owners": survey.owners,
    })
}
