//! Progress of long work, on standard error and only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// A bar over `total` bytes.
pub fn bar(output: Output, what: &str, total: u64) -> ProgressBar {
    let style = "{msg} [{bar:32}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
    begin(output, ProgressBar::new(total), style, what)
}

/// Shows on a bar what the engine tells of its work.
pub fn shown_on(bar: &ProgressBar) -> impl FnMut(u64, u64) {
    |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// A bar over `total` steps.
pub fn steps(output: Output, what: &str, total: u64) -> ProgressBar {
    begin(output, ProgressBar::new(total), "{msg} [{bar:32}] {pos}/{len}", what)
}

/// Work whose end cannot be told.
pub fn spinner(output: Output, what: &str) -> ProgressBar {
    let spinner = begin(output, ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}", what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

fn begin(output: Output, bar: ProgressBar, style: &str, what: &str) -> ProgressBar {
    // indicatif itself hides what does not go to a terminal.
    if output.quiet || output.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template(style).expect("a template of ours"));
    bar.set_message(what.to_owned());
    bar
}
