//! `kurier verifiable consumer`: a member of a group, and a line for all that happens to it.

use std::time::Duration;

use kurier_client::group::{GroupEvent, GroupEvents};
use kurier_client::properties::Role;
use kurier_client::transactions::GroupOffset;
use kurier_client::{Consumer, Error, FetchedBatch};
use kurier_env::Env;

use super::report::{Read, Report};
use crate::args::cluster::ClusterArgs;
use crate::args::verifiable::VerifiableConsumerArgs;
use crate::failure::Outcome;
use crate::output::stdout::Stdout;
use crate::session::progress::say;
use crate::session::signals::{Last, Stop};
use crate::session::{connect_with, failed, next_event, properties};

/// Reads until there are enough or a signal comes, leaves, and tells of it.
pub(crate) async fn run(args: &VerifiableConsumerArgs, cluster: &ClusterArgs) -> Outcome {
    let cluster = cluster.named(args.bootstrap_server.as_ref(), args.command_config.as_ref());
    let mut stop = Stop::listen(Last::Second);
    let stdout = Stdout::open()?;
    let properties = properties(&cluster, Some(Role::Consumer), &own_properties(args))?;
    let what = format!("read topic {} in group {}", args.topic, args.group_id);
    let client = stop.or("no broker had answered", connect_with(properties)).await?;
    let mut teller = Teller { env: Env::real(), line: String::new(), stdout };
    teller.say(&Report::Started)?;
    teller.stdout.flush()?;
    let builder = client.consumer().subscribe([&*args.topic]);
    let mut consumer = builder.start().map_err(|error| failed(&what, &error))?;
    let events = consumer.events();
    let left = u64::try_from(args.max_messages).unwrap_or(u64::MAX);
    let is_verbose = cluster.verbose > 0;
    let is_signalled = false;
    let mut job = Job { args, is_verbose, consumer, events, stop, is_signalled, left, teller };
    let ended = job.pump(&what).await;
    let closed = job.close().await;
    ended.and(closed)
}

/// What Java's tool sets, over what its file says.
fn own_properties(args: &VerifiableConsumerArgs) -> Vec<(&'static str, String)> {
    let protocol = args.group_protocol.to_lowercase();
    let mut own = vec![
        ("group.id", args.group_id.clone()),
        ("enable.auto.commit", args.enable_autocommit.to_string()),
        ("auto.offset.reset", args.reset_policy.clone()),
    ];
    if protocol == "classic" {
        own.push(("partition.assignment.strategy", args.assignment_strategy.clone()));
    } else if let Some(assignor) = &args.group_remote_assignor {
        own.push(("group.remote.assignor", assignor.clone()));
    }
    own.push(("group.protocol", protocol));
    own.extend(args.group_instance_id.iter().map(|id| ("group.instance.id", id.clone())));
    own.extend(args.session_timeout.iter().map(|ms| ("session.timeout.ms", ms.to_string())));
    own
}

struct Job<'a> {
    args: &'a VerifiableConsumerArgs,
    /// Whether it tells of each record.
    is_verbose: bool,
    consumer: Consumer,
    events: Option<GroupEvents>,
    stop: Stop,
    is_signalled: bool,
    left: u64,
    teller: Teller,
}

