//! What can be wrong with bytes, and with values that should become bytes.

use std::fmt;

/// Why bytes are not the message that they should be. It names the message, its version, the field
/// and the byte at which reading stopped.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    message: &'static str,
    version: i16,
    /// Innermost first, as it is collected on the way out.
    path: Vec<Step>,
    offset: usize,
    cause: DecodeCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Index(usize),
}

/// What is wrong with the bytes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeCause {
    /// The bytes end too early.
    #[error("{needed} more bytes are needed, {left} are left")]
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A length is below -1, or beyond what the type can hold.
    #[error("the length {0} is not possible")]
    Length(i64),
    /// A length is above a limit that the reader has set.
    #[error("the length {length} is above the limit of {max}")]
    TooLong {
        /// The length that is claimed.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// An array claims more elements than bytes are left.
    #[error("an array of {count} elements cannot fit {left} bytes")]
    Count {
        /// Elements that the array claims.
        count: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// A varint has more than five (32 bit) or ten (64 bit) bytes.
    #[error("a varint has too many bytes")]
    Varint,
    /// A string is not UTF-8.
    #[error("the string is not UTF-8")]
    NotUtf8,
    /// A value is null where this version does not allow it.
    #[error("null is not allowed here")]
    Null,
    /// A tagged field comes twice in one struct.
    #[error("tag {0} comes twice")]
    RepeatedTag(u32),
    /// The message ends before the bytes do.
    #[error("{0} bytes are left over")]
    Leftover(usize),
    /// The message does not have this version.
    #[error("this version is not known (known are {first} to {last})")]
    Version {
        /// Lowest version that there is.
        first: i16,
        /// Highest version that there is.
        last: i16,
    },
    /// There is no API of this number.
    #[error("there is no API with key {0}")]
    Api(i16),
}

impl DecodeError {
    /// An error at a byte offset, its place in the message still to be told.
    #[cold]
    pub(crate) fn new(offset: usize, cause: DecodeCause) -> Self {
        Self(Box::new(Place { message: "", version: 0, path: Vec::new(), offset, cause }))
    }

    #[cold]
    pub(crate) fn in_field(mut self, name: &'static str) -> Self {
        self.0.path.push(Step::Field(name));
        self
    }

    #[cold]
    pub(crate) fn at_index(mut self, index: usize) -> Self {
        self.0.path.push(Step::Index(index));
        self
    }

    #[cold]
    pub(crate) fn in_message(mut self, message: &'static str, version: i16) -> Self {
        self.0.message = message;
        self.0.version = version;
        self
    }

    /// Name of the message, such as `FetchResponse`; empty while it is not known.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.0.message
    }

    /// Version of the message.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.0.version
    }

    /// The field, such as `topics[0].partitions[3].records`; empty for the message as a whole.
    #[must_use]
    pub fn field(&self) -> String {
        let mut text = String::new();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.extend([".", name]),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }

    /// Offset of the byte at which reading stopped, counted from the start of the message body.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// What is wrong.
    #[must_use]
    pub fn cause(&self) -> DecodeCause {
        self.0.cause
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { message, version, offset, cause, .. } = &*self.0;
        if !message.is_empty() {
            write!(f, "{message} v{version}")?;
            let field = self.field();
            if !field.is_empty() {
                write!(f, ", field {field}")?;
            }
            write!(f, ", ")?;
        }
        write!(f, "at byte {offset}: {cause}")
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl std::error::Error for DecodeError {}

/// Why a message cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The version lacks a field whose value would be lost.
    #[error("{message} v{version} has no field {field}, and its value would be lost")]
    UnsupportedField {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// Name of the field.
        field: &'static str,
    },
    /// A field is null where the version does not allow it.
    #[error("{message} v{version} does not allow null in field {field}")]
    Null {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// Name of the field.
        field: &'static str,
    },
    /// The message does not have this version.
    #[error("{message} has no version {version}")]
    Version {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string, array or frame is longer than the protocol can say.
    #[error("{message} v{version}{place}: a {what} of {length} is longer than allowed ({max})",
        place = in_field(field))]
    TooLong {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// Name of the field; empty for the frame as a whole.
        field: &'static str,
        /// What it is: string, array, bytes, frame.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The longest that can be written.
        max: usize,
    },
    /// A dynamic value does not have the shape of its field.
    #[error("{message} v{version}{place} cannot hold this value: {wanted} is wanted",
        place = in_field(field))]
    Shape {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// Name of the field; empty for the message as a whole.
        field: &'static str,
        /// What the field holds.
        wanted: &'static str,
    },
}

impl EncodeError {
    #[cold]
    pub(crate) fn in_message(mut self, name: &'static str) -> Self {
        let (Self::UnsupportedField { message, .. }
        | Self::Null { message, .. }
        | Self::Version { message, .. }
        | Self::TooLong { message, .. }
        | Self::Shape { message, .. }) = &mut self;
        *message = name;
        self
    }

    /// Names the field, unless one inside of it is named already.
    #[cold]
    pub(crate) fn in_field(mut self, name: &'static str) -> Self {
        if let Self::TooLong { field: field @ "", .. } | Self::Shape { field: field @ "", .. } =
            &mut self
        {
            *field = name;
        }
        self
    }
}

fn in_field(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(", field {name}") }
}
