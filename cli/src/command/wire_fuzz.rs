//! `kurier wire fuzz`: frames, right and wrong, to a broker on this machine.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

use kurier_fuzz::wire::{self, Options, Report, Summary, Tally, connector, loopback};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::args::cluster::ClusterArgs;
use crate::args::list_format::ListFormat;
use crate::args::wire::FuzzArgs;
use crate::failure::{Failure, Outcome};
use crate::output::stdout::Stdout;
use crate::session::progress::say;
use crate::text::reason;

/// Sends the frames and prints what became of them.
pub(crate) fn run(args: &FuzzArgs, cluster: &ClusterArgs) -> Outcome {
    if cluster.bootstrap.is_some() {
        let problem = "wire fuzz sends to one broker and no cluster: name it by --to, without -b";
        return Err(Failure::Usage(problem.into()));
    }
    let patience = Duration::from_millis(args.patience);
    let to = loopback(&args.to).map_err(|error| elsewhere(&args.to, &error))?;
    let connect = connector(to, patience).map_err(|error| elsewhere(&args.to, &error))?;
    if let Some(frame) = &args.frame {
        let bytes = unhex(frame)?;
        let outcome = wire::resend(connect, &bytes);
        return resent(args, &outcome.map_err(|error| cannot_start(args, &error))?);
    }
    let mut run = Run {
        args,
        stdout: Stdout::open()?,
        seen: BTreeSet::new(),
        done: 0,
        findings: 0,
        said: Instant::now(),
        broken: None,
    };
    let FuzzArgs { count, seed, first, .. } = *args;
    let options = Options { count, seed, first, skip: args.skip.clone() };
    let summary = wire::run(connect, options, |report| run.note(report));
    let summary = summary.map_err(|error| cannot_start(args, &error))?;
    run.finish(&summary)
}

/// A run that is under way.
struct Run<'a> {
    args: &'a FuzzArgs,
    stdout: Stdout,
    /// API, version, outcome, and whether the frame could be read.
    seen: BTreeSet<(i16, i16, &'static str, bool)>,
    done: u64,
    findings: u64,
    said: Instant,
    /// Why nothing can be printed any more.
    broken: Option<Failure>,
}

impl Run<'_> {
    fn note(&mut self, report: &Report) -> ControlFlow<()> {
        self.done += 1;
        if report.is_finding() {
            self.findings += 1;
            let (half, outcome) = (report.half, report.outcome.name());
            let kind = (half.key().0, half.version(), outcome, report.keeps_framing());
            if self.seen.insert(kind) {
                let line = self.finding(report);
                self.broken = self.stdout.print(&line).err();
            }
        }
        if self.said.elapsed() >= SAY_EVERY {
            self.say_progress();
        }
        // Nobody reads on.
        if self.broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn finding(&self, report: &Report) -> String {
        let again = format!("kurier wire fuzz --to {} --frame {}", self.args.to, report.hex());
        let kind = report.mutation.map(|mutation| format!("{mutation:?}"));
        match self.args.format {
            ListFormat::Text => format!("{report}\n  {again}\n"),
            ListFormat::Json => {
                let reason = match &report.outcome {
                    wire::Outcome::Error(reason) => Some(reason),
                    _ => None,
                };
                let row = json!({
                    "event": "finding",
                    "api": report.half.key().to_string(),
                    "key": report.half.key().0,
                    "version": report.half.version(),
                    "outcome": report.outcome.name(),
                    "reason": reason,
                    "mutation": kind,
                    "seed": self.args.seed,
                    "number": report.number,
                    "hex": report.hex(),
                    "again": again,
                });
                format!("{row}\n")
            }
        }
    }

    fn say_progress(&mut self) {
        self.said = Instant::now();
        if !self.args.quiet {
            let (done, findings) = (self.done, self.findings);
            say(&format!("{done} of {} frames, {findings} findings", self.args.count));
        }
    }

    fn finish(mut self, summary: &Summary) -> Outcome {
        self.say_progress();
        if let Some(failure) = self.broken {
            return Err(failure);
        }
        let survived = if summary.survived { "the broker survived" } else { "the broker is gone" };
        let text = match self.args.format {
            ListFormat::Text => format!("{summary}{survived}\n"),
            ListFormat::Json => format!("{}\n", whole(summary)),
        };
        self.stdout.print(&text)?;
        if !summary.survived {
            let next = "; the last finding has the frame that went before";
            return Err(Failure::Failed(format!("{} is gone{next}", self.args.to)));
        }
        match summary.findings {
            findings @ 1.. if self.args.strict => {
                Err(Failure::Failed(format!("{findings} of {} frames are findings", summary.sent)))
            }
            _ => Ok(()),
        }
    }
}

