//! The facts that errors are made of.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::record::RecordError;
use kurier_protocol::{ApiKey, DecodeError};

use super::login::{LoginFailure, OTHER_SIDE};
use super::rounded::Rounded;
use super::tls::TlsFault;
use super::told::Told;

/// What is wrong with bytes that should have been Kafka's.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The port speaks TLS, and plain text was sent to it.
    Tls,
    /// The port speaks HTTP.
    Http,
    /// The port answers with a text of another protocol, which begins like this.
    Foreign([u8; 4]),
    /// A frame has a length that is negative or over the limit.
    FrameLength {
        /// The length that the frame claims.
        bytes: i32,
        /// The longest that is accepted.
        bytes_max: usize,
    },
    /// An answer does not belong to the oldest open request.
    Correlation {
        /// Correlation id of the oldest open request, if there is one.
        wanted: Option<i32>,
        /// Correlation id of the answer.
        found: i32,
    },
    /// An answer is not the message that it should be.
    Decode(DecodeError),
    /// A record batch is broken.
    Record(RecordError),
}

impl Fault {
    /// Tells by the first bytes that should have been a frame's length what was met instead.
    #[must_use]
    pub fn of_length(first: [u8; 4], bytes_max: usize) -> Self {
        match &first {
            // A TLS record: alert (or handshake), then the major version.
            [0x15 | 0x16, 0x03, ..] => Self::Tls,
            b"HTTP" | b"<htm" | b"<HTM" | b"<!do" | b"<!DO" => Self::Http,
            text if text.iter().all(is_text) => Self::Foreign(first),
            _ => Self::FrameLength { bytes: i32::from_be_bytes(first), bytes_max },
        }
    }

    /// Whether it is the port that is wrong, or what was set up for it: every answer is like this.
    #[must_use]
    pub fn is_of_port(&self) -> bool {
        matches!(self, Self::Tls | Self::Http | Self::Foreign(_) | Self::FrameLength { .. })
    }
}

