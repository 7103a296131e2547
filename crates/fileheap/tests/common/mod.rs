//! What the integration tests share: errors that must say enough, stores.
#![allow(dead_code)]

pub mod store;

use fileheap::{Error, ErrorKind, Heap, Persist, Result};
pub use fileheap_testing::*;

/// The error of a kind, whose text contains all parts.
#[track_caller]
pub fn refused<T>(result: Result<T>, kind: ErrorKind, parts: &[&str]) -> Error {
    let Err(error) = result else { panic!("{kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    error
}

#[track_caller]
pub fn clean<R: Persist>(heap: &Heap<R>) {
    let report = heap.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
