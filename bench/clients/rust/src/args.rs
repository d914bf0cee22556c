//! The words of `kurier bench`, without what makes a command line kind.

use std::iter;

use kurier_client::properties::Properties;

use crate::failure::{Failure, Outcome};
use bench::{BenchConsumeArgs, BenchE2eArgs, BenchProduceArgs};

/// What the measurements are told, by the names that `kurier` has for it.
pub(crate) mod bench {
    use std::path::PathBuf;

    #[derive(Debug)]
    pub(crate) struct BenchProduceArgs {
        pub(crate) topic: String,
        pub(crate) payload: PathBuf,
        pub(crate) size: u32,
        pub(crate) warmup: u64,
        pub(crate) count: u64,
        pub(crate) partitions: Option<u32>,
        pub(crate) keys: Option<u32>,
        pub(crate) tag: String,
    }

    #[derive(Debug)]
    pub(crate) struct BenchConsumeArgs {
        pub(crate) topic: String,
        pub(crate) warmup: u64,
        pub(crate) count: u64,
        pub(crate) partitions: Option<u32>,
        pub(crate) owned: bool,
        pub(crate) tag: String,
    }

    #[derive(Clone, Debug)]
    pub(crate) struct BenchE2eArgs {
        pub(crate) topic: String,
        pub(crate) size: u32,
        pub(crate) rate: u64,
        pub(crate) secs: u64,
        pub(crate) tag: String,
    }
}

/// What to measure.
#[derive(Debug)]
pub(crate) enum Mode {
    Produce(BenchProduceArgs),
    Consume(BenchConsumeArgs),
    E2e(BenchE2eArgs),
}

/// All words.
pub(crate) struct Args {
    pub(crate) mode: Mode,
    /// Threads of the runtime.
    pub(crate) workers: usize,
    pub(crate) properties: Properties,
}

impl Args {
    /// # Errors
    ///
    /// A word is missing, unknown or no number.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mode = words.next().unwrap_or_default();
        let words = Words::read(words)?;
        let number = |name, default| words.number(name, default);
        let small = |name, default| -> Outcome<u32> {
            Ok(u32::try_from(number(name, default)?).unwrap_or(u32::MAX))
        };
        let some = |name| words.has(name).then(|| small(name, 0)).transpose();
        let (topic, tag) = (words.text("topic", ""), words.text("tag", ""));
        let (warmup, count) = (number("warmup", 100_000)?, number("count", 1_000_000)?);
        let mode = match mode.as_str() {
            "produce" => Mode::Produce(BenchProduceArgs {
                payload: words.text("payload", "").into(),
                size: small("size", 100)?.max(1),
                partitions: some("partitions")?,
                keys: some("keys")?,
                topic,
                warmup,
                count,
                tag,
            }),
            "consume" => {
                let owned = words.has("owned");
                let partitions = some("partitions")?;
                Mode::Consume(BenchConsumeArgs { topic, warmup, count, partitions, owned, tag })
            }
            "e2e" => Mode::E2e(BenchE2eArgs {
                size: small("size", 100)?.max(8),
                rate: number("rate", 10_000)?.max(1),
                secs: number("secs", 5)?,
                topic,
                tag,
            }),
            _ => return Err(usage("produce, consume or e2e")),
        };
        let workers = usize::try_from(number("workers", 2)?.clamp(1, 64)).unwrap_or(2);
        Ok(Self { mode, workers, properties: words.properties()? })
    }
}

struct Words(Vec<(String, String)>);

impl Words {
    fn read(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let next = || {
            let word = words.next()?;
            let Some(name) = word.strip_prefix('-').map(|name| name.trim_start_matches('-')) else {
                return Some(Err(usage(&format!("an option where {word} stands"))));
            };
            let value = if name == "owned" { Some(String::new()) } else { words.next() };
            let lacking = || usage(&format!("a value behind {word}"));
            Some(value.map(|value| (name.to_owned(), value)).ok_or_else(lacking))
        };
        iter::from_fn(next).collect::<Outcome<_>>().map(Self)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.find(name).unwrap_or(default).to_owned()
    }

    fn number(&self, name: &str, default: u64) -> Outcome<u64> {
        let Some(text) = self.find(name) else { return Ok(default) };
        text.parse().map_err(|_| usage(&format!("a number where {text} stands")))
    }

    fn properties(&self) -> Outcome<Properties> {
        let mut properties = Properties::default();
        let servers = ("bootstrap.servers", self.find("bootstrap").unwrap_or("127.0.0.1:9092"));
        let set = self.0.iter().filter(|(name, _)| name == "X");
        let set = set.map(|(_, setting)| setting.split_once('=').unwrap_or((setting, "")));
        for (name, value) in iter::once(servers).chain(set) {
            let set = properties.set(name, value);
            set.map_err(|error| Failure::Usage(error.to_string()))?;
        }
        Ok(properties)
    }
}

fn usage(wanted: &str) -> Failure {
    Failure::Usage(format!("what is needed is {wanted}"))
}
