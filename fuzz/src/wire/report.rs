//! What became of a frame.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kurier_protocol::ApiKey;

use crate::half::Half;
use crate::mutate::Mutation;

/// A frame and its fate.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its number in the run.
    pub number: u64,
    /// What it is.
    pub half: Half,
    /// How it was changed, if it was.
    pub mutation: Option<Mutation>,
    /// The frame as it was sent, its length included.
    pub bytes: Vec<u8>,
    /// Whether it asks for an answer.
    pub wants_answer: bool,
    /// The number that the answer should bring back.
    pub correlation_id: i32,
    /// What the broker did.
    pub outcome: Outcome,
}

/// What a broker did with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, and its answer is one of this request.
    Answered,
    /// Its answer is no answer to this request, or says that it failed in a way of which it knows
    /// nothing (`UNKNOWN_SERVER_ERROR`).
    Error(String),
    /// It closed the connection.
    Closed,
    /// It did nothing for as long as it may.
    Silent,
    /// It takes no connections any more, or does not answer on them.
    Crashed,
}

impl Outcome {
    /// Whether the connection can be used on.
    pub(super) fn keeps_connection(&self) -> bool {
        matches!(self, Self::Answered | Self::Error(_))
    }

    /// Its name in a table.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Error(_) => "error",
            Self::Closed => "close",
            Self::Silent => "silence",
            Self::Crashed => "crash",
        }
    }
}

impl Report {
    /// Whether the frame is one that a broker must be able to read.
    #[must_use]
    pub fn keeps_framing(&self) -> bool {
        self.mutation.is_none_or(Mutation::keeps_framing)
    }

    /// Whether a right broker would have done something else.
    ///
    /// It answers every frame that it can read, unless the frame asks for none; and closes the
    /// connection on others, or waits where more bytes may come. It may read what our own decoder
    /// would refuse: Kafka passes over bytes behind a message.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        let waits = matches!(self.mutation, Some(Mutation::FrameLonger | Mutation::FrameShorter));
        match &self.outcome {
            Outcome::Answered => false,
            Outcome::Error(_) | Outcome::Crashed => true,
            Outcome::Closed => self.keeps_framing() && self.wants_answer,
            Outcome::Silent => self.wants_answer && !waits,
        }
    }

    /// The frame in hex, its length included.
    #[must_use]
    pub fn hex(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.half, self.outcome.name())?;
        if let Outcome::Error(why) = &self.outcome {
            write!(f, " ({why})")?;
        }
        match self.mutation {
            Some(mutation) => write!(f, " after {mutation:?}")?,
            None => write!(f, " after a frame as it should be")?,
        }
        write!(f, ", frame {}", self.number)
    }
}

/// How often a broker did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// It answered.
    pub answered: u64,
    /// It answered wrongly, or did not know why it failed.
    pub error: u64,
    /// It closed the connection.
    pub close: u64,
    /// It did nothing.
    pub silence: u64,
    /// It crashed.
    pub crash: u64,
}

/// What became of a run's frames.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Of the frames that can be read, by API and version.
    pub right: BTreeMap<(ApiKey, i16), Tally>,
    /// Of the frames whose framing was broken, by API and version.
    pub broken: BTreeMap<(ApiKey, i16), Tally>,
    /// How many frames were sent.
    pub sent: u64,
    /// How many reports were findings.
    pub findings: u64,
    /// Whether the broker answers on a new connection after the last frame.
    pub survived: bool,
}

impl Summary {
    /// Every API and version that a frame went to, in order, with the fates of the frames that can
    /// be read and of those that cannot.
    pub fn rows(&self) -> impl Iterator<Item = (ApiKey, i16, Tally, Tally)> {
        let all: BTreeSet<_> = self.right.keys().chain(self.broken.keys()).copied().collect();
        all.into_iter().map(|at| {
            let of = |tallies: &BTreeMap<_, Tally>| tallies.get(&at).copied().unwrap_or_default();
            (at.0, at.1, of(&self.right), of(&self.broken))
        })
    }

    pub(super) fn note(&mut self, report: &Report) {
        let to = if report.keeps_framing() { &mut self.right } else { &mut self.broken };
        let tally = to.entry((report.half.key(), report.half.version())).or_default();
        *match report.outcome {
            Outcome::Answered => &mut tally.answered,
            Outcome::Error(_) => &mut tally.error,
            Outcome::Closed => &mut tally.close,
            Outcome::Silent => &mut tally.silence,
            Outcome::Crashed => &mut tally.crash,
        } += 1;
        self.sent += 1;
        self.findings += u64::from(report.is_finding());
    }
}

/// A line for each API and version: of frames that can be read, and of broken ones.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} frames, {} findings", self.sent, self.findings)?;
        for (key, version, right, broken) in self.rows() {
            writeln!(f, "{key} v{version}: right {right}; broken {broken}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, error, close, silence, crash } = self;
        write!(f, "{answered} answered")?;
        for (count, what) in
            [(error, "error"), (close, "close"), (silence, "silence"), (crash, "crash")]
        {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
