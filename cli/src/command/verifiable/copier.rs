//! `kurier verifiable copier`: records from topic to topic, each exactly once.

use std::time::Duration;

use kurier_client::group::{GroupEvent, GroupEvents};
use kurier_client::offsets::{FoundOffset, Isolation, Position};
use kurier_client::session::{Ended, Reason, Round, Session};
use kurier_client::transactions::TopicPartition;
use kurier_client::{Client, Error, Record};
use kurier_env::{Env, Purpose};
use tokio::time::timeout;

use super::progress::{Progress, Stage};
use crate::args::cluster::ClusterArgs;
use crate::args::verifiable::VerifiableCopierArgs;
use crate::failure::Outcome;
use crate::output::stdout::Stdout;
use crate::session::progress::say;
use crate::session::signals::{Last, Stop};
use crate::session::{connect_with, failed, next_event, properties};

/// Copies until nothing is left or a signal comes, and tells how far it is.
pub(crate) async fn run(args: &VerifiableCopierArgs, cluster: &ClusterArgs) -> Outcome {
    let cluster = cluster.named(args.bootstrap_server.as_ref(), args.command_config.as_ref());
    let mut stop = Stop::listen(Last::Second);
    let stdout = Stdout::open()?;
    let properties = properties(&cluster, None, &own_properties(args))?;
    let what = format!("copy topic {} to {}", args.input_topic, args.output_topic);
    let client = stop.or("no broker had answered", connect_with(properties)).await?;
    let consumer = match args.group_mode {
        true => client.consumer().subscribe([&*args.input_topic]),
        false => client.consumer().assign_committed([(&*args.input_topic, args.input_partition)]),
    };
    let session = client.session(&args.transactional_id, consumer);
    let start = async {
        let started = session.records_max(args.transaction_size).start().await;
        started.map_err(|error| failed(&what, &error))
    };
    let mut session = stop.or("the session was starting", start).await?;
    let events = session.events().filter(|_| args.group_mode);
    let remaining = if args.max_messages < 0 { i64::MAX } else { args.max_messages };
    let env = Env::real();
    let mut job = Job { args, client, env, stdout, total: 0, consumed: 0, remaining };
    if !args.group_mode {
        let own = [(args.input_topic.as_str().into(), args.input_partition)];
        let left = job.left(&own).await.map_err(|error| failed(&what, &error))?;
        job.remaining = job.remaining.min(left);
    }
    let pumped = job.pump(&mut session, (events, &mut stop), &what).await;
    stop.obey();
    let closed = tokio::select! {
        closed = session.close(CLOSING_MAX) => closed.map_err(|error| failed(&what, &error)),
        () = stop.asked() => Ok(()),
    };
    job.say(Stage::ShutdownComplete)?;
    pumped.and(closed)
}

/// What Java's tool sets, over what a file says.
fn own_properties(args: &VerifiableCopierArgs) -> Vec<(&'static str, String)> {
    vec![
        ("group.id", args.consumer_group.clone()),
        ("auto.offset.reset", "earliest".to_owned()),
        ("session.timeout.ms", "10000".to_owned()),
        ("heartbeat.interval.ms", "3000".to_owned()),
        ("max.poll.interval.ms", "180000".to_owned()),
        // So that a transaction has several batches of a partition.
        ("batch.size", "512".to_owned()),
        ("transaction.timeout.ms", args.transaction_timeout.to_string()),
    ]
}

struct Job<'a> {
    args: &'a VerifiableCopierArgs,
    client: Client,
    env: Env,
    stdout: Stdout,
    total: u64,
    consumed: u64,
    remaining: i64,
}