impl Fault {
    /// What it is, and what may help.
    pub(super) fn told(&self) -> Told {
        match self {
            Self::Tls => Told::new(
                "the port speaks TLS and this connection is plain text",
                "set security.protocol=SSL or SASL_SSL, or use the port of a PLAINTEXT listener",
            ),
            Self::Http => Told::new("the port speaks HTTP", KAFKAS_PORT),
            Self::Foreign(first) => Told::new(
                format!(
                    "the port speaks {}: its answer begins with \"{}\"",
                    speaker(first),
                    first.escape_ascii()
                ),
                KAFKAS_PORT,
            ),
            Self::FrameLength { bytes, bytes_max } => frame_length(*bytes, *bytes_max),
            Self::Correlation { wanted: Some(wanted), found } => Told::new(
                format!("an answer has correlation id {found}, and {wanted} is next in line"),
                OTHER_SIDE,
            ),
            Self::Correlation { wanted: None, found } => Told::new(
                format!("an answer has correlation id {found}, and no request is open"),
                OTHER_SIDE,
            ),
            Self::Decode(error) => {
                Told::new(format!("an answer cannot be read: {error}"), OTHER_SIDE)
            }
            Self::Record(error @ RecordError::CodecNotBuilt { .. }) => Told::new(
                format!("a record batch cannot be read or written: {error}"),
                "build with it, or choose another codec",
            ),
            Self::Record(error @ RecordError::LimitExceeded { .. }) => Told::new(
                format!("a record batch cannot be read: {error}"),
                "raise the consumer's batch_bytes_max, or start behind it",
            ),
            Self::Record(error) => Told::new(
                format!("a record batch cannot be read: {error}"),
                "start behind it, or let the broker's log be checked",
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

fn frame_length(bytes: i32, bytes_max: usize) -> Told {
    let [a, b, c, d] = bytes.to_be_bytes();
    let begins = format!("an answer begins with the bytes {a:02x} {b:02x} {c:02x} {d:02x}");
    let check = "check that the port is Kafka's";
    match usize::try_from(bytes).is_ok_and(|bytes| bytes <= FRAME_BYTES_LIKELY) {
        // No setting is lower.
        true if bytes_max < FRAME_BYTES_MIN => {
            Told::new(format!("{begins}, which no broker begins with"), check)
        }
        true => Told::new(
            format!("{begins}, a frame of {bytes} bytes, and {bytes_max} is the limit"),
            "check that the port is Kafka's, or raise frame_bytes_max (receive.message.max.bytes)",
        ),
        false => Told::new(format!("{begins}, which is no length of a frame"), check),
    }
}

const KAFKAS_PORT: &str = "use the port of a Kafka listener, which usually is 9092";

/// Whether a byte can stand in the first line of a text protocol.
fn is_text(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')
}

/// What a port speaks whose first words are these.
fn speaker(first: &[u8; 4]) -> &'static str {
    match first {
        b"SSH-" => "SSH",
        b"220 " | b"220-" => "SMTP or FTP",
        b"+OK " => "POP3",
        b"* OK" => "IMAP",
        b"-ERR" => "Redis",
        b"AMQP" => "AMQP",
        b"ERRO" => "memcached",
        _ => "another protocol",
    }
}

/// The least that the longest answer can be set to. Handshakes have a limit below it.
const FRAME_BYTES_MIN: usize = 1 << 20;
/// A frame that claims more than this is none: brokers answer with 100 MiB at most by default.
const FRAME_BYTES_LIKELY: usize = 1 << 30;

/// Why a connection was not made, or ended.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Cause {
    /// The name of the host has no address.
    Resolve(Arc<io::Error>),
    /// The system says why.
    Io(Arc<io::Error>),
    /// It was not ready within the time for its set-up.
    SetupTimedOut(Duration),
    /// It was accepted, and no answer to the first request, ApiVersions, came within the time for
    /// its set-up.
    Mute(Duration),
    /// The broker closed it before it had answered the first request, ApiVersions.
    Refused,
    /// The broker closed it.
    Closed,
    /// It was given up because a request was not answered in time.
    Silent {
        /// The API of that request.
        api: ApiKey,
    },
    /// What came was not Kafka's protocol.
    Fault(Fault),
    /// The broker did not let the client in.
    Login(Arc<LoginFailure>),
    /// The broker closed it when the first request came, and there was no login.
    Unwelcome,
    /// It could not be encrypted.
    Tls(Arc<TlsFault>),
    /// The metadata names no such broker.
    NoSuchBroker,
    /// The metadata names it with this port, which is none.
    NoSuchPort(i32),
    /// The metadata that it gave is of no use: it names no brokers.
    NoBrokers,
    /// The broker answered Metadata as a whole with this error.
    NoMetadata(kurier_protocol::ErrorCode),
    /// The broker answered the first request, ApiVersions, with this error.
    Rejected(kurier_protocol::ErrorCode),
    /// It was given up because the client begins again with its bootstrap servers.
    Rebootstrap,
    /// The broker belongs to the cluster with this id, which is not the one that is known.
    OtherCluster(Box<str>),
}

impl Cause {
    /// The cause that an error of the system is.
    #[must_use]
    pub fn io(error: io::Error) -> Self {
        if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>()) {
            return fault.clone().into();
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(Arc::new(error)),
        }
    }

    /// The cause that a resolver is which has not answered within this time.
    pub(crate) fn unresolved(after: Duration) -> Self {
        let problem = format!("no answer within {}", Rounded(after));
        Self::Resolve(Arc::new(io::Error::new(io::ErrorKind::TimedOut, problem)))
    }

    /// Whether the other end just hung up.
    #[must_use]
    pub fn is_hangup(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Io(error) => {
                use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
                matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
            }
            _ => false,
        }
    }

    /// Whether it may be the address that is wrong: nobody answers there.
    #[must_use]
    pub fn is_of_address(&self) -> bool {
        matches!(self, Self::Resolve(_) | Self::Io(_) | Self::SetupTimedOut(_) | Self::Mute(_))
    }

    /// Whether a login failed in a way that does not pass. The other addresses of the broker would
    /// say the same, and count it against the user.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        matches!(self, Self::Login(failure) if !failure.is_passing())
    }

    /// Whether the next try may succeed with nothing changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Tls(fault) => fault.is_passing(),
            Self::Login(failure) => failure.is_passing(),
            Self::Fault(fault) => !fault.is_of_port(),
            _ => true,
        }
    }
}

impl From<TlsFault> for Cause {
    fn from(fault: TlsFault) -> Self {
        Self::Tls(Arc::new(fault))
    }
}

