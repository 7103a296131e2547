//! Kinds of vectors, and how long their payloads are.

use crate::texts::text_parts;

/// R's numbers for types of vectors; they are the numbers in records, too.
pub const LGLSXP: u32 = 10;
/// See `LGLSXP`.
pub const INTSXP: u32 = 13;
/// See `LGLSXP`.
pub const REALSXP: u32 = 14;
/// See `LGLSXP`.
pub const CPLXSXP: u32 = 15;
/// See `LGLSXP`.
pub const STRSXP: u32 = 16;
/// See `LGLSXP`.
pub const VECSXP: u32 = 19;
/// See `LGLSXP`.
pub const RAWSXP: u32 = 24;

/// R's missing double: a NaN whose low word is 1954.
pub const NA_DOUBLE: u64 = 0x7ff0_0000_0000_07a2;
/// R's missing integer and logical.
pub const NA_INTEGER: i32 = i32::MIN;

/// Vectors are no longer than R allows.
pub const LENGTH_MAX: u64 = 1 << 52;
/// Payloads are never empty: a vector of length 0 has an address, too.
pub const PAYLOAD_MIN_BYTES: u64 = 64;

/// What the elements of a vector are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)] // they say it
pub enum Kind {
    Logical = LGLSXP,
    Integer = INTSXP,
    Double = REALSXP,
    Complex = CPLXSXP,
    Character = STRSXP,
    List = VECSXP,
    Raw = RAWSXP,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Logical,
        Self::Integer,
        Self::Double,
        Self::Complex,
        Self::Character,
        Self::List,
        Self::Raw,
    ];

    /// By the number in a record.
    #[must_use]
    pub fn of(element: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == element)
    }

    /// As R's `typeof()` says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logical => "logical",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Complex => "complex",
            Self::Character => "character",
            Self::List => "list",
            Self::Raw => "raw",
        }
    }

    /// Bytes of an element: of text its view, of a list the offset of its object's cell.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Logical | Self::Integer => 4,
            Self::Double | Self::List => 8,
            Self::Complex | Self::Character => 16,
            Self::Raw => 1,
        }
    }

    /// Bytes of the payload that mean something, if R allows so many elements.
    #[must_use]
    pub fn payload_bytes(self, length: u64) -> Option<u64> {
        (length <= LENGTH_MAX).then(|| match self {
            Self::Character => text_parts(length).1 + length,
            _ => length * self.bytes(),
        })
    }
}
