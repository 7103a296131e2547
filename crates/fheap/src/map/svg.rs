//! The map as SVG: rows of the heap, names where they fit, the age of vectors, free runs by size.

use std::fmt::Write as _;

use super::terminal::colour;
use super::{Grid, Shade, Survey};
use crate::text::{bytes, count, percent};

const WIDTH: f64 = 1040.0;
const LEFT: f64 = 90.0;
const MAP_WIDTH: f64 = 920.0;
const COLUMNS_MAX: usize = 460;
const ROWS_MAX: usize = 40;
const ROW: f64 = 18.0;
/// Below each row: the age of vectors.
const LANE: f64 = 3.0;
const STEP: f64 = 24.0;
const TOP: f64 = 92.0;

/// The picture as a document of its own.
pub fn draw(survey: &Survey) -> String {
    let (columns, rows) = size_for(survey);
    let grid = Grid::of(survey, columns, rows);
    let map_height = grid.rows().count() as f64 * STEP;
    let has_ages = survey.owners.iter().any(|owner| owner.youth.is_some());
    let below = TOP + map_height + 18.0;
    let classes = survey.free_runs();
    let height = below + 132.0_f64.max(34.0 + 16.0 * classes.len().min(12) as f64) + 20.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" \
         fill=\"#1e293b\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{DEFS}"
    );
    head(survey, &mut out);
    tiles(&grid, &mut out);
    ages(survey, &grid, &mut out);
    names(survey, &grid, &mut out);
    legend(survey, below, has_ages, &mut out);
    free_runs(&classes, below, &mut out);
    out.push_str("</svg>\n");
    out
}

const DEFS: &str = "<defs><pattern id=\"hole\" width=\"6\" height=\"6\" \
     patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" \
     height=\"6\" \
     fill=\"#f8fafc\"/><rect width=\"1.5\" height=\"6\" fill=\"#cbd5e1\"/></pattern>\
     <linearGradient id=\"age\"><stop offset=\"0\" stop-color=\"#4c1d95\"/><stop offset=\"0.5\" \
     stop-color=\"#db2777\"/><stop offset=\"1\" stop-color=\"#facc15\"/></linearGradient></defs>\n";

/// Few tiles for small heaps, so that one is a page at least and the rows are full.
fn size_for(survey: &Survey) -> (usize, usize) {
    let pages = (survey.heap_bytes() / fileheap_core::format::PAGE_BYTES) as usize;
    let rows = ((pages as f64).sqrt() / 6.0).ceil().clamp(2.0, ROWS_MAX as f64) as usize;
    (pages.div_ceil(rows).clamp(1, COLUMNS_MAX), rows)
}

