//! Numbers in the long double of C, in which base R sums: extended.c calculates with them.

/// One such number, as it lies in memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Extended([u64; 2]);

/// Columns that `add_columns` sums side by side.
pub const SIDE: usize = 4;
/// Columns that `add_rows` adds fastest.
pub const GROUP: usize = 8;

unsafe extern "C" {
    fn fh_extended_from(to: *mut Extended, value: i64);
    fn fh_extended_over(value: *const Extended, divisor: f64) -> f64;
    fn fh_extended_add_columns(sums: *mut Extended, data: *const f64, stride: usize, rows: usize);
    fn fh_extended_add_rows(
        sums: *mut Extended,
        rows: usize,
        data: *const f64,
        stride: usize,
        columns: usize,
    );
}

impl Extended {
    pub const ZERO: Self = Self([0; 2]);

    /// This number over another, rounded to a double.
    pub fn over(&self, divisor: f64) -> f64 {
        // SAFETY: reads this number.
        unsafe { fh_extended_over(self, divisor) }
    }

    /// The nearest double.
    pub fn rounded(&self) -> f64 {
        self.over(1.0)
    }

    pub fn from_integer(value: i64) -> Self {
        let mut result = Self::ZERO;
        // SAFETY: writes that number.
        unsafe { fh_extended_from(&mut result, value) };
        result
    }
}

/// Adds `rows` elements of each of SIDE columns to the sums; columns lie `stride` doubles apart.
///
/// # Safety
/// All those elements can be read.
pub unsafe fn add_columns(
    sums: &mut [Extended; SIDE],
    data: *const f64,
    stride: usize,
    rows: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { fh_extended_add_columns(sums.as_mut_ptr(), data, stride, rows) }
}

/// Adds to each row's sum its elements in so many columns, in order.
///
/// # Safety
/// As many rows as there are sums can be read in each column.
pub unsafe fn add_rows(sums: &mut [Extended], data: *const f64, stride: usize, columns: usize) {
    // SAFETY: the caller's promise.
    unsafe { fh_extended_add_rows(sums.as_mut_ptr(), sums.len(), data, stride, columns) }
}