impl Cause {
    /// What may help against it, if that can be told.
    #[must_use]
    pub fn advice(&self) -> Option<Cow<'static, str>> {
        self.told().advice
    }

    /// What it is, without what may help.
    #[must_use]
    pub fn found(&self) -> Cow<'static, str> {
        self.told().found
    }

    pub(super) fn told(&self) -> Told {
        match self {
            Self::Resolve(error) => Told::found(format!("the name cannot be resolved ({error})")),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => Told::found("connection refused"),
                io::ErrorKind::ConnectionReset => Told::found("connection reset"),
                io::ErrorKind::BrokenPipe => Told::found("connection closed while sending"),
                _ => Told::found(error.to_string()),
            },
            Self::SetupTimedOut(after) => {
                Told::found(format!("no connection within {}", Rounded(*after)))
            }
            Self::Mute(after) => Told::new(
                format!(
                    "the port accepted the connection, and nothing came within {}",
                    Rounded(*after)
                ),
                "check that it is a Kafka listener's, that security.protocol is that listener's, \
                 as one of TLS may say nothing to plain text, and that the broker is not \
                 overloaded",
            ),
            Self::Refused => Told::new(
                "it closed the connection instead of answering ApiVersions",
                "is the listener a TLS one (security.protocol), or the broker older than 0.10?",
            ),
            Self::Closed => Told::found("the broker closed the connection"),
            Self::Silent { api } => {
                Told::found(format!("given up, as {api} was not answered in time"))
            }
            Self::Fault(fault) => fault.told(),
            Self::Login(failure) => failure.told(),
            Self::Unwelcome => Told::new(
                "the broker closed the connection at the first request, as listeners do \
                 that want a login",
                "set security.protocol=SASL_SSL or SASL_PLAINTEXT, sasl.mechanism and a login",
            ),
            Self::Tls(fault) => fault.told(),
            Self::NoSuchBroker => Told::new(
                "the metadata names no such broker",
                "it is down or was taken out: start it, or wait until an election gives what it \
                 leads to another; a partition without another replica in sync waits for it",
            ),
            Self::NoSuchPort(port) => Told::new(
                format!("the metadata names it with port {port}, and there is no such port"),
                "set the broker's advertised.listeners to a port between 1 and 65535",
            ),
            Self::NoBrokers => Told::new(
                "the metadata names no brokers",
                "they have not registered with their controller yet, as when they have just \
                 begun: wait, or see their logs",
            ),
            Self::NoMetadata(code) => Told::found(format!("it answered Metadata with {code}")),
            Self::Rejected(code) => Told::found(format!("it answered ApiVersions with {code}")),
            Self::Rebootstrap => {
                Told::found("given up, as the client begins again with its bootstrap servers")
            }
            Self::OtherCluster(id) => Told::found(format!(
                "it belongs to another cluster than the one that is known: {id}"
            )),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

/// A connection that was tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Host and port, or the broker's id if that is all that is known.
    pub address: Box<str>,
    /// Why it failed.
    pub cause: Cause,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.cause)
    }
}

/// Who says that a broker has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The broker.
    pub broker: i32,
    /// The bootstrap servers, of which one was reached and named the address.
    pub servers: Box<str>,
}

impl fmt::Display for Advertised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "that is the address of broker {} as {} (bootstrap.servers) has it: set \
             advertised.listeners of the broker to an address that can be reached from here, or \
             make this one known here; and check that the broker runs",
            self.broker, self.servers
        )
    }
}

/// What an answer is about.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The request as a whole.
    Nothing,
    /// A topic.
    Topic(Box<str>),
    /// A partition of a topic.
    Partition(Box<str>, i32),
    /// A group.
    Group(Box<str>),
    /// A transactional id.
    TransactionalId(Box<str>),
}

impl About {
    /// A topic.
    #[must_use]
    pub fn topic(name: &str) -> Self {
        Self::Topic(name.into())
    }

    /// A partition of a topic.
    #[must_use]
    pub fn partition(topic: &str, index: i32) -> Self {
        Self::Partition(topic.into(), index)
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Topic(name) => write!(f, " for topic {name}"),
            Self::Partition(topic, index) => write!(f, " for partition {index} of topic {topic}"),
            Self::Group(id) => write!(f, " for group {id}"),
            Self::TransactionalId(id) => write!(f, " for transactional id {id}"),
        }
    }
}
