//! Values of options that are more than a text or a number.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use kurier_protocol::record::Compression;
use kurier_protocol::release::Release;

use crate::text::escape::unescape;
use crate::text::list;

/// `KEY=VALUE`: a property or a topic's setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyValue {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for KeyValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        list::property(text).map(|(key, value)| Self { key, value })
    }
}

/// A setting of what a cluster consists of, by Kafka's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterConfig {
    /// `NAME=VALUE`: of all brokers.
    Brokers(KeyValue),
    /// `TOPIC:NAME=VALUE`
    Topic(String, KeyValue),
    /// `BROKER:broker.rack=RACK`
    Rack(i32, String),
}

impl FromStr for ClusterConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return Err("write NAME=VALUE".to_owned());
        }
        let KeyValue { key, value } = text.parse()?;
        match key.split_once(':') {
            None if key == RACK => {
                Err(format!("a rack is that of one broker: write 1:{RACK}={value}"))
            }
            None => Ok(Self::Brokers(KeyValue { key, value })),
            Some((broker, RACK)) => {
                let id = broker.parse().map_err(|_| format!("no broker has the id {broker:?}"))?;
                Ok(Self::Rack(id, value))
            }
            Some((topic, name)) => {
                Ok(Self::Topic(list::topic(topic)?, KeyValue { key: name.to_owned(), value }))
            }
        }
    }
}

impl ClusterConfig {
    /// The name of the setting, if it is one of all brokers.
    pub(crate) fn of_brokers(&self) -> Option<&str> {
        match self {
            Self::Brokers(config) => Some(&config.key),
            Self::Topic(..) | Self::Rack(..) => None,
        }
    }
}

const RACK: &str = "broker.rack";

/// `NAME=VALUE`, or `NAME` for a header whose value is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderArg {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

impl FromStr for HeaderArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        list::name_and_value(text).map(|(name, value)| Self { name, value })
    }
}

/// `NAME:PASSWORD`. The password may hold colons.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl fmt::Debug for User {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Self { name: name.into(), password: password.into() })
            }
            _ => Err("a user is NAME:PASSWORD, and neither is empty".into()),
        }
    }
}

/// A release of Kafka: its number, the beginning of one, of which the newest is meant, or `latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseArg(pub(crate) Release);

impl FromStr for ReleaseArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let begins = |release: &Release| {
            release.name().strip_prefix(text).is_some_and(|rest| rest.starts_with('.'))
        };
        let newest = || match text {
            "latest" => Some(Release::NEWEST),
            _ => Release::ALL.iter().copied().rfind(begins),
        };
        text.parse().ok().or_else(newest).map(Self).ok_or_else(|| {
            let known: Vec<_> = Release::ALL.iter().map(|release| release.name()).collect();
            format!("known are latest, {}", known.join(", "))
        })
    }
}

impl fmt::Display for ReleaseArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `HOST` or `HOST:PORT`: where clients are told to find brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertise {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl FromStr for Advertise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = match (text.strip_prefix('['), text.rsplit_once(':')) {
            _ if text.contains("://") => return Err("write HOST:PORT without a protocol".into()),
            (Some(v6), _) => v6.split_once(']').ok_or("write [ADDRESS]:PORT")?,
            // An address of IPv6 alone.
            (None, Some((before, _))) if before.contains(':') => (text, ""),
            (None, Some((host, _))) => text.split_at(host.len()),
            (None, None) => (text, ""),
        };
        let port = match port.strip_prefix(':').map(str::parse) {
            None if port.is_empty() => None,
            Some(Ok(port @ 1..)) => Some(port),
            _ => return Err("a port is a number from 1 to 65535".into()),
        };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(
                "write HOST or HOST:PORT, the name or address that clients can reach".into()
            );
        }
        if host.len() > HOST_BYTES_MAX {
            return Err(format!("a name has at most {HOST_BYTES_MAX} bytes"));
        }
        if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
            return Err("nobody can connect to that; write what clients can reach".into());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// What the DNS can name.
const HOST_BYTES_MAX: usize = 253;

/// A delimiter, its escapes resolved. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DelimiterArg(pub(crate) Vec<u8>);

impl FromStr for DelimiterArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match unescape(text)? {
            bytes if bytes.is_empty() => Err("a delimiter has at least one byte".into()),
            bytes => Ok(Self(bytes)),
        }
    }
}

/// Partitions: a number or a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionRange(pub(crate) RangeInclusive<i32>);

impl FromStr for PartitionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        list::partitions(text).map(Self)
    }
}

/// A topic and how many partitions it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicCount {
    pub(crate) name: String,
    pub(crate) partitions: i32,
}

impl FromStr for TopicCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        list::topic_with_count(text).map(|(name, partitions)| Self { name, partitions })
    }
}

/// A codec that this binary has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codec(pub(crate) Compression);

impl FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let codec = text.parse::<Compression>();
        codec.map(Self).map_err(|_| "known are none, gzip, snappy, lz4, zstd".into())
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_may_be_the_newest_that_begins_so() {
        for (text, wanted) in [
            ("latest", Release::NEWEST),
            ("3", Release::V3_9),
            ("0.11", Release::V0_11_0),
            ("0.10", Release::V0_10_2),
            ("0", Release::V0_11_0),
            ("2.8", Release::V2_8),
            ("2.8.1", Release::V2_8),
        ] {
            assert_eq!(text.parse(), Ok(ReleaseArg(wanted)), "{text}");
        }
        for wrong in ["", "5", "4.", "2.80", "0.1", "newest", "v3"] {
            let error = wrong.parse::<ReleaseArg>().unwrap_err();
            assert!(error.contains("latest, 0.10.0, ") && error.ends_with(", 4.4"), "{error}");
        }
    }

    #[test]
    fn what_is_advertised_is_a_host_that_may_have_a_port() {
        for (text, host, port) in [
            ("kafka", "kafka", None),
            ("kafka:19092", "kafka", Some(19_092)),
            ("10.0.0.7:1", "10.0.0.7", Some(1)),
            ("[fe80::1]:9092", "fe80::1", Some(9092)),
            ("[fe80::1]", "fe80::1", None),
            ("fe80::1", "fe80::1", None),
        ] {
            assert_eq!(text.parse(), Ok(Advertise { host: host.to_owned(), port }), "{text}");
        }
        for (wrong, part) in [
            ("", "HOST"),
            (":9092", "HOST"),
            ("a b", "HOST"),
            ("kafka:", "port"),
            ("kafka:0", "port"),
            ("kafka:65536", "port"),
            ("[::1]9092", "port"),
            ("[::1", "[ADDRESS]"),
            ("0.0.0.0:9092", "connect"),
            ("PLAINTEXT://kafka:9092", "protocol"),
            (&"x".repeat(254), "253"),
        ] {
            let error = wrong.parse::<Advertise>().unwrap_err();
            assert!(error.contains(part), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_delimiter_is_never_empty() {
        assert_eq!(r"\r\n".parse(), Ok(DelimiterArg(b"\r\n".to_vec())));
        assert!("".parse::<DelimiterArg>().is_err());
    }

    #[test]
    fn codecs_have_the_names_of_kafka() {
        for name in ["none", "gzip", "snappy", "lz4", "zstd"] {
            assert_eq!(name.parse::<Codec>().unwrap().to_string(), name);
        }
        assert!("brotli".parse::<Codec>().is_err());
    }
}
