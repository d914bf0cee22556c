//! `kurier produce`: lines of input become records of a topic.

mod ledger;

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use kurier_client::properties::Role;
use kurier_client::{Client, Error, Producer, Record};
use kurier_env::Env;
use kurier_protocol::record::Header;
use memchr::memmem;
use tokio::time::timeout;

use crate::args::cluster::ClusterArgs;
use crate::args::produce::ProduceArgs;
use crate::failure::{Failure, Outcome};
use crate::input::chunk::{Delimiter, records};
use crate::input::line::LineRules;
use crate::input::object;
use crate::input::reader::{Input, Sources};
use crate::output::stdout::Stdout;
use crate::session::progress::{Interactive, Progress, Quiet, Talk};
use crate::session::signals::{Last, Stop};
use crate::session::{connect_with, failed, properties};
use ledger::Ledger;

/// Reads, sends, waits for the acknowledgements.
pub(crate) async fn run(args: &ProduceArgs, cluster: &ClusterArgs) -> Outcome {
    let mut stop = Stop::listen(Last::Second);
    let now = Env::real().wall_millis();
    let tee = args.tee.then(Stdout::open).transpose()?;
    let properties = properties(cluster, Some(Role::Producer), &own_properties(args))?;
    let record_bytes_max = input_bytes_max(args, properties.producer.request_bytes_max);
    let ready = async {
        let client = connect_with(properties).await?;
        let producer = client.producer().build().await;
        let producer = producer.map_err(|error| failed("make a producer", &error))?;
        let is_new = is_missing(&client, &args.topic).await;
        Ok((client, producer, is_new))
    };
    let ready = stop.or("no broker had answered", ready).await;
    let (client, producer, is_new) =
        ready.map_err(|failure| failure.and("; no record was read"))?;
    let interactive = args.files.is_empty() && stdin().is_terminal();
    let talk = Talk::new(Quiet(args.quiet), cluster.verbose, Interactive(interactive));
    let delimiter = match args.whole_files {
        true => Delimiter::None,
        false => Delimiter::new(&args.delimiter.0),
    };
    let files = args.files.clone();
    let sources = Sources { files, delimiter: delimiter.clone(), record_bytes_max };
    let mut job = Job {
        template: Template::new(args, now),
        delimiter,
        tee,
        count_max: args.count.unwrap_or(u64::MAX),
        producer: &producer,
        input: Input::start(sources),
        ledger: Ledger::default(),
        progress: Progress::start(args.count, talk),
        stop,
        created: is_new.then_some(client),
    };
    let pumped = job.pump().await;
    job.finish(pumped).await?;
    producer.close().await.map_err(|error| failed(&job.what(), &error))?;
    job.progress.finish("written");
    Ok(())
}

/// How long a record of the input may be. A longer one cannot fit a request; what is left of the
/// limit is for the producer to judge, which knows how large a record becomes.
fn input_bytes_max(args: &ProduceArgs, request_bytes_max: usize) -> usize {
    let around = args.key_delimiter.as_ref().map_or(0, |text| text.0.len());
    match args.json {
        // A byte of a text takes six characters at most, and there is what stands around it.
        true => request_bytes_max.saturating_mul(6).saturating_add(JSON_BYTES_AROUND),
        false => request_bytes_max.saturating_add(around),
    }
}

/// Whether brokers say that there is no such topic. Whatever else goes wrong, the records tell.
async fn is_missing(client: &Client, topic: &str) -> bool {
    let described = client.admin().describe_topics([topic]).await;
    matches!(described.as_deref(), Ok([Err(Error::UnknownTopic { .. })]))
}

/// The properties that options stand for.
fn own_properties(args: &ProduceArgs) -> Vec<(&'static str, String)> {
    let codec = args.compression.map(|codec| ("compression.type", codec.to_string()));
    let acks = args.acks.map(|acks| ("acks", acks.name().into()));
    codec.into_iter().chain(acks).collect()
}

/// What the options say of every record.
struct Template<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: Vec<Header<'a>>,
    rules: LineRules,
    json: bool,
}

impl<'a> Template<'a> {
    fn new(args: &'a ProduceArgs, now: i64) -> Self {
        let header = |header: &'a crate::args::value::HeaderArg| {
            Header::new(&header.name, header.value.as_deref().map(str::as_bytes))
        };
        let finder = |text: &[u8]| memmem::Finder::new(text).into_owned();
        Self {
            topic: &args.topic,
            partition: args.partition,
            timestamp: args.timestamp.map(|time| time.millis(now)),
            headers: args.headers.iter().map(header).collect(),
            rules: LineRules {
                key_delimiter: args.key_delimiter.as_ref().map(|text| finder(&text.0)),
                key: args.key.as_ref().map(|key| key.as_bytes().to_vec()),
                empty_is_null: args.null,
            },
            json: args.json,
        }
    }

    fn record<'r>(&'r self, timestamp: Option<i64>, headers: &'r [Header<'r>]) -> Record<'r> {
        let mut record = Record::to(self.topic).headers(headers);
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        match self.timestamp.or(timestamp) {
            Some(timestamp) => record.timestamp(timestamp),
            None => record,
        }
    }
}

struct Job<'a> {
    template: Template<'a>,
    delimiter: Delimiter,
    tee: Option<Stdout>,
    count_max: u64,
    producer: &'a Producer,
    input: Input,
    ledger: Ledger,
    progress: Progress,
    stop: Stop,
    /// For a topic that was not there, until it is.
    created: Option<Client>,
}

