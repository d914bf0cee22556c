//! Core: histories as text, one operation a line, so that a run can be kept and replayed.
//!
//! ```text
//! process invoked completed outcome action      times in nanoseconds, - for never
//! 1 0 0 ok assign orders-0=earliest orders-1=5 orders-2
//! 2 10 30 ok send orders-0 17@0
//! 2 11 - unknown send orders-0 18
//! 1 40 50 ok poll committed orders-0 17@0 18@1 orders-1
//! 2 60 99 ok txn commit@80 ; send orders-0 19@2 ; poll committed ; offsets g orders-0=1
//! 1 100 100 ok offsets g orders-0=2
//! 1 110 110 ok subscribe g orders payments
//! 1 120 120 ok crash
//! 2 130 140 ok flush
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::operation::{
    Action, End, History, Offsets, Operation, Outcome, Polled, Sent, Start, Step, Stretch,
    TopicPartition, Txn,
};
use crate::isolation::Isolation;

/// Text that is no history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operations.iter().try_for_each(|operation| writeln!(f, "{operation}"))
    }
}

impl FromStr for History {
    type Err = ParseError;

    /// Empty lines and those that begin with `#` are left out. A value that two lines send is an
    /// error, as it could not be told whose record a poll gave.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(index, line)| (index + 1, line.trim()));
        let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut operations = Vec::new();
        let mut lines_by_value = BTreeMap::new();
        for (line, text) in told {
            let refused = |reason| ParseError { line, reason };
            let read = operation(text).map_err(refused)?;
            for sent in read.sends() {
                if let Some(former) = lines_by_value.insert(sent.value, line) {
                    let value = sent.value;
                    return Err(refused(format!("line {former} sends the value {value}, too")));
                }
            }
            operations.push(read);
        }
        Ok(Self { operations })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.process, self.invoked.as_nanos())?;
        match self.completed {
            Some(completed) => write!(f, "{}", completed.as_nanos())?,
            None => f.write_str("-")?,
        }
        let outcome = match self.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        };
        write!(f, " {outcome} {}", self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(sent) => write!(f, "{sent}"),
            Self::Poll(polled) => write!(f, "{polled}"),
            Self::Txn(txn) => write!(f, "{txn}"),
            Self::Assign(partitions) => {
                f.write_str("assign")?;
                partitions.iter().try_for_each(|(partition, start)| match start {
                    Start::Kept => write!(f, " {partition}"),
                    Start::Earliest => write!(f, " {partition}=earliest"),
                    Start::At(offset) => write!(f, " {partition}={offset}"),
                })
            }
            Self::Subscribe { group, topics } => {
                write!(f, "subscribe {group}")?;
                topics.iter().try_for_each(|topic| write!(f, " {topic}"))
            }
            Self::Crash => f.write_str("crash"),
            Self::CommitOffsets(offsets) => write!(f, "{offsets}"),
            Self::Flush => f.write_str("flush"),
            Self::Close => f.write_str("close"),
        }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "send {} {}", self.to, self.value)?;
        self.offset.map_or(Ok(()), |offset| write!(f, "@{offset}"))
    }
}

impl fmt::Display for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.isolation {
            Isolation::Committed => "poll committed",
            Isolation::Uncommitted => "poll uncommitted",
        })?;
        self.stretches.iter().try_for_each(|stretch| {
            write!(f, " {}", stretch.of)?;
            let mut records = stretch.records.iter();
            records.try_for_each(|(offset, value)| write!(f, " {value}@{offset}"))
        })
    }
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.end {
            End::Commit => "txn commit",
            End::Abort => "txn abort",
        })?;
        if let Some(ended) = self.ended {
            write!(f, "@{}", ended.as_nanos())?;
        }
        self.steps.iter().try_for_each(|step| match step {
            Step::Send(sent) => write!(f, " ; {sent}"),
            Step::Poll(polled) => write!(f, " ; {polled}"),
            Step::CommitOffsets(offsets) => write!(f, " ; {offsets}"),
        })
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offsets {}", self.group)?;
        let mut offsets = self.offsets.iter();
        offsets.try_for_each(|(partition, offset)| write!(f, " {partition}={offset}"))
    }
}

/// Words of a line.
type Words<'a> = std::str::SplitWhitespace<'a>;

