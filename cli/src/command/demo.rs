//! `kurier demo`: a cluster in this process, a text through it, a check of what came out.

use std::path::Path;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use kurier_client::{Client, Error, Record, Start, Stop};
use kurier_protocol::record::Compression;
use kurier_protocol::release::Release;
use kurier_testkit::TestCluster;
use tokio::time::Instant;

use super::broker::{build, describe};
use crate::args::demo::DemoArgs;
use crate::failure::{Failure, Outcome};
use crate::input::chunk::{Delimiter, records};
use crate::output::stdout::Stdout;
use crate::session::failed;
use crate::session::progress::summary;
use crate::text::reason;

/// Shows it all.
pub(crate) async fn run(args: &DemoArgs) -> Outcome {
    let mut stdout = Stdout::open()?;
    let text = text(args.file.as_deref())?;
    let once: Vec<&[u8]> = records(&text, &LINES).collect();
    let times = usize::try_from(args.times).unwrap_or(usize::MAX);
    let lines = || std::iter::repeat_n(&once, times).flatten().copied();
    if once.is_empty() {
        return Err(Failure::Failed("the text has no lines: nothing to show".into()));
    }

    let cluster = build(describe(args.release, args.brokers).topic(TOPIC, 1))?;
    let served = cluster.serve_tcp("127.0.0.1", 0).await.map_err(|error| {
        Failure::Failed(format!("cannot listen on 127.0.0.1: {}", reason(&error.source)))
    })?;
    let bootstrap = served.bootstrap();
    stdout.print(&started(args, &bootstrap))?;
    let codec = args.compression.map_or_else(|| codec_of(args.release.0), |codec| codec.0);

    let begun = Instant::now();
    let client = Client::builder(bootstrap).client_id("kurier-demo").connect().await;
    let client = client.map_err(|error| failed("reach the demo's own cluster", &error))?;
    let wrote = write(&client, codec, lines()).await;
    let wrote = wrote.map_err(|error| failed("write to the demo's own cluster", &error))?;
    stdout.print(&written(args, (&wrote, begun.elapsed(), codec), &cluster))?;

    let begun = Instant::now();
    let read = read(&client).await;
    let read = read.map_err(|error| failed("read from the demo's own cluster", &error))?;
    stdout.print(&format!(
        "3. Read it back:\n   {}.\n",
        read.size().summary("read", begun.elapsed())
    ))?;

    compare(lines(), &read)?;
    served.shutdown().await;
    stdout.print(&compared(codec))
}

/// The text to send: a file, or the one that this binary carries.
fn text(file: Option<&Path>) -> Outcome<Vec<u8>> {
    let Some(file) = file else { return Ok(LICENSE.into()) };
    std::fs::read(file).map_err(|error| {
        Failure::Failed(format!("cannot read {}: {}", file.display(), reason(&error)))
    })
}

/// The best codec that brokers of a release know.
fn codec_of(release: Release) -> Compression {
    if release < ZSTD_SINCE { Compression::Lz4 } else { Compression::Zstd }
}

/// How much went one way.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    records: u64,
    bytes: u64,
}

impl Size {
    fn add(&mut self, value: &[u8]) {
        self.records += 1;
        self.bytes += u64::try_from(value.len()).unwrap_or(u64::MAX);
    }

    fn summary(&self, what: &str, took: Duration) -> String {
        summary(what, self.records, self.bytes, took)
    }
}

/// Writes the lines and waits for every acknowledgement.
async fn write<'a>(
    client: &Client,
    codec: Compression,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Size, Error> {
    let producer = client.producer().compression(codec).build().await?;
    let (mut size, mut deliveries) = (Size::default(), Vec::new());
    for line in lines {
        size.add(line);
        deliveries.push(producer.enqueue(Record::to(TOPIC).value(line)).await?);
    }
    producer.flush().await?;
    for delivery in deliveries {
        delivery.await?;
    }
    producer.close().await?;
    Ok(size)
}

/// Values in one piece of memory, and where each ends.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    fn size(&self) -> Size {
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Size { records: number(self.ends.len()), bytes: number(self.bytes.len()) }
    }
}

