//! `kurier consume`: records of topics become bytes on stdout.

mod caught_up;
mod plan;
mod printed;
mod membership;
mod reached;
mod silence;

use std::io::{self, IsTerminal};

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use kurier_client::consumer::{Control, OffsetReset};
use kurier_client::group::GroupEvent;
use kurier_client::properties::Role;
use kurier_client::{Client, Consumer, Error, FetchedBatch, Stop};
use kurier_env::Env;

use crate::args::cluster::ClusterArgs;
use crate::args::consume::ConsumeArgs;
use crate::args::places::StartArg;
use crate::failure::{Failure, Outcome};
use crate::output::format::{Format, Found, Unfit};
use crate::output::object::Object;
use crate::output::stdout::Stdout;
use crate::session::progress::{Interactive, Progress, Quiet, Talk, say};
use crate::session::signals::{Last, Stop as Signals};
use crate::session::{connect_with, failed, in_options, properties, settings};
use caught_up::{CaughtUp, LOOK_AFTER};
use membership::{GRACE, GRACE_ALONE, Membership};
use plan::{Ends, Plan, Wish};
use reached::Reached;
use silence::Silence;

/// Reads, prints, until the end, the count or a signal.
pub(crate) async fn run(args: &ConsumeArgs, cluster: &ClusterArgs) -> Outcome {
    let grace = if args.group.is_some() { GRACE } else { GRACE_ALONE };
    let mut signals = Signals::listen_for(Last::First, grace);
    let printer = Printer::new(args)?;
    let now = Env::real().wall_millis();
    let (start, until) = args.range(now)?;
    let stdout = open_stdout(args)?;
    let what = format!("read {}", topics(args));
    let isolation = args.isolation.map(|level| ("isolation.level", level.name().to_owned()));
    let own = Vec::from_iter(isolation);
    let properties = properties(cluster, Some(Role::Consumer), &own)?;
    let given = settings::given(cluster)?.iter().any(|(name, _)| name.trim() == OFFSET_RESET);
    let given = given.then_some(properties.consumer.offset_reset);
    let reset = reset(args, (start, until.is_some()), given)?;
    let start = start.unwrap_or(StartArg::Beginning);
    let group = properties.group_id.clone().or_else(|| args.group.clone()).unwrap_or_default();
    if group.is_empty() && start == StartArg::Stored {
        return Err(Failure::Usage("-o stored needs a group: -X group.id=GROUP".into()));
    }
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
            Some(_) => look_for(&client, &args.topics).await.map(|()| None),
            None => Plan::new(&client, &wish).await.map(Some),
        };
        Ok((client, plan.map_err(|error| failed(&what, &error))?))
    };
    let (client, plan) = signals.or("no broker had answered", ready).await?;
    // A member has no end by itself: its partitions come and go.
    let is_member = args.group.is_some();
    let stop = if args.exit && !is_member { Stop::End } else { Stop::Never };
    let isolation = wish.isolation;
    let (starts, ends) = match plan {
        Some(plan) => {
            if plan.uncommitted > 0 && given == Some(OffsetReset::Error) {
                return Err(Failure::Failed(refusal_of_uncommitted(&group, plan.uncommitted)));
            }
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
    let membership = args.group.as_ref();
    let membership = membership.map(|group| {
        let mut membership = Membership::new(group, consumer.events());
        membership.tells_moves = args.progress;
        membership
    });
    let mut job = Job {
        control: consumer.control(),
        consumer,
        silence: Silence::begin(),
        printer,
        ends,
        caught_up: (args.exit && is_member).then(|| CaughtUp::new(client, isolation)),
        membership,
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
    job.finish(ended.and(flushed), args).await
}

/// What was printed so far goes out, and is marked then, never before.
fn put_out(stdout: &mut Stdout, membership: &mut Option<Membership>, control: &Control) -> Outcome {
    stdout.flush()?;
    if let Some(of) = membership {
        of.printed.mark(control);
    }
    Ok(())
}

/// Each of the topics exists, as far as brokers tell: a member that has others to read would not
/// miss one.
async fn look_for(client: &Client, topics: &[String]) -> Result<(), Error> {
    let looks = topics.iter().map(|name| async move {
        let found = client.topic(name).await;
        found.map(drop).or_else(|error| if error.is_retriable() { Ok(()) } else { Err(error) })
    });
    try_join_all(looks).await.map(drop)
}

fn note_of_uncommitted(group: &str, partitions: usize) -> String {
    let noun = if partitions == 1 { "partition" } else { "partitions" };
    format!(
        "kurier: note: group {group} has committed nothing of {partitions} {noun}: reading begins \
         where auto.offset.reset says, or at the beginning"
    )
}

fn refusal_of_uncommitted(group: &str, partitions: usize) -> String {
    let noun = if partitions == 1 { "partition" } else { "partitions" };
    format!(
        "group {group} has committed nothing of {partitions} {noun}, and {OFFSET_RESET} is none; \
         set it to earliest or latest, or say -o beginning or -o end"
    )
}

fn topics(args: &ConsumeArgs) -> String {
    let noun = if args.topics.len() == 1 { "topic" } else { "topics" };
    format!("{noun} {}", args.topics.join(", "))
}

/// Where partitions begin that a group has not begun; `given` is what the settings say, if they do.
fn reset(
    args: &ConsumeArgs,
    (start, ends): (Option<StartArg>, bool),
    given: Option<OffsetReset>,
) -> Outcome<OffsetReset> {
    match (start, ends) {
        _ if args.group.is_none() => Ok(OffsetReset::Error),
        (None | Some(StartArg::Stored), false) => Ok(given.unwrap_or(OffsetReset::Earliest)),
        (Some(StartArg::Beginning), false) => Ok(OffsetReset::Earliest),
        (Some(StartArg::End), false) => Ok(OffsetReset::Latest),
        _ => {
            let why = "-o: a group goes on where it stopped; only beginning and end can be said";
            Err(Failure::Usage(why.into()))
        }
    }
}

const OFFSET_RESET: &str = "auto.offset.reset";

/// What could not be gone on with. The options were in order, or it had not begun.
fn broke(what: &str, error: &Error) -> Failure {
    let hint = match error {
        Error::Invalid { setting, .. } if setting.contains(OFFSET_RESET) => {
            "; -o beginning or -o end says where"
        }
        _ => "",
    };
    Failure::Failed(format!("cannot {what}: {}{hint}", in_options(error)))
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
    membership: Option<Membership>,
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
            // Also while records come without a pause.
            if self.signals.asked().now_or_never().is_some() {
                return Ok(());
            }
            self.hear();
            if self.is_caught_up(what).await? {
                return Ok(());
            }
            let batch = match self.next().await? {
                Next::Batch(batch) => batch,
                Next::Look => {
                    self.caught_up.iter_mut().for_each(CaughtUp::handle_idle);
                    continue;
                }
                Next::Ended => return Ok(()),
            };
            let batch = match batch {
                Ok(batch) => batch,
                // The consumer goes on trying, and so does who follows a topic.
                Err(error) if error.is_retriable() && self.outage != Outage::Ends => {
                    self.tell_outage(&broke(what, &error));
                    continue;
                }
                Err(error) => return Err(broke(what, &error)),
            };
            self.outage.end();
            self.print(&batch).map_err(|fault| match fault {
                Fault::Output(failure) => failure,
                Fault::Record(error) => broke(what, &error),
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

    /// Takes note of what has happened to a member.
    fn hear(&mut self) {
        let Self { membership: Some(membership), caught_up, progress, .. } = self else { return };
        while let Some(event) = membership.event() {
            heed(event, membership, caught_up, progress);
        }
    }

    /// Whether a member has read what there is; also when a signal asks it to end.
    async fn is_caught_up(&mut self, what: &str) -> Outcome<bool> {
        let Some(caught_up) = &mut self.caught_up else { return Ok(false) };
        tokio::select! {
            biased;
            () = self.signals.asked() => Ok(true),
            is_reached = caught_up.is_reached(&self.control) => {
                is_reached.map_err(|error| broke(what, &error))
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
        put_out(&mut self.stdout, &mut self.membership, &self.control)?;
        loop {
            tokio::select! {
                biased;
                () = self.signals.asked() => return Ok(Next::Ended),
                Some(event) = happening(&mut self.membership) => {
                    if let Some(membership) = &mut self.membership {
                        heed(event, membership, &mut self.caught_up, &self.progress);
                    }
                }
                batch = next.as_mut() => return Ok(found(batch)),
                failure = self.stdout.reader_has_gone() => return Err(failure),
                () = self.silence.is_long() => {
                    let group = self.membership.as_ref().map(|of| &*of.group);
                    self.progress.note(&self.silence.told(&self.control, group));
                }
                () = self.progress.is_due() => self.progress.tell(),
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
                if let Some(of) = &mut self.membership {
                    of.printed.note(topic, partition, record.offset - 1);
                }
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
        if let Some(caught_up) = &mut self.caught_up {
            caught_up.note(topic, partition, batch.next_offset());
        }
        if let Some(of) = &mut self.membership {
            of.printed.note(topic, partition, last);
            if of.printed.is_much() {
                self.flush().map_err(Fault::Output)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Outcome {
        put_out(&mut self.stdout, &mut self.membership, &self.control)
    }

    /// Leaves, and says how it has ended.
    async fn finish(self, ended: Outcome, args: &ConsumeArgs) -> Outcome {
        let Self { consumer, membership, reached, records, progress, mut signals, .. } = self;
        progress.clear();
        let group = args.group.as_deref();
        let left = match membership {
            Some(of) => of.leave(consumer, &mut signals, &progress).await,
            None => Ok(()),
        };
        match (ended, left) {
            (Ok(()), Ok(())) => progress.finish("read"),
            (Ok(()), Err(failure)) => return Err(failure),
            (Err(failure), left) => {
                if let Err(more) = left {
                    progress.say(&format!("kurier: {more}"));
                }
                if failure == Failure::StdoutClosed && args.quiet {
                    return Err(Failure::Said);
                }
                let account = reached.account(records, &failure, group);
                return Err(failure.and(&account));
            }
        }
        Ok(())
    }
}

/// What happens next to a member; for ever nothing if there is none.
async fn happening(membership: &mut Option<Membership>) -> Option<GroupEvent> {
    match membership {
        Some(membership) => membership.next_event().await,
        None => std::future::pending().await,
    }
}

fn heed(
    event: GroupEvent,
    membership: &mut Membership,
    caught_up: &mut Option<CaughtUp>,
    progress: &Progress,
) {
    if let Some(caught_up) = caught_up {
        caught_up.handle(&event);
    }
    membership.tell(event, progress);
}

/// What comes next.
enum Next {
    Batch(Result<FetchedBatch, Error>),
    /// Nothing for now: time to look whether there is more to wait for.
    Look,
    /// The end, or a signal.
    Ended,
}

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

/// What can go wrong while a batch is printed.
enum Fault {
    Output(Failure),
    Record(Error),
    /// What was given to `-s` does not fit a record at this offset.
    Unfit(Unfit, i64),
}
