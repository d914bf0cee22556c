//! `kurier consume`: records of topics become bytes on stdout.

mod caught_up;
mod plan;
mod printed;
mod silence;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use kurier_client::consumer::{Control, OffsetReset};
use kurier_client::properties::Role;
use kurier_client::{Consumer, Error, FetchedBatch, Stop};
use kurier_env::Env;

use crate::args::cluster::ClusterArgs;
use crate::args::consume::ConsumeArgs;
use crate::args::places::{StartArg, TimeArg};
use crate::failure::{Failure, Outcome};
use crate::output::format::{Format, Found, Unfit};
use crate::output::object::Object;
use crate::output::stdout::Stdout;
use crate::session::progress::{Interactive, Progress, Quiet, Talk, say};
use crate::session::signals::{Last, Stop as Signals};
use crate::session::{connect_with, failed, properties};
use caught_up::CaughtUp;
use plan::{Ends, Plan, Wish};
use printed::Printed;
use silence::Silence;

/// Reads, prints, until the end, the count or a signal.
pub(crate) async fn run(args: &ConsumeArgs, cluster: &ClusterArgs) -> Outcome {
    let mut signals = Signals::listen(Last::First);
    let printer = Printer::new(args)?;
    let (start, until) = args.range()?;
    let reset = reset(args, start, until)?;
    let stdout = open_stdout(args)?;
    let what = format!("read {}", topics(args));
    let isolation = args.isolation.map(|level| ("isolation.level", level.name().to_owned()));
    let own = Vec::from_iter(isolation);
    let properties = properties(cluster, Some(Role::Consumer), &own)?;
    let group = properties.group_id.clone().or_else(|| args.group.clone()).unwrap_or_default();
    if group.is_empty() && start == StartArg::Stored {
        return Err(Failure::Usage("-o stored needs a group: -X group.id=GROUP".into()));
    }
    let now = Env::real().wall_millis();
    let wish = Wish {
        topics: &args.topics,
        partitions: &args.partitions,
        start,
        until: until.map(|time| time.millis(now)),
        now,
        isolation: properties.consumer.isolation,
        reset: properties.consumer.offset_reset,
        group: &group,
    };
    let ready = async {
        let client = connect_with(properties).await?;
        let plan = match args.group {
            Some(_) => None,
            None => Some(Plan::new(&client, &wish).await.map_err(|error| failed(&what, &error))?),
        };
        Ok((client, plan))
    };
    let (client, plan) = signals.or("no broker had answered", ready).await?;
    // A member has no end by itself: its partitions come and go.
    let is_member = args.group.is_some();
    let stop = if args.exit && !is_member { Stop::End } else { Stop::Never };
    let isolation = wish.isolation;
    let (starts, ends) = match plan {
        Some(plan) => {
            if plan.uncommitted > 0 && !args.quiet {
                say(&note_of_uncommitted(&group, plan.uncommitted));
            }
            (Some(plan.starts), plan.ends)
        }
        None => (None, Ends::default()),
    };
    let builder = match (starts, &args.group) {
        (Some(plan::Starts::Each(starts)), _) => client.consumer().assign(starts),
        (Some(plan::Starts::Everywhere(start)), _) => {
            client.consumer().topics(args.topics.clone(), start)
        }
        (None, group) => {
            let builder = client.consumer().group(group.as_deref().unwrap_or_default());
            builder.subscribe(args.topics.clone()).offset_reset(reset).auto_mark(false)
        }
    };
    let mut consumer = builder.stop(stop).start().map_err(|error| failed(&what, &error))?;
    let talk =
        Talk::new(Quiet(args.quiet), cluster.verbose, Interactive(io::stdout().is_terminal()));
    let talk = if args.progress { talk.with_progress() } else { talk };
    let caught_up =
        (args.exit && is_member).then(|| CaughtUp::new(client, isolation, consumer.events()));
    let mut job = Job {
        control: consumer.control(),
        consumer,
        silence: Silence::begin(),
        printer,
        ends,
        caught_up,
        printed: args.group.is_some().then(Printed::default),
        reached: Reached::default(),
        records: 0,
        left: args.count.unwrap_or(u64::MAX),
        stdout,
        progress: Progress::start(args.count, talk),
        outage: if args.exit { Outage::Ends } else { Outage::None },
        signals,
    };
    let ended = job.pump(&what).await;
    // What was read before something went wrong is printed nevertheless.
    let flushed = job.flush();
    job.progress.clear();
    let (progress, reached, records) = (job.progress, job.reached, job.records);
    if args.group.is_some() {
        job.consumer.close(LEAVING_MAX).await;
    }
    match ended.and(flushed) {
        Ok(()) => progress.finish("read"),
        Err(Failure::StdoutClosed) if args.quiet => return Err(Failure::Said),
        Err(failure) => {
            let account = reached.account(records, &failure);
            return Err(failure.and(&account));
        }
    }
    Ok(())
}

