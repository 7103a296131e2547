//! Sums and means of a matrix's rows and columns, by two threads, straight from the mapping.

use std::thread;

use crate::extended::{Extended, GROUP, SIDE, add_columns, add_rows};
use crate::fault::{Fault, guard};

/// Fewer elements are not worth a thread.
const THREAD_ELEMENTS: usize = 1 << 18;
/// Rows whose sums stay in the first cache while columns are added.
const TILE: usize = 512;
const NA_INTEGER: i32 = i32::MIN;
/// R's NA: a NaN whose low word is 1954.
const NA_BITS: u64 = 0x7ff0_0000_0000_07a2;

/// Part of a matrix; shared with C, which declares the same struct as `fh_block`.
#[repr(C)]
pub struct Block {
    data: *const u8,
    /// Rows of the matrix.
    stride: usize,
    first_row: usize,
    rows: usize,
    first_column: usize,
    columns: usize,
    result: *mut f64,
    /// Of `rows` rows: see `Row`.
    state: *mut Row,
    is_double: i32,
    /// Leaves missing values out.
    remove: i32,
    mean: i32,
}

/// What is known of a row after some of its columns.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Row {
    /// Of doubles.
    sum: Extended,
    /// Of integers, exact.
    whole: i64,
    /// Elements that were NA or NaN.
    missing: u64,
}

/// A block's elements, which both threads read.
#[derive(Clone, Copy)]
struct Elements<T> {
    data: *const T,
    stride: usize,
    remove: bool,
}

// SAFETY: read only, and alive until both threads are done.
unsafe impl<T> Sync for Elements<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Elements<T> {}

impl<T: Copy> Elements<T> {
    fn new(block: &Block) -> Self {
        Self { data: block.data.cast(), stride: block.stride, remove: block.remove != 0 }
    }

    /// Where an element lies.
    fn at(&self, row: usize, column: usize) -> *const T {
        self.data.wrapping_add(column * self.stride + row)
    }

    /// Some of the columns' elements in a tile.
    fn column(&self, row: usize, rows: usize, column: usize) -> &[T] {
        // SAFETY: inside of the matrix, which the caller of the entry keeps.
        unsafe { std::slice::from_raw_parts(self.at(row, column), rows) }
    }
}

/// Does the work for two halves of `items` at once, if there are many `elements`.
fn halves<T: Send>(
    items: &mut [T],
    unit: usize,
    elements: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let half = items.len().div_ceil(2).next_multiple_of(unit);
    if elements < THREAD_ELEMENTS || half >= items.len() {
        return work(0, items);
    }
    let (left, right) = items.split_at_mut(half);
    let work = &work;
    thread::scope(|scope| {
        scope.spawn(move || work(half, right));
        work(0, left);
    });
}

/// Copies a tile's part of a column with 0 in place of what is missing, which is counted.
fn without_missing(from: &[f64], to: &mut [f64], missing: &mut [u32]) {
    for ((from, to), missing) in from.iter().zip(to).zip(missing) {
        *to = if from.is_nan() { 0.0 } else { *from };
        *missing += u32::from(from.is_nan());
    }
}

fn na() -> f64 {
    f64::from_bits(NA_BITS)
}

/// What base R makes of a sum: the sum, or the mean of `count` elements.
fn ended(sum: Extended, count: Option<usize>) -> f64 {
    count.map_or_else(|| sum.rounded(), |count| sum.over(count as f64))
}

impl Elements<f64> {
    /// Whether base R would add all of them: looked at without a branch, as few are missing.
    fn takes_all(&self, row: usize, rows: usize, first: usize, columns: usize) -> bool {
        let has_missing = |column: usize| {
            self.column(row, rows, column).iter().fold(false, |found, it| found | it.is_nan())
        };
        !self.remove || !(first..first + columns).any(has_missing)
    }

    /// The results of SIDE columns or fewer. Adding 0 to a sum that began with 0 changes nothing.
    fn side(&self, row: usize, rows: usize, column: usize, mean: bool, result: &mut [f64]) {
        let mut sums = [Extended::ZERO; SIDE];
        let mut missing = [0usize; SIDE];
        let mut plain = [0.0f64; TILE * SIDE];
        for start in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - start);
            let row = row + start;
            if result.len() == SIDE && self.takes_all(row, count, column, SIDE) {
                // SAFETY: SIDE columns of the matrix, of which these are rows.
                unsafe { add_columns(&mut sums, self.at(row, column), self.stride, count) };
                continue;
            }
            for index in 0..result.len() {
                let from = self.column(row, count, column + index);
                let to = &mut plain[index * TILE..][..count];
                if self.remove {
                    let mut found = [0; TILE];
                    without_missing(from, to, &mut found);
                    missing[index] += found.iter().sum::<u32>() as usize;
                } else {
                    to.copy_from_slice(from);
                }
            }
            // SAFETY: SIDE columns of TILE rows each.
            unsafe { add_columns(&mut sums, plain.as_ptr(), TILE, count) };
        }
        for (index, result) in result.iter_mut().enumerate() {
            *result = ended(sums[index], mean.then_some(rows - missing[index]));
        }
    }

    /// Adds columns to a tile of rows.
    fn add_tile(&self, row: usize, first: usize, columns: usize, state: &mut [Row]) {
        let rows = state.len();
        let (mut all, mut missing) = ([Extended::ZERO; TILE], [0u32; TILE]);
        for (sum, row) in all.iter_mut().zip(state.iter()) {
            *sum = row.sum;
        }
        let (sums, missing) = (&mut all[..rows], &mut missing[..rows]);
        let mut plain = [0.0f64; TILE * GROUP];
        for column in (first..first + columns).step_by(GROUP) {
            let group = GROUP.min(first + columns - column);
            if self.takes_all(row, rows, column, group) {
                // SAFETY: so many columns of the matrix, of which these are rows.
                unsafe { add_rows(sums, self.at(row, column), self.stride, group) };
                continue;
            }
            for index in 0..group {
                let to = &mut plain[index * TILE..][..rows];
                without_missing(self.column(row, rows, column + index), to, missing);
            }
            // SAFETY: as many columns of TILE rows each.
            unsafe { add_rows(sums, plain.as_ptr(), TILE, group) };
        }
        for ((sum, missing), row) in sums.iter().zip(missing).zip(state) {
            row.sum = *sum;
            row.missing += u64::from(*missing);
        }
    }
}

