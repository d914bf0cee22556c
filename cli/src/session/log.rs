//! What the client logs, on stderr, if it was asked for.

use std::io;

use tracing_subscriber::filter::LevelFilter;

/// Shows the log from now on: nothing, what matters, details, everything.
pub(crate) fn show(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        3.. => LevelFilter::TRACE,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    // A line that stderr does not take is lost. To say so on stderr would panic where it failed.
    let log = log.log_internal_errors(false);
    // Only one log can be shown, and this is the only place that does.
    let _ = log.with_ansi(false).try_init();
}