fn operation(line: &str) -> Result<Operation, String> {
    let (head, steps) = match line.split_once(" ; ") {
        Some((head, steps)) => (head, Some(steps)),
        None => (line, None),
    };
    let mut words = head.split_whitespace();
    let process = number(next(&mut words, "a process")?)?;
    let invoked = time(next(&mut words, "when it was invoked")?)?;
    let completed = match next(&mut words, "when it was completed")? {
        "-" => None,
        at => Some(time(at)?),
    };
    let outcome = match next(&mut words, "an outcome")? {
        "ok" => Outcome::Ok,
        "failed" => Outcome::Failed,
        "unknown" => Outcome::Unknown,
        other => return Err(format!("{other} is no outcome")),
    };
    let action = match next(&mut words, "an action")? {
        "txn" => {
            let steps = steps.map(|steps| steps.split(" ; ").map(step).collect());
            txn(words, steps.unwrap_or_else(|| Ok(Vec::new()))?)?
        }
        name if steps.is_some() => return Err(format!("{name} has no steps")),
        name => action(name, words)?,
    };
    Ok(Operation { process, invoked, completed, outcome, action })
}

fn action(name: &str, mut words: Words<'_>) -> Result<Action, String> {
    match name {
        "assign" => {
            let assigned = words.map(|word| match word.split_once('=') {
                None => Ok((partition(word)?, Start::Kept)),
                Some((of, "earliest")) => Ok((partition(of)?, Start::Earliest)),
                Some((of, offset)) => Ok((partition(of)?, Start::At(number(offset)?))),
            });
            Ok(Action::Assign(assigned.collect::<Result<_, String>>()?))
        }
        "subscribe" => {
            let group = next(&mut words, "a group")?.into();
            Ok(Action::Subscribe { group, topics: words.map(Into::into).collect() })
        }
        "crash" => Ok(Action::Crash),
        "flush" => Ok(Action::Flush),
        "close" => Ok(Action::Close),
        _ => Ok(match part(name, words)? {
            Step::Send(sent) => Action::Send(sent),
            Step::Poll(polled) => Action::Poll(polled),
            Step::CommitOffsets(offsets) => Action::CommitOffsets(offsets),
        }),
    }
}

fn txn(mut words: Words<'_>, steps: Vec<Step>) -> Result<Action, String> {
    let end = next(&mut words, "commit or abort")?;
    let (end, ended) = match end.split_once('@') {
        Some((end, at)) => (end, Some(time(at)?)),
        None => (end, None),
    };
    let end = match end {
        "commit" => End::Commit,
        "abort" => End::Abort,
        other => return Err(format!("{other} is no end of a transaction")),
    };
    Ok(Action::Txn(Txn { end, ended, steps }))
}

fn step(text: &str) -> Result<Step, String> {
    let mut words = text.split_whitespace();
    part(next(&mut words, "a step")?, words)
}

fn part(name: &str, mut words: Words<'_>) -> Result<Step, String> {
    match name {
        "send" => {
            let to = partition(next(&mut words, "a partition")?)?;
            let value = next(&mut words, "a value")?;
            let (value, offset) = match value.split_once('@') {
                Some((value, offset)) => (number(value)?, Some(number(offset)?)),
                None => (number(value)?, None),
            };
            Ok(Step::Send(Sent { to, value, offset }))
        }
        "poll" => Ok(Step::Poll(polled(words)?)),
        "offsets" => {
            let group = next(&mut words, "a group")?.into();
            let offsets = words.map(|word| {
                let (of, offset) = word.split_once('=').ok_or_else(|| missing("an offset"))?;
                Ok((partition(of)?, number(offset)?))
            });
            Ok(Step::CommitOffsets(Offsets {
                group,
                offsets: offsets.collect::<Result<_, String>>()?,
            }))
        }
        other => Err(format!("{other} is no action")),
    }
}

fn polled(mut words: Words<'_>) -> Result<Polled, String> {
    let isolation = match next(&mut words, "an isolation")? {
        "committed" => Isolation::Committed,
        "uncommitted" => Isolation::Uncommitted,
        other => return Err(format!("{other} is no isolation")),
    };
    let mut stretches: Vec<Stretch> = Vec::new();
    for word in words {
        match (word.split_once('@'), stretches.last_mut()) {
            (None, _) => stretches.push(Stretch { of: partition(word)?, records: Vec::new() }),
            (Some((value, offset)), Some(stretch)) => {
                stretch.records.push((number(offset)?, number(value)?));
            }
            (Some(_), None) => return Err(missing("a partition")),
        }
    }
    Ok(Polled { isolation, stretches })
}

fn partition(word: &str) -> Result<TopicPartition, String> {
    let (topic, index) = word.rsplit_once('-').ok_or_else(|| missing("a partition"))?;
    Ok(TopicPartition::new(topic, number(index)?))
}

fn time(word: &str) -> Result<Duration, String> {
    number(word).map(Duration::from_nanos)
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word} is no number that fits"))
}

fn next<'a>(words: &mut Words<'a>, what: &str) -> Result<&'a str, String> {
    words.next().ok_or_else(|| missing(what))
}

fn missing(what: &str) -> String {
    format!("{what} is missing")
}