impl Elements<i32> {
    /// One column's result. Sums of integers are exact, in base R's long double as here.
    fn column_result(&self, row: usize, rows: usize, column: usize, mean: bool) -> f64 {
        let (mut whole, mut missing) = (0i64, 0usize);
        for &value in self.column(row, rows, column) {
            let is_missing = value == NA_INTEGER;
            whole += i64::from(if is_missing { 0 } else { value });
            missing += usize::from(is_missing);
        }
        if missing > 0 && !self.remove {
            return na();
        }
        ended(Extended::from_integer(whole), mean.then_some(rows - missing))
    }

    fn add_tile(&self, row: usize, first: usize, columns: usize, state: &mut [Row]) {
        let (mut whole, mut missing) = ([0i64; TILE], [0u32; TILE]);
        for column in first..first + columns {
            let from = self.column(row, state.len(), column);
            for ((&value, whole), missing) in from.iter().zip(&mut whole).zip(&mut missing) {
                let is_missing = value == NA_INTEGER;
                *whole += i64::from(if is_missing { 0 } else { value });
                *missing += u32::from(is_missing);
            }
        }
        for ((row, whole), missing) in state.iter_mut().zip(whole).zip(missing) {
            row.whole += whole;
            row.missing += u64::from(missing);
        }
    }
}

fn column_sums(block: &Block, result: &mut [f64]) {
    let (row, rows, first, mean) = (block.first_row, block.rows, block.first_column, block.mean);
    let elements = rows * block.columns;
    if block.is_double != 0 {
        let from = Elements::<f64>::new(block);
        halves(result, SIDE, elements, move |start, result| {
            for (index, some) in result.chunks_mut(SIDE).enumerate() {
                from.side(row, rows, first + start + index * SIDE, mean != 0, some);
            }
        });
    } else {
        let from = Elements::<i32>::new(block);
        halves(result, 1, elements, move |start, result| {
            for (index, one) in result.iter_mut().enumerate() {
                *one = from.column_result(row, rows, first + start + index, mean != 0);
            }
        });
    }
}

fn row_add(block: &Block, state: &mut [Row]) {
    let (row, first, columns) = (block.first_row, block.first_column, block.columns);
    let elements = block.rows * columns;
    let (doubles, integers) = (Elements::<f64>::new(block), Elements::<i32>::new(block));
    let is_double = block.is_double != 0;
    halves(state, 8, elements, move |start, state| {
        for (index, tile) in state.chunks_mut(TILE).enumerate() {
            let row = row + start + index * TILE;
            if is_double {
                doubles.add_tile(row, first, columns, tile);
            } else {
                integers.add_tile(row, first, columns, tile);
            }
        }
    });
}

fn row_end(block: &Block, state: &[Row], result: &mut [f64]) {
    let (is_double, remove, mean) = (block.is_double != 0, block.remove != 0, block.mean != 0);
    for (row, result) in state.iter().zip(result) {
        let missing = if remove { row.missing as usize } else { 0 };
        let count = mean.then_some(block.columns - missing);
        *result = match (is_double, remove) {
            (true, _) => ended(row.sum, count),
            (false, false) if row.missing > 0 => na(),
            (false, _) => ended(Extended::from_integer(row.whole), count),
        };
    }
}

/// Bytes for the state of one row.
#[unsafe(no_mangle)]
pub extern "C" fn fh_row_state_bytes() -> u64 {
    size_of::<Row>() as u64
}

/// Sums or means of whole columns into `result`.
///
/// # Safety
/// The block is inside of a matrix that lives, `result` has room for its columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_column_sums(block: *const Block, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let block = &*block;
            column_sums(block, std::slice::from_raw_parts_mut(block.result, block.columns));
            Ok(())
        })
    }
}

/// Adds a block to the `state` of its rows.
///
/// # Safety
/// As `fh_column_sums`; `state` is that of the block's rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_row_add(block: *const Block, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let block = &*block;
            row_add(block, std::slice::from_raw_parts_mut(block.state, block.rows));
            Ok(())
        })
    }
}

/// Sums or means of rows into `result`, when all columns were added.
///
/// # Safety
/// As `fh_row_add`, and room for the rows in `result`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fh_row_end(block: *const Block, fault: *mut Fault) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        guard(fault, || {
            let block = &*block;
            let state = std::slice::from_raw_parts(block.state, block.rows);
            row_end(block, state, std::slice::from_raw_parts_mut(block.result, block.rows));
            Ok(())
        })
    }
}