impl Job<'_> {
    /// Reads and sends until the input ends, the count is reached, a signal comes, or it fails.
    async fn pump(&mut self) -> Outcome {
        while self.ledger.read() < self.count_max {
            let chunk = tokio::select! {
                biased;
                () = self.stop.asked() => return self.send_rest().await,
                settled = self.ledger.settle_some() => {
                    self.progress.advance_to(self.ledger.acknowledged());
                    settled.map_err(|error| failed(&self.what(), &error))?;
                    if self.ledger.acknowledged() > 0 {
                        self.tell_created().await;
                    }
                    continue;
                }
                chunk = self.input.next() => chunk,
            };
            let Some(chunk) = chunk else { return Ok(()) };
            let chunk = chunk.map_err(|why| {
                // What was read of a record that ends in an error.
                self.ledger.note_unsent(usize::from(self.input.begun() > 0));
                Failure::Failed(why)
            })?;
            self.send(&chunk).await?;
            self.progress.add_bytes(chunk.len());
            self.input.give_back(chunk);
        }
        Ok(())
    }

    /// Sends what was read already when a signal came; the next one ends the process.
    async fn send_rest(&mut self) -> Outcome {
        self.stop.obey();
        for chunk in self.input.abandon().await {
            self.send(&chunk).await?;
            self.progress.add_bytes(chunk.len());
        }
        match self.input.begun() {
            0 => Ok(()),
            bytes => Err(Failure::Failed(format!(
                "stopped by a signal; the last {bytes} bytes that were read are a record without \
                 its end, and were not sent"
            ))),
        }
    }

    /// Sends the records of a chunk. Those that it does not come to are counted as read.
    async fn send(&mut self, chunk: &[u8]) -> Outcome {
        let delimiter = self.delimiter.clone();
        let mut records = records(chunk, &delimiter);
        while self.ledger.read() < self.count_max {
            let Some(record) = records.next() else { break };
            if let Err(failure) = self.send_one(record).await {
                self.ledger.note_unsent(records.count());
                return Err(failure);
            }
        }
        self.tee.as_mut().map_or(Ok(()), Stdout::flush)
    }

    async fn send_one(&mut self, line: &[u8]) -> Outcome {
        let Self { template, producer, ledger, stop, .. } = self;
        let number = ledger.note_read();
        if let Some(tee) = &mut self.tee {
            tee.buffer().extend_from_slice(line);
            tee.buffer().extend_from_slice(self.delimiter.bytes());
        }
        let (object, headers): (_, Vec<_>);
        let record = if template.json {
            object = object::parse(line)
                .map_err(|why| Failure::Failed(format!("cannot read record {number}: {why}")))?;
            let own = object.headers.iter().map(|(k, v)| Header::new(k, v.as_deref()));
            headers = own.chain(template.headers.iter().copied()).collect();
            let key = object.key.as_deref().or(template.rules.key.as_deref());
            let record = template.record(object.timestamp, &headers);
            record.key_opt(key).value_opt(object.value.as_deref())
        } else {
            let (key, value) = template.rules.parts(line);
            template.record(None, &template.headers).key_opt(key).value_opt(value)
        };
        let sent = async { ledger.keep(producer.enqueue(record).await?).await };
        let sent = tokio::select! {
            biased;
            sent = sent => sent,
            // It waits for space in the producer's buffer.
            () = stop.asked() => {
                stop.obey();
                return Err(Failure::Failed(STOPPED.into()));
            }
        };
        sent.map_err(|error| failed(&self.what(), &error))
    }

    /// Waits for all that was sent, and adds the count to what went wrong.
    async fn finish(&mut self, pumped: Outcome) -> Outcome {
        if pumped.is_err() {
            let delimiter = &self.delimiter;
            let unsent = self.input.abandon().await;
            let counts = unsent.iter().map(|chunk| records(chunk, delimiter).count());
            self.ledger.note_unsent(counts.sum());
        }
        let settled = tokio::select! {
            biased;
            settled = self.ledger.settle_all() => {
                settled.map_err(|error| failed(&self.what(), &error))
            }
            () = self.stop.asked() => Err(Failure::Failed(STOPPED_WAITING.into())),
        };
        let outcome = pumped.and(settled);
        // It may have fewer partitions than were counted on.
        let is_lacking = outcome.is_err() && self.template.partition.is_some();
        if is_lacking || self.ledger.acknowledged() > 0 {
            self.tell_created().await;
        }
        self.progress.advance_to(self.ledger.acknowledged());
        outcome.map_err(|failure| {
            self.progress.clear();
            failure.and(&self.ledger.account())
        })
    }

    /// Says once that a broker has made the topic: perhaps its name was a slip.
    async fn tell_created(&mut self) {
        let Some(client) = self.created.take() else { return };
        let name = self.template.topic;
        if let Ok(Ok(topic)) = timeout(NOTE_WAIT, client.topic(name)).await {
            let count = match topic.partitions.len() {
                1 => "1 partition".into(),
                count => format!("{count} partitions"),
            };
            let hint = match self.template.partition.map(usize::try_from) {
                Some(Ok(partition)) if partition >= topic.partitions.len() => format!(
                    ", which is too few: delete it, and make it with kurier topic create {name} \
                     -P {}",
                    partition.saturating_add(1)
                ),
                _ => String::new(),
            };
            let line = "kurier: note: topic";
            let line = format!("{line} {name} was created by the broker, {count}{hint}");
            self.progress.say(&line);
        }
    }

    fn what(&self) -> String {
        format!("write to topic {}", self.template.topic)
    }
}

const STOPPED: &str = "stopped by a signal while the brokers took no more records";

const STOPPED_WAITING: &str = "stopped by a second signal while records were on their way";

/// A note is not worth more than this.
const NOTE_WAIT: Duration = Duration::from_secs(1);

/// Names of fields, topic, key and headers of a JSON object, generously.
const JSON_BYTES_AROUND: usize = 1 << 20;
