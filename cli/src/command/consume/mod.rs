//! `kurier consume`: records of topics become bytes on stdout.

mod plan;

use std::io::{IsTerminal, stdout};

use futures_util::FutureExt;

use kurier_client::{Consumer, Error, FetchedBatch, Stop};

use crate::args::cluster::ClusterArgs;
use crate::args::consume::ConsumeArgs;
use crate::failure::{Failure, Outcome};
use crate::output::format::{Format, Found};
use crate::output::object;
use crate::output::stdout::Stdout;
use crate::session::progress::{Interactive, Progress, Quiet, Talk};
use crate::session::signals::{self, Stop as Signals};
use crate::session::{connect, failed};
use plan::{Ends, Plan};

/// Reads, prints, until the end, the count or a signal.
pub(crate) async fn run(args: &ConsumeArgs, cluster: &ClusterArgs) -> Outcome {
    let signals = Signals::listen(Some(signals::GRACE));
    let printer = Printer::new(args)?;
    let client = connect(cluster, &[]).await?;
    let what = format!("read {}", topics(args));
    let plan = Plan::new(&client, args).await.map_err(|error| failed(&what, &error))?;
    let stop = if args.exit { Stop::End } else { Stop::Never };
    let builder = match plan.starts {
        plan::Starts::Everywhere(start) => client.consumer().topics(args.topics.clone(), start),
        plan::Starts::Each(starts) => client.consumer().assign(starts),
    };
    let consumer = builder.stop(stop).start().map_err(|error| failed(&what, &error))?;
    let talk = Talk::new(Quiet(args.quiet), cluster.verbose, Interactive(stdout().is_terminal()));
    let mut job = Job {
        consumer,
        printer,
        ends: plan.ends,
        reached: Reached::Nothing,
        records: 0,
        left: args.count.unwrap_or(u64::MAX),
        stdout: open_stdout(args)?,
        progress: Progress::start(args.count, talk),
        signals,
    };
    let ended = job.pump(&what).await;
    // What was read before something went wrong is printed nevertheless.
    let flushed = job.stdout.flush();
    job.progress.clear();
    match ended.and(flushed) {
        Ok(()) => job.progress.finish("read"),
        Err(Failure::StdoutClosed) if args.quiet => return Err(Failure::Said),
        Err(failure) => {
            let account = job.reached.account(job.records, &failure);
            return Err(failure.and(&account));
        }
    }
    Ok(())
}

fn topics(args: &ConsumeArgs) -> String {
    let noun = if args.topics.len() == 1 { "topic" } else { "topics" };
    format!("{noun} {}", args.topics.join(", "))
}

fn open_stdout(args: &ConsumeArgs) -> Outcome<Stdout> {
    let stdout = Stdout::open()?;
    Ok(if args.unbuffered { stdout.unbuffered() } else { stdout })
}

/// How records are printed.
enum Printer {
    Format(Format),
    Object,
}

impl Printer {
    fn new(args: &ConsumeArgs) -> Outcome<Self> {
        if args.json {
            return Ok(Self::Object);
        }
        let format = match &args.format {
            Some(text) => {
                Format::parse(text).map_err(|why| Failure::Usage(format!("-f: {why}")))?
            }
            None => {
                let key_delimiter = args.key_delimiter.as_ref().map(|text| text.0.clone());
                Format::delimited(key_delimiter, args.delimiter.0.clone())
            }
        };
        Ok(Self::Format(if args.null { format.with_visible_null() } else { format }))
    }

    fn print(&self, found: &Found<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Format(format) => format.render(found, out),
            Self::Object => object::render(found, out),
        }
    }
}

struct Job {
    consumer: Consumer,
    printer: Printer,
    ends: Ends,
    reached: Reached,
    records: u64,
    left: u64,
    stdout: Stdout,
    progress: Progress,
    signals: Signals,
}

impl Job {
    async fn pump(&mut self, what: &str) -> Outcome {
        while self.left > 0 && !self.ends.are_reached() {
            let Some(batch) = self.next().await? else { return Ok(()) };
            let batch = batch.map_err(|error| failed(what, &error))?;
            self.print(&batch).map_err(|fault| match fault {
                Fault::Output(failure) => failure,
                Fault::Record(error) => failed(what, &error),
            })?;
        }
        Ok(())
    }

    /// The next batch; none at the end, or when a signal asks for it. Before it waits, what was
    /// printed so far goes out.
    async fn next(&mut self) -> Outcome<Option<Result<FetchedBatch, Error>>> {
        let mut next = std::pin::pin!(self.consumer.next());
        if let Some(batch) = next.as_mut().now_or_never() {
            return Ok(batch);
        }
        self.stdout.flush()?;
        tokio::select! {
            biased;
            () = self.signals.asked() => Ok(None),
            batch = next => Ok(batch),
        }
    }

    fn print(&mut self, batch: &FetchedBatch) -> Result<(), Fault> {
        let (topic, partition) = (batch.topic(), batch.partition());
        let end = self.ends.of(topic, partition);
        let timestamp_type = batch.timestamp_type();
        for record in batch.records() {
            let record = record.map_err(Fault::Record)?;
            if record.offset >= end || self.left == 0 {
                break;
            }
            let found = Found { topic, partition, timestamp_type, record };
            self.printer.print(&found, self.stdout.buffer());
            self.stdout.settle().map_err(Fault::Output)?;
            self.left -= 1;
            self.records += 1;
            self.progress.add_bytes(len(record.key) + len(record.value));
        }
        self.progress.advance_to(self.records);
        self.ends.note(topic, partition, batch.next_offset());
        self.reached.note(topic, partition, batch.next_offset());
        Ok(())
    }
}

fn len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}

/// How far reading has come: what to say when it breaks off.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    Nothing,
    One { topic: String, partition: i32, next_offset: i64 },
    Several,
}

impl Reached {
    fn note(&mut self, in_topic: &str, in_partition: i32, next: i64) {
        match self {
            Self::Nothing => {
                let (topic, partition) = (in_topic.into(), in_partition);
                *self = Self::One { topic, partition, next_offset: next };
            }
            Self::One { topic, partition, next_offset }
                if topic == in_topic && *partition == in_partition =>
            {
                *next_offset = next;
            }
            _ => *self = Self::Several,
        }
    }

    /// What to add to a failure after so many records.
    fn account(&self, records: u64, failure: &Failure) -> String {
        let noun = if records == 1 { "record was" } else { "records were" };
        let read = format!("; {records} {noun} read before it");
        match self {
            _ if *failure == Failure::StdoutClosed => format!("{read}; -c N ends after N records"),
            Self::One { partition, next_offset, .. } => {
                format!("{read}, go on with -p {partition} -o {next_offset}")
            }
            _ => read,
        }
    }
}

/// What can go wrong while a batch is printed.
enum Fault {
    Output(Failure),
    Record(Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_to_go_on_if_that_is_one_place() {
        let failure = Failure::Failed("gone".into());
        let mut reached = Reached::Nothing;
        assert_eq!(reached.account(0, &failure), "; 0 records were read before it");
        reached.note("t", 2, 7);
        reached.note("t", 2, 9);
        let expected = "; 1 record was read before it, go on with -p 2 -o 9";
        assert_eq!(reached.account(1, &failure), expected);
        // What was on its way to a closed stdout is lost: only the reader knows where it stands.
        let closed = reached.account(5, &Failure::StdoutClosed);
        assert_eq!(closed, "; 5 records were read before it; -c N ends after N records");
        reached.note("t", 3, 1);
        assert_eq!(reached.account(5, &failure), "; 5 records were read before it");
    }
}
