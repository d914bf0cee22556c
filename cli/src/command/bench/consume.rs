//! `kurier bench consume`: records in as fast as one task can.

use std::collections::BTreeMap;
use std::hint::black_box;

use kurier_client::{Client, Consumer, FetchedBatch, Start, Stop};

use super::line::Window;
use super::measured::{Measured, topic};
use super::usage::{Usage, peak_mib};
use crate::args::bench::BenchConsumeArgs;
use crate::failure::{Failure, Outcome};
use crate::session::failed;

/// Reads the warm-up up to the end of a batch, then the window.
pub(super) async fn run(args: &BenchConsumeArgs, client: &Client) -> Outcome<Measured> {
    topic(client, &args.topic).await?;
    let count = args.partitions.unwrap_or(1);
    let partitions = (0..).take(usize::try_from(count).unwrap_or(1));
    let start = partitions.map(|partition| (&*args.topic, partition, Start::Offset(0)));
    let consumer = client.consumer().assign(start).stop(Stop::End).start();
    let mut consumer = consumer.map_err(|error| failed("make a consumer", &error))?;
    let mut warmup = Count::default();
    while warmup.records < args.warmup {
        warmup.add(&next(&mut consumer, args, &warmup, 0).await?, args)?;
    }
    let opened = Usage::now()?;
    let mut window = Count { next_offsets: warmup.next_offsets.clone(), ..Count::default() };
    while window.records == 0 || warmup.records + window.records < args.warmup + args.count {
        window.add(&next(&mut consumer, args, &window, warmup.records).await?, args)?;
    }
    let closed = Usage::now()?;
    let errors = warmup.errors + window.errors;
    let window = Window {
        mode: "consume",
        topic: &args.topic,
        tag: &args.tag,
        opened,
        closed,
        records: window.records,
        bytes: window.bytes,
        peak_mib: peak_mib(),
        errors,
    };
    Ok(Measured { line: window.line(), errors })
}

async fn next(
    consumer: &mut Consumer,
    args: &BenchConsumeArgs,
    count: &Count,
    before: u64,
) -> Outcome<FetchedBatch> {
    let (name, asked) = (&args.topic, args.warmup.saturating_add(args.count));
    let what = || format!("read topic {name}");
    match consumer.next().await {
        Some(batch) => batch.map_err(|error| failed(&what(), &error)),
        None => {
            let there = before + count.records;
            let line = format!(
                "{} of topic {name} has {there} records, and a window behind --warmup, which \
                 ends with a batch, needs more than {there} of {asked}",
                args.partitions
                    .map_or_else(|| "partition 0".into(), |count| format!("part 0..{count}")),
            );
            Err(Failure::Failed(line))
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    /// By partition; 0 of those that were not read yet.
    next_offsets: BTreeMap<i32, i64>,
    records: u64,
    bytes: u64,
    errors: u64,
}

impl Count {
    fn add(&mut self, batch: &FetchedBatch, args: &BenchConsumeArgs) -> Outcome {
        let next_offset = self.next_offsets.entry(batch.partition()).or_insert(0);
        for record in batch.records() {
            let record = record.map_err(|error| failed("read a batch", &error))?;
            self.errors += u64::from(record.offset != *next_offset);
            *next_offset = record.offset + 1;
            self.records += 1;
            if args.owned {
                let owned = batch.to_owned(&record);
                self.bytes += length(black_box(&owned).value());
            } else {
                self.bytes += length(black_box(record.value));
            }
        }
        Ok(())
    }
}

fn length(value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| u64::try_from(value.len()).unwrap_or(u64::MAX))
}
