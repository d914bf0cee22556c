//! `kurier verifiable producer`: numbers into a topic, and a line for what became of each.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kurier_client::properties::Role;
use kurier_client::{Delivery, Error, Producer, Record, RecordMetadata};
use kurier_env::Env;
use tokio::time::{Instant, sleep_until};

use super::event::Event;
use super::pace::Pace;
use crate::args::cluster::ClusterArgs;
use crate::args::verifiable::VerifiableProducerArgs;
use crate::failure::Outcome;
use crate::output::stdout::Stdout;
use crate::session::settings::given;
use crate::session::signals::{Last, Stop};
use crate::session::{connect_with, failed, properties};

/// Sends until there are enough or a signal comes, and tells of all that was sent.
pub(crate) async fn run(args: &VerifiableProducerArgs, cluster: &ClusterArgs) -> Outcome {
    let cluster = cluster.named(args.bootstrap_server.as_ref(), args.command_config.as_ref());
    let mut stop = Stop::listen(Last::Second);
    let stdout = Stdout::open()?;
    let properties = properties(&cluster, Some(Role::Producer), &own_properties(args, &cluster)?)?;
    let ready = async {
        let client = connect_with(properties).await?;
        let producer = client.producer().build().await;
        producer.map_err(|error| failed("make a producer", &error))
    };
    let producer = stop.or("no broker had answered", ready).await?;
    let start = Instant::now();
    let mut job = Job {
        args,
        producer,
        pace: Pace::new(start.into_std(), args.throughput),
        started_at: start,
        create_time: Some(args.message_create_time).filter(|time| *time >= 0),
        stop,
        is_stopped: false,
        under_way: FuturesUnordered::new(),
        sent: 0,
        acked: 0,
        env: Env::real(),
        line: String::new(),
        stdout,
    };
    job.run().await
}

/// What Java's tool sets beneath what its file says: acks, and that nothing is sent twice.
fn own_properties(
    args: &VerifiableProducerArgs,
    cluster: &ClusterArgs,
) -> Outcome<Vec<(&'static str, String)>> {
    let given = given(cluster)?;
    let is_free = |names: &[&str]| !given.iter().any(|(name, _)| names.contains(&name.as_str()));
    let mut own = Vec::new();
    if is_free(&["acks", "request.required.acks"]) {
        own.push(("acks", args.acks.map_or("all", |acks| acks.name()).to_owned()));
    }
    if is_free(&["retries", "message.send.max.retries"]) {
        own.push(("retries", "0".to_owned()));
        if is_free(&["enable.idempotence"]) {
            own.push(("enable.idempotence", "false".to_owned()));
        }
    }
    Ok(own)
}

struct Job<'a> {
    args: &'a VerifiableProducerArgs,
    producer: Producer,
    pace: Pace,
    started_at: Instant,
    /// The time of the next record.
    create_time: Option<i64>,
    stop: Stop,
    is_stopped: bool,
    under_way: FuturesUnordered<BoxFuture<'static, Told>>,
    sent: u64,
    acked: u64,
    env: Env,
    line: String,
    stdout: Stdout,
}

/// What became of a record.
struct Told {
    key: Option<String>,
    value: String,
    outcome: Result<RecordMetadata, Error>,
}

impl Job<'_> {
    async fn run(&mut self) -> Outcome {
        self.say(&Event::Started)?;
        self.stdout.flush()?;
        let most = u64::try_from(self.args.max_messages).unwrap_or(u64::MAX);
        while !self.is_stopped && self.sent < most {
            let due = self.pace.due(self.sent).map(Instant::from_std);
            tokio::select! {
                biased;
                () = self.stop.asked() => self.is_stopped = true,
                Some(told) = self.under_way.next() => self.tell(told)?,
                () = wait(due) => self.send().await?,
            }
        }
        self.stop.obey();
        while let Some(told) = self.under_way.next().await {
            self.tell(told)?;
        }
        // What failed was told.
        let _ = self.producer.close().await;
        self.say(&Event::Ended)?;
        let seconds = self.started_at.elapsed().max(Duration::from_millis(1)).as_secs_f64();
        self.say(&Event::Summary {
            sent: self.sent,
            acked: self.acked,
            target_throughput: self.args.throughput,
            avg_throughput: f64_of(self.acked) / seconds,
        })?;
        self.stdout.flush()
    }

    /// Sends the next number, unless a signal comes while it waits for room.
    async fn send(&mut self) -> Outcome {
        let (key, value) = (self.key(), self.value());
        let mut record = Record::to(&self.args.topic).value(&value);
        record = record.key_opt(key.as_deref().map(str::as_bytes));
        if let Some(time) = self.create_time {
            record = record.timestamp(time);
            // So does Java: by the time since the start, for each record.
            let passed = i64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(i64::MAX);
            self.create_time = Some(time.saturating_add(passed));
        }
        let taken = tokio::select! {
            biased;
            taken = self.producer.enqueue(record) => taken,
            () = self.stop.asked() => {
                self.is_stopped = true;
                return Ok(());
            }
        };
        self.sent += 1;
        match taken {
            Ok(delivery) => self.under_way.push(outcome(key, value, delivery).boxed()),
            Err(error) => self.tell(Told { key, value, outcome: Err(error) })?,
        }
        Ok(())
    }

    fn key(&self) -> Option<String> {
        let count = u64::try_from(self.args.repeating_keys?).ok()?;
        Some((self.sent % count).to_string())
    }

    fn value(&self) -> String {
        match self.args.value_prefix {
            Some(prefix) => format!("{prefix}.{}", self.sent),
            None => self.sent.to_string(),
        }
    }

    /// Writes what became of a record, and with it those that are known by now.
    fn tell(&mut self, told: Told) -> Outcome {
        let mut next = Some(told);
        while let Some(Told { key, value, outcome }) = next {
            let (key, value) = (key.as_deref(), &*value);
            match &outcome {
                Ok(to) => {
                    self.acked += 1;
                    self.say(&Event::Sent { key, value, to })?;
                }
                Err(error) => {
                    let topic = &self.args.topic;
                    self.say(&Event::Failed { key, value, topic, error })?;
                }
            }
            next = self.under_way.next().now_or_never().flatten();
        }
        self.stdout.flush()
    }

    fn say(&mut self, event: &Event<'_>) -> Outcome {
        self.line.clear();
        event.render(self.env.wall_millis(), &mut self.line);
        self.stdout.buffer().extend_from_slice(self.line.as_bytes());
        self.stdout.settle()
    }
}

async fn outcome(key: Option<String>, value: String, delivery: Delivery) -> Told {
    Told { key, value, outcome: delivery.await }
}

async fn wait(due: Option<Instant>) {
    if let Some(due) = due {
        sleep_until(due).await;
    }
}

/// A number that is small enough for it.
fn f64_of(count: u64) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
