//! A progress bar on stderr while it is a terminal, and the summary after it.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{
    HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use tokio::time::{Instant, sleep_until};

/// How far a command has come.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    records: u64,
    bytes: u64,
    summary: bool,
    /// When a line has last told how far it is, if lines do.
    told_at: Option<Instant>,
}

/// How much a command says besides its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// Errors only.
    Quiet,
    /// A bar and a summary if stderr is a terminal.
    OnTerminal,
    /// As on a terminal, but no bar: the terminal is in use for data.
    SummaryOnTerminal,
    /// A summary in any case.
    Verbose,
    /// As verbose, and a line each second.
    Lines,
}

impl Talk {
    /// What the options ask for. `interactive`: data comes from or goes to a terminal.
    pub(crate) fn new(quiet: Quiet, verbose: u8, interactive: Interactive) -> Self {
        match (quiet, verbose, interactive) {
            (Quiet(true), _, _) => Self::Quiet,
            (_, 1.., _) => Self::Verbose,
            (_, 0, Interactive(true)) => Self::SummaryOnTerminal,
            (_, 0, Interactive(false)) => Self::OnTerminal,
        }
    }

    /// The same, where the user has asked for progress: lines, unless there is a bar.
    pub(crate) fn with_progress(self) -> Self {
        match self {
            Self::OnTerminal if io::stderr().is_terminal() => Self::OnTerminal,
            _ => Self::Lines,
        }
    }
}

/// The option `--quiet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quiet(pub(crate) bool);

/// Whether data comes from, or goes to, a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interactive(pub(crate) bool);

impl Progress {
    /// Begins; `total` is the number of records to come, where it is known.
    pub(crate) fn start(total: Option<u64>, talk: Talk) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        if talk == Talk::OnTerminal && terminal {
            let template = if total.is_some() { BAR } else { SPINNER };
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.with_key("rate", rate));
            bar.enable_steady_tick(Duration::from_millis(100));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let is_told = matches!(talk, Talk::Verbose | Talk::Lines);
        let summary = is_told || (talk != Talk::Quiet && terminal);
        let started = Instant::now();
        let told_at = (talk == Talk::Lines).then_some(started);
        Self { bar, started, records: 0, bytes: 0, summary, told_at }
    }

    /// So many records are done now.
    pub(crate) fn advance_to(&mut self, records: u64) {
        self.records = records;
        self.bar.set_position(records);
        if self.told_at.is_some_and(|at| at.elapsed() >= LINE_INTERVAL) {
            self.tell();
        }
    }

    /// Waits until a line is due that says how far it is; for ever if no lines do.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn is_due(&self) {
        match self.told_at {
            Some(at) => sleep_until(at + LINE_INTERVAL).await,
            None => std::future::pending().await,
        }
    }

    /// Says in a line how far it is.
    pub(crate) fn tell(&mut self) {
        self.told_at = Some(Instant::now());
        say(&summary("so far", self.records, self.bytes, self.started.elapsed()));
    }

    /// So many bytes more have gone through.
    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Says something beside the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Says something that is good to know, to those who get a summary too.
    pub(crate) fn note(&self, line: &str) {
        if self.summary {
            self.say(&format!("kurier: note: {line}"));
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Takes the bar away and says what was done: `1,000 records written, 3.81 KiB in 20.0 ms ..`.
    pub(crate) fn finish(&self, what: &str) {
        self.clear();
        if self.summary {
            say(&summary(what, self.records, self.bytes, self.started.elapsed()));
        }
    }
}

/// `1,000 records written, 3.81 KiB in 20.0 ms (50,000 records/s)`
pub(crate) fn summary(what: &str, records: u64, bytes: u64, took: Duration) -> String {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    let rate = HumanCount(records.saturating_mul(1_000_000) / micros);
    let took = match took.as_secs_f64() {
        seconds @ 1.0.. => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    };
    let noun = if records == 1 { "record" } else { "records" };
    let (count, size) = (HumanCount(records), HumanBytes(bytes));
    format!("{count} {noun} {what}, {size} in {took} ({rate} records/s)")
}

/// Writes a line to stderr. Nobody may be reading it: then there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{:.0} records/s", state.per_sec());
}

/// How often a line says how far it is.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

const BAR: &str = "{bar:40} {human_pos} of {human_len} records  {rate}  {eta} left";
const SPINNER: &str = "{spinner} {human_pos} records  {rate}  {elapsed}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_and_measures() {
        let line = summary("written", 1000, 3900, Duration::from_millis(20));
        assert_eq!(line, "1,000 records written, 3.81 KiB in 20.0 ms (50,000 records/s)");
        assert!(
            summary("read", 5, 0, Duration::from_millis(2500)).ends_with("in 2.50 s (2 records/s)")
        );
        assert!(summary("read", 1, 0, Duration::ZERO).starts_with("1 record read"));
    }

    #[test]
    fn quiet_wins_and_a_terminal_in_use_gets_no_bar() {
        let talk = |quiet, verbose, used| Talk::new(Quiet(quiet), verbose, Interactive(used));
        assert_eq!(talk(true, 2, false), Talk::Quiet);
        assert_eq!(talk(false, 1, true), Talk::Verbose);
        assert_eq!(talk(false, 0, true), Talk::SummaryOnTerminal);
        assert_eq!(talk(false, 0, false), Talk::OnTerminal);
        assert_eq!(talk(false, 0, true).with_progress(), Talk::Lines);
    }
}