impl Job<'_> {
    async fn pump(&mut self, what: &str) -> Outcome {
        while self.left > 0 {
            tokio::select! {
                biased;
                () = self.stop.asked() => {
                    self.is_signalled = true;
                    self.teller.say(&Report::StopRequested)?;
                    break;
                }
                Some(event) = next_event(&mut self.events) => self.teller.tell(event)?,
                batch = self.consumer.next() => match batch {
                    Some(Ok(batch)) => self.take(&batch).await.map_err(|fault| match fault {
                        Fault::Output(failure) => failure,
                        Fault::Record(error) => failed(what, &error),
                    })?,
                    // Java's tool tells of it in its log, and the member goes on.
                    Some(Err(error)) if error.is_retriable() => {
                        say(&format!("kurier: {}; trying goes on", failed(what, &error)));
                    }
                    Some(Err(error)) => return Err(failed(what, &error)),
                    None => break,
                },
            }
        }
        self.stop.obey();
        Ok(())
    }

    /// Tells of records, and then of their commit.
    async fn take(&mut self, batch: &FetchedBatch) -> Result<(), Fault> {
        let (topic, partition) = (batch.topic(), batch.partition());
        let mut read = Read { topic, partition, came: 0, count: 0, offsets: None };
        for record in batch.records() {
            let record = record.map_err(Fault::Record)?;
            read.came += 1;
            if self.left == 0 {
                continue;
            }
            let first = read.offsets.as_ref().map_or(record.offset, |offsets| *offsets.start());
            read = Read { count: read.count + 1, offsets: Some(first..=record.offset), ..read };
            self.left -= 1;
            if self.is_verbose {
                let (offset, key, value) = (record.offset, record.key, record.value);
                self.teller.say(&Report::Record { of: &read, offset, key, value })?;
            }
        }
        let Some(last) = read.offsets.as_ref().map(|offsets| *offsets.end()) else { return Ok(()) };
        self.teller.say(&Report::Consumed(&read))?;
        self.teller.stdout.flush().map_err(Fault::Output)?;
        // It may have been lost meanwhile: then it is another member's to mark, and to commit.
        let _ = self.consumer.mark_through((topic, partition, last));
        if !self.args.enable_autocommit {
            let offset = GroupOffset::new(topic, partition, last + 1);
            // As in Java's tool, who is asked to end commits first what it has told of; who is
            // asked once more does not.
            let mut at_once = self.stop.clone();
            at_once.obey();
            let committed = tokio::select! {
                biased;
                committed = self.consumer.commit_offsets([offset]) => committed,
                () = at_once.asked() => return Ok(()),
            };
            let error = committed.err();
            self.teller.say(&Report::Committed { of: &read, error: error.as_ref() })?;
            self.teller.stdout.flush().map_err(Fault::Output)?;
        }
        Ok(())
    }

    /// Leaves, and tells of what is given up by that.
    async fn close(self) -> Outcome {
        let Self { args, consumer, mut events, mut stop, is_signalled, mut teller, .. } = self;
        let within = Duration::from_millis(args.close_timeout);
        let mut closing = std::pin::pin!(consumer.close(within));
        loop {
            tokio::select! {
                biased;
                Some(event) = next_event(&mut events) => teller.tell(event)?,
                () = &mut closing => break,
                () = stop.asked() => break,
            }
        }
        teller.say(&Report::Ended)?;
        if !is_signalled {
            // Java's machine asks whoever ends by itself, too.
            teller.say(&Report::StopRequested)?;
        }
        teller.stdout.flush()
    }
}

/// Writes lines.
struct Teller {
    env: Env,
    line: String,
    stdout: Stdout,
}

impl Teller {
    fn say(&mut self, report: &Report<'_>) -> Outcome {
        self.line.clear();
        report.render(self.env.wall_millis(), &mut self.line);
        self.stdout.buffer().extend_from_slice(self.line.as_bytes());
        self.stdout.settle()
    }

    /// What has happened to the member. What it gives up is held until it is told.
    fn tell(&mut self, event: GroupEvent) -> Outcome {
        match event {
            GroupEvent::Assigned { partitions, .. } => self.say(&Report::Assigned(&partitions))?,
            // Java's listener hears of lost ones as of revoked ones.
            GroupEvent::Revoked { partitions, .. } | GroupEvent::Lost { partitions, .. } => {
                self.say(&Report::Revoked(&partitions))?;
            }
            GroupEvent::CommitFailed { error } => say(&format!("kurier: a commit failed: {error}")),
            _ => {}
        }
        self.stdout.flush()
    }
}

/// What can go wrong with a batch.
enum Fault {
    Output(crate::failure::Failure),
    Record(Error),
}

impl From<crate::failure::Failure> for Fault {
    fn from(failure: crate::failure::Failure) -> Self {
        Self::Output(failure)
    }
}
