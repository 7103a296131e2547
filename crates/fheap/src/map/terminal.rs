//! The map in a terminal: a letter for each tile, in colours where there are any.

use anstyle::{Color, RgbColor, Style};

use super::{Grid, Shade, Survey};
use crate::output::{FAINT, HEAD, paint};
use crate::text::{bytes, clean, percent};

/// The letter of a tile: readable without colours.
fn letter(shade: Shade) -> char {
    match shade {
        Shade::Own => '#',
        Shade::Run => '=',
        Shade::Direct => 'D',
        Shade::Free => '.',
        Shade::Punched => ' ',
        Shade::Cells(fill) => ['_', '1', '2', '3', '4'][usize::from(fill.min(4))],
    }
}

/// The block of a tile where there are colours.
fn block(shade: Shade) -> char {
    match shade {
        Shade::Free => '·',
        Shade::Punched => ' ',
        Shade::Cells(fill) => ['░', '░', '▒', '▓', '█'][usize::from(fill.min(4))],
        _ => '█',
    }
}

fn style(shade: Shade) -> Style {
    let RgbColor(red, green, blue) = colour(shade);
    Style::new().fg_color(Some(Color::Rgb(RgbColor(red, green, blue))))
}

/// The colours of all pictures.
pub fn colour(shade: Shade) -> RgbColor {
    match shade {
        Shade::Own => RgbColor(100, 116, 139),
        Shade::Run => RgbColor(59, 130, 246),
        Shade::Direct => RgbColor(20, 184, 166),
        Shade::Cells(_) => RgbColor(245, 158, 11),
        Shade::Free => RgbColor(148, 163, 184),
        Shade::Punched => RgbColor(203, 213, 225),
    }
}

/// The whole picture, `width` characters wide.
pub fn draw(survey: &Survey, width: usize, rows: usize, colours: bool) -> String {
    let label = 10;
    let grid = Grid::of(survey, width.saturating_sub(label + 2).max(8), rows);
    let mut text = head(survey);
    for (index, row) in grid.rows().enumerate() {
        let offset = bytes(index as u64 * grid.row_bytes());
        text.push_str(&paint(FAINT, format!("{offset:>label$}")));
        text.push_str("  ");
        for tiles in row.chunk_by(|one, other| one == other) {
            let shade = tiles[0];
            if colours {
                let blocks: String = tiles.iter().map(|_| block(shade)).collect();
                text.push_str(&paint(style(shade), blocks));
            } else {
                text.extend(tiles.iter().map(|_| letter(shade)));
            }
        }
        // A row may end with what was given back.
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text.push_str(&format!("{:>label$}  each mark is {}\n\n", "", bytes(grid.tile_bytes)));
    legend(survey, colours, &mut text);
    owners(survey, &mut text);
    text
}

fn head(survey: &Survey) -> String {
    let stat = &survey.stat;
    let title = format!("{}, transaction {}", survey.path.display(), survey.txn);
    let free = stat.free_run_bytes + stat.free_cell_bytes;
    format!(
        "{}\n{} in use of {}, {} free, fragmentation {:.1} %\n\n",
        paint(HEAD, title),
        bytes(stat.live_bytes),
        bytes(stat.heap_bytes),
        bytes(free),
        100.0 * stat.fragmentation()
    )
}

fn legend(survey: &Survey, colours: bool, text: &mut String) {
    for (shade, name) in Shade::LEGEND {
        let mark = match (colours, shade) {
            (true, Shade::Cells(_)) => paint(style(shade), "░▒▓█"),
            (true, _) => paint(style(shade), block(shade).to_string().repeat(4)),
            (false, Shade::Cells(_)) => "_1234".to_owned(),
            (false, _) => letter(shade).to_string(),
        };
        let width = if colours { 4 } else { 5 };
        let length = if colours { 4 } else { mark.chars().count() };
        let space = " ".repeat(width - length.min(width));
        let size = shade.bytes(survey);
        let part = percent(size, survey.heap_bytes());
        text.push_str(&format!("  {mark}{space}  {:>10} {part:>8}  {name}\n", bytes(size)));
    }
}

fn owners(survey: &Survey, text: &mut String) {
    let largest = survey.largest(8);
    if largest.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", paint(HEAD, "the largest that have names")));
    for (name, pieces, size) in largest {
        let part = percent(size, survey.heap_bytes());
        let pieces = if pieces == 1 { String::new() } else { format!(" in {pieces} pieces") };
        text.push_str(&format!("  {:>10} {part:>8}  {}{pieces}\n", bytes(size), clean(name)));
    }
}
