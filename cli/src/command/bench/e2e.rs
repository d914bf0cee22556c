//! `kurier bench e2e`: a fixed rate from a producer to a consumer of the same process.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use kurier_client::producer::TryEnqueueError;
use kurier_client::{Client, Consumer, Delivery, Error, Producer, Record, Start};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::line::Rate;
use super::measured::{Errors, Measured, topic};
use super::usage::{Usage, peak_mib, ratio};
use crate::args::bench::BenchE2eArgs;
use crate::failure::{Failure, Outcome};
use crate::session::failed;

/// Sends at the rate, reads what comes, and compares times.
pub(super) async fn run(args: &BenchE2eArgs, client: &Client) -> Outcome<Measured> {
    topic(client, &args.topic).await?;
    let producer = client.producer().build().await;
    let producer = producer.map_err(|error| failed("make a producer", &error))?;
    let end = [(&*args.topic, 0, Start::Latest)];
    let consumer = client.consumer().assign(end).start();
    let consumer = consumer.map_err(|error| failed("make a consumer", &error))?;
    // The producer learns the topic.
    let first = producer.send(Record::to(&args.topic).partition(0).value(&[0; 8])).await;
    first.map_err(|error| failed("send a record", &error))?;

    let sent = args.rate * args.secs;
    let begin = Instant::now();
    let reader = Reader { begin, latencies: Vec::new(), errors: Errors::default() };
    let (finish, finished) = oneshot::channel();
    let mut reading = tokio::spawn(reader.run(consumer, sent, finished));
    let pacer = Pacer { producer, args: args.clone(), begin, errors: Errors::default() };
    let pacing = tokio::task::spawn_blocking(move || pacer.run());
    let broken = |error: tokio::task::JoinError| Failure::Failed(error.to_string());
    let Paced { cpu_ns, outstanding, mut errors } = pacing.await.map_err(broken)??;
    for delivery in outstanding {
        if let Err(error) = delivery.await {
            errors.note(&error);
        }
    }
    let reader = tokio::select! {
        reader = &mut reading => reader,
        () = sleep(LATEST) => {
            // An error says that it has ended.
            let _ = finish.send(());
            reading.await
        }
    };
    let Reader { latencies, errors: unread, .. } = reader.map_err(broken)?;
    let errors = errors.0 + unread.0;
    let rate = Rate {
        tag: &args.tag,
        size: args.size,
        rate: args.rate,
        sent,
        latencies,
        cpu_ns,
        peak_mib: peak_mib(),
        errors,
    };
    Ok(Measured { line: rate.line(), errors })
}

/// What is not there so long after the last acknowledgement does not come any more.
const LATEST: Duration = Duration::from_secs(3);

/// Sends records when they are due, from a thread of its own: timers of a runtime know
/// milliseconds only.
struct Pacer {
    producer: Producer,
    args: BenchE2eArgs,
    begin: Instant,
    errors: Errors,
}

struct Paced {
    cpu_ns: u64,
    outstanding: VecDeque<Delivery>,
    errors: Errors,
}

impl Pacer {
    fn run(mut self) -> Outcome<Paced> {
        let BenchE2eArgs { rate, secs, size, ref topic, .. } = self.args;
        let warmup = rate * WARMUP_SECS;
        let mut value = vec![0; usize::try_from(size).unwrap_or(8)];
        let mut outstanding = VecDeque::new();
        let mut opened = Usage::now()?;
        for number in 0..warmup + rate * secs {
            if number == warmup {
                opened = Usage::now()?;
            }
            let due = Duration::from_secs_f64(ratio(number, rate));
            while let Some(left) = due.checked_sub(self.begin.elapsed())
                && !left.is_zero()
            {
                thread::park_timeout(left);
            }
            if let Some(head) = value.first_chunk_mut() {
                let nanos = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
                *head = if number < warmup { WARMUP } else { nanos }.to_be_bytes();
            }
            let record = Record::to(topic).partition(0).value(&value);
            outstanding.push_back(self.enqueue(record)?);
            while outstanding.front().is_some_and(Delivery::is_complete) {
                let settled = outstanding.pop_front().and_then(FutureExt::now_or_never);
                if let Some(Err(error)) = settled {
                    self.errors.note(&error);
                }
            }
        }
        let cpu_ns = Usage::now()?.cpu_ns.saturating_sub(opened.cpu_ns);
        Ok(Paced { cpu_ns, outstanding, errors: self.errors })
    }

    /// Waits while the buffer is full, for as long as the producer itself would.
    fn enqueue(&self, mut record: Record<'_>) -> Outcome<Delivery> {
        let since = Instant::now();
        loop {
            record = match self.producer.try_enqueue(record) {
                Ok(delivery) => return Ok(delivery),
                Err(TryEnqueueError::Failed(error)) => {
                    return Err(failed("send a record", &error));
                }
                Err(TryEnqueueError::Full(record) | TryEnqueueError::NewTopic(record)) => record,
            };
            if since.elapsed() > self.producer.config().block_max {
                let line = "the producer's buffer is full, and the brokers take nothing of it";
                return Err(Failure::Failed(line.into()));
            }
            thread::park_timeout(Duration::from_micros(50));
        }
    }
}

const WARMUP_SECS: u64 = 2;

/// In place of a time: a record that is not measured.
const WARMUP: u64 = u64::MAX;

struct Reader {
    begin: Instant,
    latencies: Vec<Duration>,
    errors: Errors,
}

impl Reader {
    /// Reads until it has so many samples, or is told that no more come.
    async fn run(
        mut self,
        mut consumer: Consumer,
        expected: u64,
        mut finished: oneshot::Receiver<()>,
    ) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        while self.latencies.len() < expected {
            let batch = tokio::select! {
                biased;
                batch = consumer.next() => batch,
                _ = &mut finished => break,
            };
            let Some(batch) = batch else { break };
            let now = self.begin.elapsed();
            let noted = batch.and_then(|batch| {
                batch.records().try_for_each(|record| {
                    self.note(now, record?.value);
                    Ok(())
                })
            });
            if let Err(error) = noted {
                self.errors.note(&error);
                if !Error::is_retriable(&error) {
                    break;
                }
            }
        }
        self
    }

    fn note(&mut self, now: Duration, value: Option<&[u8]>) {
        let head = value.and_then(|value| value.first_chunk());
        let Some(nanos) = head.map(|head| u64::from_be_bytes(*head)) else { return };
        if nanos != WARMUP && nanos != 0 {
            self.latencies.push(now.saturating_sub(Duration::from_nanos(nanos)));
        }
    }
}