fn note_of_uncommitted(group: &str, partitions: usize) -> String {
    let noun = if partitions == 1 { "partition" } else { "partitions" };
    format!(
        "kurier: note: group {group} has committed nothing of {partitions} {noun}: reading begins \
         where auto.offset.reset says, or at the beginning"
    )
}

fn topics(args: &ConsumeArgs) -> String {
    let noun = if args.topics.len() == 1 { "topic" } else { "topics" };
    format!("{noun} {}", args.topics.join(", "))
}

/// Where partitions begin that a group has not begun.
fn reset(args: &ConsumeArgs, start: StartArg, until: Option<TimeArg>) -> Outcome<OffsetReset> {
    match (start, until) {
        _ if args.group.is_none() => Ok(OffsetReset::Error),
        (StartArg::Beginning | StartArg::Stored, None) => Ok(OffsetReset::Earliest),
        (StartArg::End, None) => Ok(OffsetReset::Latest),
        _ => {
            let why = "-o: a group goes on where it stopped; only beginning and end can be said";
            Err(Failure::Usage(why.into()))
        }
    }
}

fn open_stdout(args: &ConsumeArgs) -> Outcome<Stdout> {
    let stdout = Stdout::open()?;
    Ok(if args.unbuffered { stdout.unbuffered() } else { stdout })
}

/// How records are printed.
enum Printer {
    Format(Format),
    Object(Object),
}

impl Printer {
    fn new(args: &ConsumeArgs) -> Outcome<Self> {
        let (packs, delimiter) = (args.packs(), args.delimiter.0.clone());
        if args.json {
            return Ok(Self::Object(Object { packs, delimiter }));
        }
        let format = match &args.format {
            Some(text) => Format::parse(text).map_err(|why| Failure::Usage(format!("-f {why}")))?,
            None => {
                let key_delimiter = args.key_delimiter.as_ref().map(|text| text.0.clone());
                Format::delimited(key_delimiter, delimiter)
            }
        };
        let format = format.with_packs(packs);
        Ok(Self::Format(if args.null { format.with_visible_null() } else { format }))
    }

    /// An error leaves a part of the record behind.
    #[inline]
    fn print(&self, found: &Found<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match self {
            Self::Format(format) => format.render(found, out),
            Self::Object(object) => object.render(found, out),
        }
    }
}

struct Job {
    consumer: Consumer,
    control: Control,
    silence: Silence,
    printer: Printer,
    ends: Ends,
    /// As the member of a group that ends where there is nothing more to read.
    caught_up: Option<CaughtUp>,
    /// As the member of a group.
    printed: Option<Printed>,
    reached: Reached,
    records: u64,
    left: u64,
    stdout: Stdout,
    progress: Progress,
    outage: Outage,
    signals: Signals,
}

