//! `#[derive(Persist)]`: checks what may live in a file, and writes down its shape.
