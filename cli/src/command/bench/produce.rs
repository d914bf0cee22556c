//! `kurier bench produce`: records out as fast as one task can.

use std::collections::VecDeque;
use std::io;
use std::iter;

use kurier_client::{Client, Delivery, Producer, Record};
use kurier_env::read_at_most;

use super::line::Window;
use super::measured::{Errors, Measured, topic};
use super::usage::{Usage, peak_mib};
use crate::args::bench::BenchProduceArgs;
use crate::failure::{Failure, Outcome};
use crate::session::failed;
use crate::text::reason;

/// Sends the warm-up, waits for it, sends the window, waits for it.
pub(super) async fn run(args: &BenchProduceArgs, client: &Client) -> Outcome<Measured> {
    let payload = payload(args)?;
    check_partitions(args, client).await?;
    let producer = client.producer().build().await;
    let producer = producer.map_err(|error| failed("make a producer", &error))?;
    let keys: Vec<_> = (0..args.keys.unwrap_or(0)).map(|key| format!("{key:08}")).collect();
    let keys = keys.iter().map(|key| Some(key.as_bytes())).cycle();
    // A cycle of nothing ends at once.
    let keys = keys.chain(iter::repeat(None));
    let size = usize::try_from(args.size).unwrap_or(usize::MAX);
    let values = payload.chunks_exact(size).cycle();
    let mut contents = values.zip(keys);
    let mut job = Job {
        producer: &producer,
        topic: &args.topic,
        partition: if args.partitions.is_none() { Some(0) } else { None },
        outstanding: VecDeque::new(),
        errors: Errors(0),
    };
    job.send(contents.by_ref(), args.warmup).await?;
    let opened = Usage::now()?;
    job.send(contents, args.count).await?;
    let closed = Usage::now()?;
    let errors = job.errors.0;
    let window = Window {
        mode: "produce",
        topic: &args.topic,
        tag: &args.tag,
        opened,
        closed,
        records: args.count,
        bytes: args.count.saturating_mul(args.size.into()),
        peak_mib: peak_mib(),
        errors,
    };
    Ok(Measured { line: window.line(), errors })
}

/// The values, one behind the other.
fn payload(args: &BenchProduceArgs) -> Outcome<Vec<u8>> {
    let name = args.payload.display();
    let unusable = |why| Failure::Failed(format!("cannot use --payload {name}: {why}"));
    let bytes = read_at_most(&args.payload, PAYLOAD_BYTES_MAX);
    let bytes = bytes.map_err(|error: io::Error| unusable(reason(&error)))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length < args.size.into()) {
        let size = args.size;
        return Err(unusable(format!("it has {} bytes, and --size is {size}", bytes.len())));
    }
    Ok(bytes)
}

async fn check_partitions(args: &BenchProduceArgs, client: &Client) -> Outcome {
    let count = topic(client, &args.topic).await?.partitions.len();
    match args.partitions {
        Some(asked) if usize::try_from(asked).is_ok_and(|asked| asked != count) => {
            let name = &args.topic;
            let line = format!("topic {name} has {count} partitions, and --partitions is {asked}");
            Err(Failure::Failed(line))
        }
        _ => Ok(()),
    }
}

struct Job<'a> {
    producer: &'a Producer,
    topic: &'a str,
    /// The producer's own choice if none.
    partition: Option<i32>,
    outstanding: VecDeque<Delivery>,
    errors: Errors,
}

impl Job<'_> {
    /// Sends so many records of these values and keys, and waits until all of them have their
    /// outcome.
    async fn send<'r>(
        &mut self,
        contents: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
        count: u64,
    ) -> Outcome {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        for (number, (value, key)) in contents.take(count).enumerate() {
            let record = Record::to(self.topic).key_opt(key).value(value);
            let record = match self.partition {
                Some(partition) => record.partition(partition),
                None => record,
            };
            let enqueued = self.producer.enqueue(record).await;
            let delivery = enqueued.map_err(|error| failed("send a record", &error))?;
            self.outstanding.push_back(delivery);
            let may_look = number % LOOK_EVERY == 0;
            let has_news = || self.outstanding.front().is_some_and(Delivery::is_complete);
            if may_look && has_news() || self.outstanding.len() >= OUTSTANDING_MAX {
                self.settle_some().await;
            }
        }
        while !self.outstanding.is_empty() {
            self.settle_some().await;
        }
        Ok(())
    }

    /// Waits for the oldest delivery, and takes the outcomes that are there then.
    async fn settle_some(&mut self) {
        while let Some(delivery) = self.outstanding.pop_front() {
            if let Err(error) = delivery.await {
                self.errors.note(&error);
            }
            if !self.outstanding.front().is_some_and(Delivery::is_complete) {
                return;
            }
        }
    }
}

/// After so many records, outcomes are looked at that have come; librdkafka's program does as well.
const LOOK_EVERY: usize = 256;

/// As many as the other clients of the kit may have.
const OUTSTANDING_MAX: usize = 100_000;

/// The largest file of values.
const PAYLOAD_BYTES_MAX: u64 = 1 << 30;