impl Job {
    async fn pump(&mut self, what: &str) -> Outcome {
        while self.left > 0 && !self.ends.are_reached() {
            if self.is_caught_up(what).await? {
                return Ok(());
            }
            let batch = match self.next().await? {
                Next::Batch(batch) => batch,
                Next::Look => continue,
                Next::Ended => return Ok(()),
            };
            let batch = match batch {
                Ok(batch) => batch,
                // The consumer goes on trying, and so does who follows a topic.
                Err(error) if error.is_retriable() && self.outage != Outage::Ends => {
                    self.tell_outage(&failed(what, &error));
                    continue;
                }
                Err(error) => return Err(failed(what, &error)),
            };
            self.outage.end();
            self.print(&batch).map_err(|fault| match fault {
                Fault::Output(failure) => failure,
                Fault::Record(error) => failed(what, &error),
                Fault::Unfit(unfit, offset) => {
                    let (topic, partition) = (batch.topic(), batch.partition());
                    let of = format!("topic {topic}, partition {partition}, offset {offset}");
                    Failure::Failed(format!("cannot print {of}: {unfit}"))
                }
            })?;
        }
        Ok(())
    }

    /// Says that nothing comes for now; once until something does.
    fn tell_outage(&mut self, failure: &Failure) {
        if self.outage == Outage::None {
            self.outage = Outage::Told;
            self.progress.say(&format!("kurier: {failure}; trying goes on"));
        }
    }

    /// Whether a member has read what there is; also when a signal asks it to end.
    async fn is_caught_up(&mut self, what: &str) -> Outcome<bool> {
        let Some(caught_up) = &mut self.caught_up else { return Ok(false) };
        tokio::select! {
            biased;
            () = self.signals.asked() => Ok(true),
            is_reached = caught_up.is_reached(&self.control) => {
                is_reached.map_err(|error| failed(what, &error))
            }
        }
    }

    /// The next batch. Before it waits, what was printed so far goes out.
    async fn next(&mut self) -> Outcome<Next> {
        let mut next = std::pin::pin!(self.consumer.next());
        let found = |batch: Option<_>| batch.map_or(Next::Ended, Next::Batch);
        if let Some(batch) = next.as_mut().now_or_never() {
            return Ok(found(batch));
        }
        self.stdout.flush()?;
        if let Some(printed) = &mut self.printed {
            printed.mark(&self.control);
        }
        loop {
            tokio::select! {
                biased;
                () = self.signals.asked() => return Ok(Next::Ended),
                batch = next.as_mut() => return Ok(found(batch)),
                failure = self.stdout.reader_has_gone() => return Err(failure),
                () = self.silence.is_long() => {
                    self.progress.note(self.silence.told(&self.control));
                }
                () = sleep(LOOK_AFTER), if self.caught_up.is_some() => return Ok(Next::Look),
            }
        }
    }

    fn print(&mut self, batch: &FetchedBatch) -> Result<(), Fault> {
        let (topic, partition, broker) = (batch.topic(), batch.partition(), batch.broker());
        let (end, until) = self.ends.of(topic, partition);
        let timestamp_type = batch.timestamp_type();
        let mut last = batch.next_offset() - 1;
        let mut is_end = false;
        for record in batch.records() {
            let record = record.map_err(Fault::Record)?;
            is_end = record.offset >= end || record.timestamp >= until;
            if is_end || self.left == 0 {
                last = record.offset - 1;
                break;
            }
            let found = Found { topic, partition, broker, timestamp_type, record };
            let out = self.stdout.buffer();
            let before = out.len();
            if let Err(unfit) = self.printer.print(&found, out) {
                out.truncate(before);
                self.reached.note(topic, partition, record.offset);
                return Err(Fault::Unfit(unfit, record.offset));
            }
            self.stdout.settle().map_err(Fault::Output)?;
            self.left -= 1;
            self.records += 1;
            self.progress.add_bytes(len(record.key) + len(record.value));
        }
        self.silence.end();
        self.progress.advance_to(self.records);
        self.ends.note(topic, partition, (batch.next_offset(), is_end));
        if self.ends.has(topic, partition) {
            // Nothing more is fetched of it. It is assigned, as it was read.
            let _ = self.consumer.unassign([(topic, partition)]);
        }
        self.reached.note(topic, partition, batch.next_offset());
        if let Some(printed) = &mut self.printed {
            printed.note(topic, partition, last);
            if printed.is_much() {
                self.flush().map_err(Fault::Output)?;
            }
        }
        Ok(())
    }

    /// What was printed so far goes out, and is marked.
    fn flush(&mut self) -> Outcome {
        self.stdout.flush()?;
        if let Some(printed) = &mut self.printed {
            printed.mark(&self.control);
        }
        Ok(())
    }
}