impl Job<'_> {
    async fn pump(
        &mut self,
        session: &mut Session,
        (mut events, stop): (Option<GroupEvents>, &mut Stop),
        what: &str,
    ) -> Outcome {
        while self.remaining > 0 {
            self.say(Stage::ProcessLoop)?;
            let turn = tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                Some(event) = next_event(&mut events) => {
                    self.hear(event, &session.assignment()).await
                }
                begun = timeout(POLL, session.begin()) => match begun {
                    Ok(Ok(Some(round))) => {
                        tokio::select! {
                            biased;
                            () = stop.asked() => return Ok(()),
                            turned = self.turn(round) => turned,
                        }
                    }
                    Ok(Ok(None)) => return Ok(()),
                    Ok(Err(error)) => Err(error),
                    // Nothing is there.
                    Err(_) => continue,
                },
            };
            match turn {
                Ok(None) => {}
                Ok(Some(stage)) => self.say(stage)?,
                Err(error) if error.is_fatal() => return Err(failed(what, &error)),
                // As Java's tool: what was not committed is copied again.
                Err(error) => say(&format!("kurier: {}; trying goes on", failed(what, &error))),
            }
        }
        Ok(())
    }

    /// Copies what a round has read, and commits it; or, now and then, aborts it if that is wanted.
    async fn turn(&mut self, round: Round<'_>) -> Result<Option<Stage>, Error> {
        let mut count = 0;
        for batch in round.batches() {
            for record in batch.records() {
                let record = record?;
                let mut copy = Record::to(&self.args.output_topic).partition(batch.partition());
                copy = copy.key_opt(record.key).value_opt(record.value);
                drop(round.enqueue(copy).await?);
                count += 1;
            }
        }
        if self.args.enable_random_aborts && self.env.chance(Purpose::Fault).is_multiple_of(3) {
            return round.abort().await.map(|()| None);
        }
        match round.end().await? {
            Ended::Committed => {
                self.total += count;
                self.consumed += count;
                self.remaining -= i64::try_from(count).unwrap_or(i64::MAX);
                Ok(None)
            }
            Ended::NotCommitted(Reason::Refused(error)) => Err(error),
            Ended::NotCommitted(_) => Ok(None),
        }
    }

    /// What is to be copied is what lies in the partitions that the group has given.
    async fn hear(
        &mut self,
        event: GroupEvent,
        held: &[TopicPartition],
    ) -> Result<Option<Stage>, Error> {
        if !matches!(event, GroupEvent::Assigned { .. }) {
            return Ok(None);
        }
        // Who is given nothing has it later, when others leave or are missed.
        self.remaining = if held.is_empty() { i64::MAX } else { self.left(held).await? };
        self.consumed = 0;
        Ok(Some(Stage::RebalanceComplete))
    }

    /// How many offsets lie behind what the group has committed.
    async fn left(&self, of: &[TopicPartition]) -> Result<i64, Error> {
        let group = &self.args.consumer_group;
        let isolation = Isolation::ReadCommitted;
        let steps = self.client.transactions();
        let committed = steps.committed_offsets(group, isolation, of.iter().cloned()).await;
        let offsets = self.client.offsets().isolation(isolation);
        let first = offsets.at(Position::Earliest, of.iter().cloned()).await?;
        let last = offsets.at(Position::Latest, of.iter().cloned()).await?;
        let mut left = 0;
        for (of, one) in of.iter().zip(committed) {
            let place = |found: &&FoundOffset| (&found.topic, found.partition) == (&of.0, of.1);
            let at = |all: &[FoundOffset]| all.iter().find(place).and_then(|found| found.offset);
            let begin =
                one.outcome?.map(|offset| offset.offset).or_else(|| at(&first)).unwrap_or(0);
            left += at(&last).unwrap_or(begin).saturating_sub(begin).max(0);
        }
        Ok(left)
    }

    fn say(&mut self, stage: Stage) -> Outcome {
        let Self { total, consumed, remaining, .. } = *self;
        let transactional_id = &self.args.transactional_id;
        let mut line = String::new();
        let progress = Progress { transactional_id, total, consumed, remaining };
        progress.render(stage, self.env.wall_millis(), &mut line);
        self.stdout.buffer().extend_from_slice(line.as_bytes());
        self.stdout.flush()
    }
}

/// How long records are waited for before it is told how far the copy is.
const POLL: Duration = Duration::from_millis(200);
/// How long the last round and leaving may take.
const CLOSING_MAX: Duration = Duration::from_secs(30);