/// The summary as an object.
fn whole(summary: &Summary) -> Json {
    let tally = |tally: Tally| {
        let Tally { answered, error, close, silence, crash } = tally;
        json!({
            "answered": answered,
            "error": error,
            "close": close,
            "silence": silence,
            "crash": crash,
        })
    };
    let rows = summary.rows().map(|(key, version, right, broken)| {
        json!({
            "api": key.to_string(),
            "key": key.0,
            "version": version,
            "right": tally(right),
            "broken": tally(broken),
        })
    });
    json!({
        "event": "summary",
        "frames": summary.sent,
        "findings": summary.findings,
        "survived": summary.survived,
        "apis": rows.collect::<Json>(),
    })
}

/// Prints the fate of a single frame.
fn resent(args: &FuzzArgs, outcome: &wire::Outcome) -> Outcome {
    let (name, reason) = match outcome {
        wire::Outcome::Error(reason) => (outcome.name(), Some(reason.as_str())),
        _ => (outcome.name(), None),
    };
    let text = match (args.format, reason) {
        (ListFormat::Json, _) => {
            let row = json!({ "event": "frame", "outcome": name, "reason": reason });
            format!("{row}\n")
        }
        (ListFormat::Text, Some(reason)) => format!("{name} ({reason})\n"),
        (ListFormat::Text, None) => format!("{name}\n"),
    };
    Stdout::open()?.print(&text)?;
    match outcome {
        wire::Outcome::Crashed => Err(Failure::Failed(format!("{} is gone", args.to))),
        wire::Outcome::Answered => Ok(()),
        _ if args.strict => Err(Failure::Failed(format!("the frame was met with {name}"))),
        _ => Ok(()),
    }
}

/// The bytes of a frame.
fn unhex(frame: &str) -> Outcome<Vec<u8>> {
    let mut text = frame.to_owned();
    if frame == "-" {
        text.clear();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::Failed(format!("cannot read stdin: {}", reason(&error))))?;
    }
    let digit = |digit: char| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<_>> =
        text.chars().filter(|char| !char.is_whitespace()).map(digit).collect();
    let (pairs, rest) = digits.as_deref().unwrap_or_default().as_chunks::<2>();
    if digits.is_none() || !rest.is_empty() || pairs.is_empty() {
        let wanted = "--frame wants two hex digits for each byte, the frame's length included";
        return Err(Failure::Usage(wanted.into()));
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn elsewhere(to: &str, error: &wire::NotLoopback) -> Failure {
    match error {
        wire::NotLoopback::Elsewhere(_) => {
            Failure::Usage(format!("--to {to}: {error}; run kurier on the broker's machine"))
        }
        wire::NotLoopback::Unknown { source, .. } => {
            let why = source.as_ref().map(|source| format!(" ({})", reason(source)));
            let why = why.unwrap_or_default();
            Failure::Usage(format!("--to {error}{why}; write HOST:PORT, as localhost:9092"))
        }
    }
}

fn cannot_start(args: &FuzzArgs, error: &wire::RunError) -> Failure {
    let to = &args.to;
    Failure::Failed(match error {
        wire::RunError::Connect(source) => {
            format!("cannot connect to {to}: {}; check --to", reason(source))
        }
        wire::RunError::ApiVersions(why) => {
            format!("{to} is no broker that can be fuzzed: asked for ApiVersions, {why}")
        }
        wire::RunError::Tls => format!("{to} speaks TLS; name a listener in plain text by --to"),
        wire::RunError::Login(mechanisms) => format!(
            "{to} wants a login by SASL ({}) before it takes frames; \
             name a listener without one by --to",
            mechanisms.join(", ")
        ),
    })
}

/// How often progress is told.
const SAY_EVERY: Duration = Duration::from_secs(2);