/// What comes next.
enum Next {
    Batch(Result<FetchedBatch, Error>),
    /// Nothing for now: time to look whether there is more to wait for.
    Look,
    /// The end, or a signal.
    Ended,
}

/// How long a member that ends at the end waits for records before it looks whether it is there.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// Brokers that are out of reach, but may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// There is none.
    None,
    /// There is one, and the user knows.
    Told,
    /// One ends the command: whoever reads to the end wants to be done.
    Ends,
}

impl Outage {
    /// Something has come.
    fn end(&mut self) {
        if *self == Self::Told {
            *self = Self::None;
        }
    }
}

fn len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}

/// How far reading has come: what to say when it breaks off.
#[derive(Debug, Default)]
struct Reached {
    /// The next offset of each partition of which something was read.
    next_offsets: BTreeMap<(String, i32), i64>,
}

impl Reached {
    fn note(&mut self, topic: &str, partition: i32, next_offset: i64) {
        self.next_offsets.insert((topic.into(), partition), next_offset);
    }

    /// What to add to a failure after so many records.
    fn account(&self, records: u64, failure: &Failure) -> String {
        let noun = if records == 1 { "record was" } else { "records were" };
        let read = format!("; {records} {noun} read before it");
        match failure {
            // What was on its way to stdout is lost: only the reader knows where it stands.
            Failure::StdoutClosed => format!("{read}; to read N records, use -c N"),
            Failure::StdoutBroken(_) => {
                format!("{read}, and how many of them arrived, only what took stdout can tell")
            }
            _ if self.next_offsets.is_empty() => read,
            _ => format!("{read}; next would be {}", self.places()),
        }
    }

    /// `t 0 at offset 7, t 1 at offset 9`, and what that leaves out.
    fn places(&self) -> String {
        let mut places: Vec<_> = self.next_offsets.iter().collect();
        let unnamed = places.len().saturating_sub(PLACES_MAX);
        places.truncate(PLACES_MAX);
        let place = |((topic, partition), offset): &(&(String, i32), &i64)| {
            format!("{topic} -p {partition} -o {offset}")
        };
        let named = places.iter().map(place).collect::<Vec<_>>().join(", ");
        match unnamed {
            0 => format!("{named}; of other partitions nothing was read"),
            more => format!("{named}, and {more} more partitions"),
        }
    }
}

/// A line on stderr names so many partitions.
const PLACES_MAX: usize = 8;

/// How long a member takes at most to commit and to leave.
const LEAVING_MAX: Duration = Duration::from_secs(10);

/// What can go wrong while a batch is printed.
enum Fault {
    Output(Failure),
    Record(Error),
    /// What was given to `-s` does not fit a record at this offset.
    Unfit(Unfit, i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_to_go_on_in_each_partition() {
        let failure = Failure::Failed("gone".into());
        let mut reached = Reached::default();
        assert_eq!(reached.account(0, &failure), "; 0 records were read before it");
        reached.note("t", 2, 7);
        reached.note("t", 2, 9);
        let expected = "; 1 record was read before it; next would be t -p 2 -o 9; \
                        of other partitions nothing was read";
        assert_eq!(reached.account(1, &failure), expected);
        reached.note("u", 0, 1);
        let expected = "; 5 records were read before it; next would be t -p 2 -o 9, u -p 0 -o 1; \
                        of other partitions nothing was read";
        assert_eq!(reached.account(5, &failure), expected);
        (0..20).for_each(|partition| reached.note("t", partition, 1));
        assert!(reached.account(5, &failure).ends_with("t -p 7 -o 1, and 13 more partitions"));
    }

    #[test]
    fn a_stdout_that_broke_is_no_place_to_go_on_from() {
        let mut reached = Reached::default();
        reached.note("t", 2, 9);
        let closed = reached.account(5, &Failure::StdoutClosed);
        assert_eq!(closed, "; 5 records were read before it; to read N records, use -c N");
        let full = reached.account(5, &Failure::StdoutBroken("no space left on device".into()));
        assert!(!full.contains("-o"), "{full}");
    }
}
