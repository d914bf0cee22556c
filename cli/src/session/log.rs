//! What the client logs, on stderr, if it was asked for; and what brokers have to say.

use std::io::{self, Write};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Shows what brokers warn of from now on, each as a note, unless a log is shown already.
pub(crate) fn show_notes() {
    let notes = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN);
    let notes = notes.without_time().with_target(false).with_level(false).with_ansi(false);
    let _ = notes.with_writer(|| Note).log_internal_errors(false).try_init();
}

/// Shows what whoever waits must know from now on, each as a note, unless a log is shown already:
/// that a broker cannot be reached, that what was begun with is gone, that new certificates are of
/// no use, and that a log does not hold what was to be read next.
pub(crate) fn show_obstacles() {
    let of = |place| (place, LevelFilter::WARN);
    let obstacles = [
        of("kurier_client::net::outage"),
        of("kurier_client::metadata::news"),
        of("kurier_client::security::tls::connector"),
        of("kurier_client::consumer::answer"),
        of("kurier_client::consumer::checking"),
    ];
    let notes = tracing_subscriber::fmt::layer().without_time().with_target(false);
    let notes = notes.with_level(false).with_ansi(false).with_writer(|| Note);
    let notes = notes.log_internal_errors(false);
    let notes = notes.with_filter(Targets::new().with_targets(obstacles));
    let _ = tracing_subscriber::registry().with(notes).try_init();
}

/// A line on stderr.
struct Note;

impl Write for Note {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&[b"kurier: note: ", line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
