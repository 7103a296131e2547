//! Sums in the long double of C, as base R makes them: 64 bits of mantissa, rounded at each step.
//!
//! On x86-64 that is the x87 unit, so that results are base R's to the bit. It adds once in a cycle
//! but takes several for each: the kernels keep some sums going side by side. They add from memory:
//! of two NaN, one of them R's NA, it depends on the instruction which one the sum is.

/// One such number, as `long double` lies in memory.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Extended([u8; 16]);

impl Extended {
    pub const ZERO: Self = Self([0; 16]);

    /// This number over another, rounded to 64 bits and then to a double.
    pub fn over(&self, divisor: f64) -> f64 {
        let mut result = 0.0f64;
        x87::over(self, &divisor, &mut result);
        result
    }

    /// The nearest double.
    pub fn rounded(&self) -> f64 {
        self.over(1.0)
    }

    pub fn from_integer(value: i64) -> Self {
        let mut result = Self::ZERO;
        x87::from_integer(&value, &mut result);
        result
    }
}

/// Columns that `add_columns` sums side by side.
pub const SIDE: usize = 4;
/// Columns that `add_rows` adds in one go.
pub const GROUP: usize = 8;

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
    unsafe {
        if rows > 1 {
            x87::add_columns(sums, data, stride * 8, rows / 2);
        }
        if rows % 2 == 1 {
            for (index, sum) in sums.iter_mut().enumerate() {
                x87::add(sum, &*data.wrapping_add(index * stride + rows - 1));
            }
        }
    }
}

/// Adds to each row's sum its elements in GROUP columns, in order.
///
/// # Safety
/// As many rows as there are sums can be read in each column.
pub unsafe fn add_rows(sums: &mut [Extended], data: *const f64, stride: usize) {
    if !sums.is_empty() {
        // SAFETY: the caller's promise.
        unsafe { x87::add_rows(sums, data, stride * 8) };
    }
}

/// Adds to each row's sum its element in one column.
pub fn add_column(sums: &mut [Extended], column: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(column) {
        x87::add(sum, value);
    }
}

#[cfg(target_arch = "x86_64")]
mod x87 {
    use std::arch::asm;

    use super::{Extended, SIDE};

    /// Runs x87 instructions: the unit's registers are all ours, and empty before and after.
    macro_rules! x87 {
        ($($line:literal),+ ; $($operands:tt)*) => {
            asm!(
                $($line),+,
                $($operands)*
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                options(nostack),
            )
        };
    }

    pub fn over(value: &Extended, divisor: &f64, result: &mut f64) {
        // SAFETY: reads and writes what the references lead to.
        unsafe {
            x87!(
                "fld tbyte ptr [{value}]",
                "fdiv qword ptr [{divisor}]",
                "fstp qword ptr [{result}]";
                value = in(reg) value, divisor = in(reg) divisor, result = in(reg) result,
            );
        }
    }

    pub fn from_integer(value: &i64, result: &mut Extended) {
        // SAFETY: reads and writes what the references lead to.
        unsafe {
            x87!(
                "fild qword ptr [{value}]",
                "fstp tbyte ptr [{result}]";
                value = in(reg) value, result = in(reg) result,
            );
        }
    }

    pub fn add(sum: &mut Extended, value: &f64) {
        // SAFETY: reads and writes what the references lead to.
        unsafe {
            x87!(
                "fld tbyte ptr [{sum}]",
                "fadd qword ptr [{value}]",
                "fstp tbyte ptr [{sum}]";
                sum = in(reg) sum, value = in(reg) value,
            );
        }
    }

    /// # Safety
    /// Twice `pairs` > 0 elements can be read in each column, which lie `stride` bytes apart.
    pub unsafe fn add_columns(
        sums: &mut [Extended; SIDE],
        data: *const f64,
        stride: usize,
        pairs: usize,
    ) {
        // SAFETY: the caller's promise; stores go to the sums only.
        unsafe {
            x87!(
                "fld tbyte ptr [{sums} + 48]",
                "fld tbyte ptr [{sums} + 32]",
                "fld tbyte ptr [{sums} + 16]",
                "fld tbyte ptr [{sums}]",
                "2:", // two rows: there and back, so that the sums end where they were
                "fadd qword ptr [{data}]",
                "fxch st(1)",
                "fadd qword ptr [{data} + {stride}]",
                "fxch st(2)",
                "fadd qword ptr [{data} + 2 * {stride}]",
                "fxch st(3)",
                "fadd qword ptr [{data} + {thrice}]",
                "add {data}, 8",
                "fadd qword ptr [{data} + {thrice}]",
                "fxch st(3)",
                "fadd qword ptr [{data} + 2 * {stride}]",
                "fxch st(2)",
                "fadd qword ptr [{data} + {stride}]",
                "fxch st(1)",
                "fadd qword ptr [{data}]",
                "add {data}, 8",
                "dec {pairs}",
                "jnz 2b",
                "fstp tbyte ptr [{sums}]",
                "fstp tbyte ptr [{sums} + 16]",
                "fstp tbyte ptr [{sums} + 32]",
                "fstp tbyte ptr [{sums} + 48]";
                sums = in(reg) sums.as_mut_ptr(),
                data = inout(reg) data => _,
                stride = in(reg) stride,
                thrice = in(reg) 3 * stride,
                pairs = inout(reg) pairs => _,
            );
        }
    }

    /// # Safety
    /// As many rows as there are sums, at least one, can be read in each of eight columns, which
    /// lie `stride` bytes apart.
    pub unsafe fn add_rows(sums: &mut [Extended], data: *const f64, stride: usize) {
        // SAFETY: the caller's promise; stores go to the sums only.
        unsafe {
            x87!(
                "2:",
                "fld tbyte ptr [{sums}]",
                "fadd qword ptr [{data}]",
                "fadd qword ptr [{data} + {stride}]",
                "fadd qword ptr [{data} + 2 * {stride}]",
                "fadd qword ptr [{data} + {thrice}]",
                "fadd qword ptr [{fifth}]",
                "fadd qword ptr [{fifth} + {stride}]",
                "fadd qword ptr [{fifth} + 2 * {stride}]",
                "fadd qword ptr [{fifth} + {thrice}]",
                "fstp tbyte ptr [{sums}]",
                "add {data}, 8",
                "add {fifth}, 8",
                "add {sums}, 16",
                "dec {rows}",
                "jnz 2b";
                sums = inout(reg) sums.as_mut_ptr() => _,
                data = inout(reg) data => _,
                fifth = inout(reg) data.wrapping_byte_add(4 * stride) => _,
                stride = in(reg) stride,
                thrice = in(reg) 3 * stride,
                rows = inout(reg) sums.len() => _,
            );
        }
    }
}
