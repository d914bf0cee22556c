//! Releases of Apache Kafka, and what each of them knows.

use std::fmt;

/// A release such as 2.8.2.
#[derive(Clone, Debug)]
pub(crate) struct Release(String);

impl Release {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn at_least(&self, other: &str) -> bool {
        let numbers =
            |text: &str| text.split('.').map(|n| n.parse().unwrap()).collect::<Vec<u32>>();
        numbers(other) <= numbers(&self.0)
    }

    /// zstd came with KIP-110.
    pub(crate) fn codecs(&self) -> &'static [Codec] {
        if self.at_least("2.1") { &CODECS } else { &CODECS[..4] }
    }

    /// Record batches replaced message sets in 0.11.
    pub(crate) fn magic(&self) -> i8 {
        if self.at_least("0.11") { 2 } else { 1 }
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.magic() == 2
    }

    /// CreateTopics came in 0.10.1.
    pub(crate) fn has_create_topics(&self) -> bool {
        self.at_least("0.10.1")
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A codec: its name in every program's options, and its number in a batch's attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) id: i8,
}

const CODECS: [Codec; 5] = [
    Codec { name: "none", id: 0 },
    Codec { name: "gzip", id: 1 },
    Codec { name: "snappy", id: 2 },
    Codec { name: "lz4", id: 3 },
    Codec { name: "zstd", id: 4 },
];