pub fn fill(shade: Shade) -> String {
    match shade {
        Shade::Punched => "url(#hole)".to_owned(),
        Shade::Free => "#e9eef5".to_owned(),
        Shade::Cells(fullness) => {
            let levels = ["#fef3c7", "#fde68a", "#fbbf24", "#f59e0b", "#d97706"];
            levels[usize::from(fullness.min(4))].to_owned()
        }
        shade => {
            let anstyle::RgbColor(red, green, blue) = colour(shade);
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
    }
}

/// The colour of an age: violet is old, yellow is young.
fn age_colour(youth: f64) -> String {
    let stops = [(76.0, 29.0, 149.0), (219.0, 39.0, 119.0), (250.0, 204.0, 21.0)];
    let (from, to, part) = match youth {
        youth if youth < 0.5 => (stops[0], stops[1], youth * 2.0),
        youth => (stops[1], stops[2], (youth - 0.5) * 2.0),
    };
    let mix = |one: f64, other: f64| (one + (other - one) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML has no place for most control characters.
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn head(survey: &Survey, out: &mut String) {
    let stat = &survey.stat;
    let title = survey.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = stat.free_run_bytes + stat.free_cell_bytes;
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"34\" font-size=\"20\" font-weight=\"600\">{}</text>\n\
         <text x=\"{LEFT}\" y=\"54\" fill=\"#64748b\">transaction {} · {} live in {} allocations · \
         {} free · fragmentation {:.1} % · largest free run {}</text>",
        escaped(&title),
        survey.txn,
        bytes(stat.live_bytes),
        count(stat.cell_count + stat.run_count + stat.direct_count),
        bytes(free),
        100.0 * stat.fragmentation(),
        bytes(stat.largest_free_bytes),
    );
    let mut x = LEFT;
    for (shade, name) in Shade::LEGEND {
        let size = shade.bytes(survey);
        let width = MAP_WIDTH * size as f64 / survey.heap_bytes().max(1) as f64;
        let part = percent(size, survey.heap_bytes());
        let _ = writeln!(
            out,
            "<rect x=\"{x:.2}\" y=\"66\" width=\"{width:.2}\" height=\"8\" \
             fill=\"{}\"><title>{name}: \
             {}, {part}</title></rect>",
            fill(shade),
            bytes(size)
        );
        x += width;
    }
}

fn tiles(grid: &Grid, out: &mut String) {
    let unit = MAP_WIDTH / grid.columns as f64;
    for (index, row) in grid.rows().enumerate() {
        let y = TOP + index as f64 * STEP;
        let start = index as u64 * grid.row_bytes();
        let label = LEFT - 8.0;
        let _ = writeln!(
            out,
            "<text x=\"{label}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"10\" \
             fill=\"#94a3b8\">{}</text>",
            y + ROW / 2.0 + 3.5,
            bytes(start)
        );
        let mut column = 0;
        for alike in row.chunk_by(|one, other| one == other) {
            let (x, width) = (LEFT + column as f64 * unit, alike.len() as f64 * unit);
            let from = start + column as u64 * grid.tile_bytes;
            let size = bytes(alike.len() as u64 * grid.tile_bytes);
            let _ = writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{ROW}\" \
                 fill=\"{}\"><title>{size} at {from:#x}: {}</title></rect>",
                fill(alike[0]),
                name_of(alike[0])
            );
            column += alike.len();
        }
    }
}

fn name_of(shade: Shade) -> String {
    match shade {
        Shade::Cells(fullness) => format!("zones, up to {} % full", u32::from(fullness) * 25),
        shade => {
            let found = Shade::LEGEND.iter().find(|(known, _)| *known == shade);
            found.map_or("", |(_, name)| name).to_owned()
        }
    }
}

/// Where a range lies on the map: pieces of rows as x, y and width.
fn pieces(grid: &Grid, offset: u64, length: u64) -> Vec<(f64, f64, f64)> {
    let row_bytes = grid.row_bytes();
    let scale = MAP_WIDTH / row_bytes as f64;
    let (mut at, end) = (offset, offset.saturating_add(length));
    let last = (grid.tiles.len() as u64 * grid.tile_bytes).min(end);
    let mut all = Vec::new();
    while at < last {
        let row = at / row_bytes;
        let stop = ((row + 1) * row_bytes).min(last);
        let x = LEFT + (at - row * row_bytes) as f64 * scale;
        all.push((x, TOP + row as f64 * STEP, (stop - at) as f64 * scale));
        at = stop;
    }
    all
}

fn ages(survey: &Survey, grid: &Grid, out: &mut String) {
    for owner in &survey.owners {
        let Some(youth) = owner.youth else { continue };
        for (x, y, width) in pieces(grid, owner.offset, owner.bytes) {
            // What cannot be seen is not drawn: thousands of small vectors stay a small file.
            if width >= 0.3 {
                let y = y + ROW;
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{LANE}\" \
                     fill=\"{}\"/>",
                    age_colour(youth)
                );
            }
        }
    }
}

