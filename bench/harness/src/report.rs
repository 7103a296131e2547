//! Medians, ratios within a round, and the printed table.

use std::fmt::Write;

use crate::job::{Shot, Table};

pub enum Outcome {
    Values(Vec<f64>),
    Failed(String),
}

/// The values of a table: per row and column, one per round.
pub struct Samples {
    columns: Vec<&'static str>,
    values: Vec<Vec<Vec<f64>>>,
    failures: Vec<Vec<String>>,
}

impl Samples {
    pub fn new(table: &Table) -> Self {
        let columns: Vec<_> = table.shots.iter().flat_map(|shot| shot.columns.clone()).collect();
        let values = vec![vec![Vec::new(); columns.len()]; table.rows.len()];
        Self { columns, values, failures: vec![Vec::new(); table.rows.len()] }
    }

    pub fn add(&mut self, row: usize, shot: &Shot, outcome: Outcome) {
        match outcome {
            Outcome::Failed(why) => {
                if !self.failures[row].contains(&why) {
                    self.failures[row].push(why);
                }
            }
            Outcome::Values(values) => {
                for (name, value) in shot.columns.iter().zip(values) {
                    let column = self.columns.iter().position(|column| column == name);
                    self.values[row][column.expect("a column of the table")].push(value);
                }
            }
        }
    }
}

/// Median, least, greatest.
fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = match sorted.len() % 2 {
        1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    };
    Some((median, least, greatest))
}

/// Three significant digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn with_spread(values: &[f64], unit: &str) -> Option<String> {
    let (median, least, greatest) = spread(values)?;
    Some(format!("{}{unit} [{}-{}]", short(median), short(least), short(greatest)))
}

fn cell(values: &[f64], reference: Option<&[f64]>) -> String {
    let Some(own) = with_spread(values, "") else {
        return "fails".into();
    };
    let ratios: Option<Vec<f64>> =
        reference.map(|reference| values.iter().zip(reference).map(|(v, r)| v / r).collect());
    match ratios.and_then(|ratios| with_spread(&ratios, "x")) {
        Some(ratio) => format!("{own}, **{}", ratio.replacen('x', "x**", 1)),
        None => own,
    }
}

/// A Markdown table: median [least-greatest], then the same of the ratios to the reference.
pub fn table(workload: &str, table: &Table, samples: &Samples) -> String {
    let reference = table.reference.and_then(|name| table.rows.iter().position(|r| *r == name));
    let mut text = format!("\n## {workload}: {}\n\n| |", table.title);
    for column in &samples.columns {
        write!(text, " {column} |").expect("writing to a string");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(samples.columns.len()));
    for (row, name) in table.rows.iter().enumerate() {
        write!(text, "\n| {name} |").expect("writing to a string");
        for column in 0..samples.columns.len() {
            let base = reference.filter(|base| *base != row);
            let base = base.map(|base| samples.values[base][column].as_slice());
            write!(text, " {} |", cell(&samples.values[row][column], base))
                .expect("writing to a string");
        }
    }
    text.push('\n');
    for (row, name) in table.rows.iter().enumerate() {
        for why in &samples.failures[row] {
            write!(text, "\n{name} failed: {why}\n").expect("writing to a string");
        }
    }
    text
}
