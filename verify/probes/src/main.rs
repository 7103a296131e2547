//! Prints what the platform does; see table.rs.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    fileheap_probes::table::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("the probes are for Linux");
    ExitCode::from(2)
}