/// A frame around what has a name, and the name where there is room for it.
fn names(survey: &Survey, grid: &Grid, out: &mut String) {
    for owner in &survey.owners {
        let all = pieces(grid, owner.offset, owner.bytes);
        // The first of several.
        let wider = |best: (f64, f64, f64), it: (f64, f64, f64)| match it.2 > best.2 + 0.01 {
            true => it,
            false => best,
        };
        let widest = all.iter().copied().reduce(wider);
        let Some((x, y, width)) = widest.filter(|(_, _, width)| *width >= 3.0) else { continue };
        for (x, y, width) in &all {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{ROW}\" \
                 fill=\"#ffffff\" fill-opacity=\"0\" stroke=\"#ffffff\" stroke-opacity=\"0.75\" \
                 stroke-width=\"0.8\"><title>{}: {} at {:#x}</title></rect>",
                escaped(&owner.name),
                bytes(owner.bytes),
                owner.offset
            );
        }
        let needed = owner.name.chars().count() as f64 * 6.4 + 10.0;
        if width >= needed {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#ffffff\" \
                 pointer-events=\"none\">{}</text>",
                x + 5.0,
                y + ROW / 2.0 + 4.0,
                escaped(&owner.name)
            );
        }
    }
}

fn legend(survey: &Survey, top: f64, has_ages: bool, out: &mut String) {
    for (index, (shade, name)) in Shade::LEGEND.into_iter().enumerate() {
        let y = top + 10.0 + index as f64 * 18.0;
        let size = shade.bytes(survey);
        let part = percent(size, survey.heap_bytes());
        swatch(shade, y, out);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\">{name}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\" \
             fill=\"#64748b\">{} · {part}</text>",
            LEFT + 32.0,
            y + 10.0,
            LEFT + 440.0,
            y + 10.0,
            bytes(size)
        );
    }
    let y = top + 10.0 + Shade::LEGEND.len() as f64 * 18.0;
    if has_ages {
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"22\" height=\"4\" fill=\"url(#age)\"/>\
             <text x=\"{}\" y=\"{}\">below a row: vectors from the oldest to the youngest</text>",
            y + 4.0,
            LEFT + 32.0,
            y + 10.0
        );
    }
}

/// A shade's colour; of zones all that it can be.
fn swatch(shade: Shade, y: f64, out: &mut String) {
    let parts: Vec<Shade> = match shade {
        Shade::Cells(_) => (0..5).map(Shade::Cells).collect(),
        shade => vec![shade],
    };
    let width = 22.0 / parts.len() as f64;
    for (index, part) in parts.into_iter().enumerate() {
        let (x, colour) = (LEFT + index as f64 * width, fill(part));
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"12\" fill=\"{colour}\"/>"
        );
    }
}

fn free_runs(classes: &[(u64, u64, u64)], top: f64, out: &mut String) {
    let left = LEFT + 530.0;
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"600\">free runs</text>",
        top + 14.0
    );
    if classes.is_empty() {
        let _ =
            writeln!(out, "<text x=\"{left}\" y=\"{}\" fill=\"#64748b\">none</text>", top + 34.0);
    }
    let most = classes.iter().map(|class| class.2).max().unwrap_or(1).max(1);
    let shown = &classes[classes.len().saturating_sub(12)..];
    for (index, &(up_to, number, size)) in shown.iter().enumerate() {
        let y = top + 24.0 + index as f64 * 16.0;
        let width = (180.0 * size as f64 / most as f64).max(1.0);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"11\" fill=\"#64748b\">up to \
             {}</text><rect x=\"{}\" y=\"{y}\" width=\"{width:.1}\" height=\"10\" rx=\"2\" \
             fill=\"#94a3b8\"/><text x=\"{:.1}\" y=\"{}\" font-size=\"11\">{} · {}</text>",
            left + 96.0,
            y + 9.0,
            bytes(up_to),
            left + 104.0,
            left + 110.0 + width,
            y + 9.0,
            count(number),
            bytes(size)
        );
    }
}