/// Reads the topic from its beginning to its end.
async fn read(client: &Client) -> Result<Lines, Error> {
    let topics = client.consumer().topics([TOPIC], Start::Earliest);
    let mut consumer = topics.stop(Stop::End).start()?;
    let mut lines = Lines::default();
    while let Some(batch) = consumer.next().await.transpose()? {
        for record in batch.records() {
            lines.push(record?.value.unwrap_or_default());
        }
    }
    Ok(lines)
}

/// Whether what came out is what went in: the same lines in the same order.
fn compare<'a>(sent: impl Iterator<Item = &'a [u8]>, read: &Lines) -> Outcome {
    let mut count = 0;
    let mut read = read.iter();
    for line in sent {
        count += 1;
        if read.next() != Some(line) {
            let what = format!("what came out is not what went in: record {count} differs");
            return Err(Failure::Failed(what));
        }
    }
    match read.count() {
        0 => Ok(()),
        more => Err(Failure::Failed(format!("{more} records came out that did not go in"))),
    }
}

fn started(args: &DemoArgs, bootstrap: &[String]) -> String {
    let DemoArgs { brokers, release, .. } = args;
    let brokers = if *brokers == 1 { "1 broker".into() } else { format!("{brokers} brokers") };
    format!(
        "1. Started a cluster in this process: {brokers}, as Kafka {release}, at {}.\n",
        bootstrap.join(", ")
    )
}

fn written(
    args: &DemoArgs,
    (size, took, codec): (&Size, Duration, Compression),
    cluster: &TestCluster,
) -> String {
    let what = match &args.file {
        Some(file) => file.display().to_string(),
        None => "the Apache licence".into(),
    };
    let times = if args.times == 1 { String::new() } else { format!(" {} times", args.times) };
    let batches = cluster.batches(TOPIC, 0);
    let noun = if batches.len() == 1 { "batch" } else { "batches" };
    let stored: usize = batches.iter().map(|batch| batch.bytes().len()).sum();
    format!(
        "2. Wrote {what}{times}, line by line, over TCP:\n   {}.\n   \
         The broker stores these {} in {} record {noun} of {} altogether ({}).\n",
        size.summary("acknowledged", took),
        HumanBytes(size.bytes),
        HumanCount(u64::try_from(batches.len()).unwrap_or(u64::MAX)),
        HumanBytes(u64::try_from(stored).unwrap_or(u64::MAX)),
        codec,
    )
}

fn compared(codec: Compression) -> String {
    let codec = match codec {
        Compression::None => String::new(),
        codec => format!(" -z {codec}"),
    };
    format!(
        "4. Compared: what came out is what went in, line by line.\n\n\
         The same on your own Kafka:\n    \
         kurier -b localhost:9092 produce demo{codec} < FILE\n    \
         kurier -b localhost:9092 consume demo -o beginning -e\n"
    )
}

/// The first release that knows zstd (KIP-110).
const ZSTD_SINCE: Release = Release::V2_1;

const TOPIC: &str = "demo";
static LINES: Delimiter = Delimiter::Byte(b'\n');

/// A text that this binary may carry.
const LICENSE: &[u8] = include_bytes!("../../LICENSE-APACHE");

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        let mut lines = Lines::default();
        records(text.as_bytes(), &LINES).for_each(|line| lines.push(line));
        lines
    }

    #[test]
    fn the_codec_is_one_that_the_release_knows() {
        for (release, codec) in [
            (Release::V0_10_2, Compression::Lz4),
            (Release::V2_0, Compression::Lz4),
            (Release::V2_1, Compression::Zstd),
            (Release::V4_4, Compression::Zstd),
        ] {
            assert_eq!(codec_of(release), codec, "{release}");
        }
    }

    #[test]
    fn the_same_lines_pass_and_any_difference_is_found() {
        let check =
            |sent: &str, read: &str| compare(records(sent.as_bytes(), &LINES), &lines(read));
        assert_eq!(check("a\n\nb\n", "a\n\nb\n"), Ok(()));
        for read in ["", "a\n", "a\n\n", "a\nb\n\n", "a\n\nb\nc\n", "a\n\nB\n"] {
            assert!(check("a\n\nb\n", read).is_err(), "{read:?}");
        }
    }
}
