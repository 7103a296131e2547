//! Mutual information of two variables, in nats, from counts and densities on a grid.
//!
//! A discrete variable has its levels as cells. A continuous one has the points of a grid from
//! three bandwidths below its least to three above its greatest value; each value is shared
//! between its two neighbours in proportion (linear binning), and the weights are smoothed with a
//! Gaussian kernel of Silverman's bandwidth (R's `bw.nrd0`). The cells' weights, divided by their
//! sum, are the joint distribution; the marginal ones are its sums.

use crate::fault::{Fault, answer};

/// Points of the grid if one variable is continuous, and for each if both are.
const POINTS_ALONE: usize = 256;
const POINTS_TOGETHER: usize = 64;
/// A grid goes so many bandwidths beyond the values.
const CUT: f64 = 3.0;

/// Where a value lies: a cell, and the share that the next cell has of it.
type Place = (usize, f64);

/// One variable: its number of cells, and the kernel between them if it is continuous.
struct Axis {
    cells: usize,
    places: Vec<Place>,
    /// Weight of cells by their distance; empty for a discrete variable.
    kernel: Vec<f64>,
}

/// The `p`-quantile of sorted values, as R's type 7.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * p;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

/// Silverman's rule, as R's `bw.nrd0`.
fn bandwidth(sorted: &[f64], first: f64) -> f64 {
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
    let range = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.34;
    let spread = [deviation.min(range), deviation, first.abs(), 1.0];
    let spread = spread.into_iter().find(|it| *it > 0.0).unwrap_or(1.0);
    0.9 * spread * count.powf(-0.2)
}

impl Axis {
    fn new(values: &[f64], levels: u32, points: usize) -> Self {
        if levels > 0 {
            let places = values.iter().map(|value| (*value as usize, 0.0)).collect();
            return Self { cells: levels as usize, places, kernel: Vec::new() };
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let width = bandwidth(&sorted, values[0]);
        let low = sorted[0] - CUT * width;
        let step = (sorted[sorted.len() - 1] + CUT * width - low) / (points - 1) as f64;
        let place = |value: &f64| {
            let at = (value - low) / step;
            let cell = (at.floor() as usize).min(points - 2);
            (cell, at - cell as f64)
        };
        let weight = |distance: usize| (-0.5 * (distance as f64 * step / width).powi(2)).exp();
        Self {
            cells: points,
            places: values.iter().map(place).collect(),
            kernel: (0..points).map(weight).collect(),
        }
    }
}

/// Smooths `table`, cells of `x` in rows, along `x`.
fn smooth_rows(table: &[f64], kernel: &[f64], columns: usize) -> Vec<f64> {
    if kernel.is_empty() {
        return table.to_vec();
    }
    let rows = kernel.len();
    let mut smooth = vec![0.0; table.len()];
    for from in 0..rows {
        let source = &table[from * columns..][..columns];
        if source.iter().all(|weight| *weight == 0.0) {
            continue;
        }
        for to in 0..rows {
            let weight = kernel[from.abs_diff(to)];
            if weight > 0.0 {
                let target = &mut smooth[to * columns..][..columns];
                target.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    smooth
}

fn transpose(table: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut turned = vec![0.0; table.len()];
    for row in 0..rows {
        for column in 0..columns {
            turned[column * rows + row] = table[row * columns + column];
        }
    }
    turned
}

fn joint(x: &Axis, y: &Axis) -> Vec<f64> {
    let mut table = vec![0.0; x.cells * y.cells];
    for (&(row, right), &(column, up)) in x.places.iter().zip(&y.places) {
        let mut add = |row: usize, column: usize, weight: f64| {
            if weight > 0.0 {
                table[row * y.cells + column] += weight;
            }
        };
        add(row, column, (1.0 - right) * (1.0 - up));
        add(row + 1, column, right * (1.0 - up));
        add(row, column + 1, (1.0 - right) * up);
        add(row + 1, column + 1, right * up);
    }
    let table = smooth_rows(&table, &x.kernel, y.cells);
    if y.kernel.is_empty() {
        return table;
    }
    let turned = transpose(&table, x.cells, y.cells);
    transpose(&smooth_rows(&turned, &y.kernel, x.cells), y.cells, x.cells)
}

/// Cells of at most `eps` say nothing, and so does a sum below it.
fn information(x: &Axis, y: &Axis, eps: f64) -> f64 {
    let mut table = joint(x, y);
    let total: f64 = table.iter().sum();
    table.iter_mut().for_each(|weight| *weight /= total);
    let of_x: Vec<f64> = table.chunks(y.cells).map(|row| row.iter().sum()).collect();
    let mut of_y = vec![0.0; y.cells];
    for row in table.chunks(y.cells) {
        of_y.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
    }
    let mut sum = 0.0;
    for (row, p_x) in table.chunks(y.cells).zip(&of_x) {
        for (weight, p_y) in row.iter().zip(&of_y) {
            if *weight > eps {
                sum += weight * (weight / (p_x * p_y)).ln();
            }
        }
    }
    if sum < eps { 0.0 } else { sum }
}

/// Mutual information. `x_levels` and `y_levels` are the numbers of levels of discrete variables,
/// whose values are then codes from 0, and 0 for continuous ones, whose values are finite.
///
/// # Safety
/// `x` and `y` have `length` elements, at least one; a place for the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_mutualinfo(
    x: *const f64,
    y: *const f64,
    length: u64,
    x_levels: u32,
    y_levels: u32,
    eps: f64,
    result: *mut f64,
    fault: *mut Fault,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        answer(fault, result, || {
            let x = std::slice::from_raw_parts(x, length as usize);
            let y = std::slice::from_raw_parts(y, length as usize);
            let both = x_levels == 0 && y_levels == 0;
            let points = if both { POINTS_TOGETHER } else { POINTS_ALONE };
            let x = Axis::new(x, x_levels, points);
            let y = Axis::new(y, y_levels, points);
            Ok(information(&x, &y, eps))
        })
    }
}
