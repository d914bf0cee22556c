//! The bytes of a message, written a second time: apart from the encoder that is fuzzed, and with a
//! way to interfere wherever bytes say how others are framed.

use kurier_protocol::api::MessageInfo;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;

/// A place where the framing of a message is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The innermost field around it; empty for the tagged fields of a struct.
    pub field: &'static str,
    /// What stands there.
    pub part: Part,
}

/// What can stand at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A length of text or bytes, or the count of an array; `None` is null.
    Length {
        /// How it is written.
        width: Width,
        /// What it says.
        says: Option<usize>,
        /// Whether it may be null.
        null: Null,
    },
    /// The bytes of some text, of this length.
    Text(usize),
    /// A truth value.
    Bool,
    /// How many tagged fields a struct has.
    TagCount(usize),
    /// The number of a tagged field.
    Tag(u32),
    /// The size of a tagged field.
    TagSize(usize),
}

/// Whether a value may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Null {
    /// It may.
    Allowed,
    /// It may not.
    Forbidden,
}

impl Null {
    /// Whether a field may be null in a version.
    #[must_use]
    pub const fn of(field: &Field, version: i16) -> Self {
        if field.is_nullable(version) { Self::Allowed } else { Self::Forbidden }
    }
}

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// A varint, one more than the length; null is 0.
    Compact,
    /// Two bytes; null is -1.
    Short,
    /// Four bytes; null is -1.
    Long,
}

impl Width {
    /// A length in this width, which need not be one that there can be.
    #[must_use]
    pub fn put(self, length: i64) -> Vec<u8> {
        let bytes = length.to_be_bytes();
        match self {
            Self::Compact => varint(u64::from_be_bytes((length.wrapping_add(1)).to_be_bytes())),
            Self::Short => bytes.into_iter().skip(6).collect(),
            Self::Long => bytes.into_iter().skip(4).collect(),
        }
    }
}

/// An interference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These bytes instead of those that belong there.
    Bytes(Vec<u8>),
    /// One more tagged field, at the count of them. The count and all sizes stay right.
    Tag(u32, Vec<u8>),
}

/// Writes a message. At each site `change` may interfere; what encloses it stays right.
pub fn write(
    info: &MessageInfo,
    value: &Value,
    version: i16,
    change: &mut dyn FnMut(Site) -> Option<Change>,
) -> Vec<u8> {
    let flexible = info.version(version).is_flexible();
    let mut writer = Writer { version, flexible, change };
    writer.of_kind("", Kind::Struct(info.fields), value, Null::Forbidden)
}

/// The sites of a message, in the order in which [`write`](write()) comes to them.
#[must_use]
pub fn sites(info: &MessageInfo, value: &Value, version: i16) -> Vec<Site> {
    let mut sites = Vec::new();
    write(info, value, version, &mut |site| {
        sites.push(site);
        None
    });
    sites
}

/// A varint.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [.., low] = value.to_be_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

struct Writer<'a> {
    version: i16,
    flexible: bool,
    change: &'a mut dyn FnMut(Site) -> Option<Change>,
}

impl Writer<'_> {
    fn at(&mut self, field: &'static str, part: Part, bytes: Vec<u8>) -> Vec<u8> {
        match (self.change)(Site { field, part }) {
            Some(Change::Bytes(other)) => other,
            _ => bytes,
        }
    }

    fn field(&mut self, field: &'static Field, value: &Value, null_struct: u8) -> Vec<u8> {
        let name = field.name;
        if let (Kind::Struct(_), true) = (field.kind, field.is_optional()) {
            if *value == Value::Null {
                return vec![null_struct];
            }
            let fields = self.of_kind(name, field.kind, value, Null::Forbidden);
            return [vec![1], fields].concat();
        }
        let flexible = self.flexible;
        self.flexible &= !field.plain;
        let bytes = self.of_kind(name, field.kind, value, Null::of(field, self.version));
        self.flexible = flexible;
        bytes
    }

    fn of_kind(&mut self, name: &'static str, kind: Kind, value: &Value, null: Null) -> Vec<u8> {
        match (kind, value) {
            (Kind::Struct(fields), Value::Struct(values)) => self.fields(fields, values),
            (Kind::Array(element), Value::Array(values)) => {
                let mut bytes = self.length(name, Width::Long, Some(values.len()), null);
                for value in values {
                    bytes.extend(self.of_kind(name, *element, value, Null::Forbidden));
                }
                bytes
            }
            (Kind::String, Value::String(text)) => {
                let text = text.as_bytes().to_vec();
                let mut bytes = self.length(name, Width::Short, Some(text.len()), null);
                bytes.extend(self.at(name, Part::Text(text.len()), text));
                bytes
            }
            (_, Value::Bytes(content)) => {
                let mut bytes = self.length(name, Width::Long, Some(content.len()), null);
                bytes.extend_from_slice(content);
                bytes
            }
            (Kind::String, Value::Null) => self.length(name, Width::Short, None, null),
            (_, Value::Null) => self.length(name, Width::Long, None, null),
            (_, Value::Bool(value)) => self.at(name, Part::Bool, vec![u8::from(*value)]),
            (kind, Value::Int(value)) => {
                let skip = match kind {
                    Kind::Int8 => 7,
                    Kind::Int16 | Kind::Uint16 => 6,
                    Kind::Int32 | Kind::Uint32 => 4,
                    _ => 0,
                };
                value.to_be_bytes().into_iter().skip(skip).collect()
            }
            (_, Value::Float(value)) => value.to_be_bytes().to_vec(),
            (_, Value::Uuid(value)) => value.0.to_vec(),
            (_, Value::Struct(_) | Value::Array(_) | Value::String(_)) => Vec::new(),
        }
    }

    fn fields(&mut self, fields: &'static [Field], values: &[Value]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut tagged = Vec::new();
        for (field, value) in fields.iter().zip(values) {
            match field.tag {
                _ if !field.is_in(self.version) => {}
                None => bytes.extend(self.field(field, value, 0xff)),
                Some(_) if *value == Value::default_of(field) => {}
                Some(tag) => tagged.push((tag, field, value)),
            }
        }
        if self.flexible {
            tagged.sort_by_key(|(tag, ..)| *tag);
            self.tags(&tagged, &mut bytes);
        }
        bytes
    }

    fn tags(&mut self, tagged: &[(u32, &'static Field, &Value)], bytes: &mut Vec<u8>) {
        let count = tagged.len();
        let site = Site { field: "", part: Part::TagCount(count) };
        let (count, added) = match (self.change)(site) {
            Some(Change::Bytes(other)) => (other, Vec::new()),
            Some(Change::Tag(tag, content)) => {
                let added = [number(tag), varint(len(&content)), content].concat();
                (varint(len(tagged) + 1), added)
            }
            None => (varint(len(tagged)), Vec::new()),
        };
        bytes.extend(count);
        for (tag, field, value) in tagged {
            let content = self.field(field, value, 0);
            bytes.extend(self.at(field.name, Part::Tag(*tag), number(*tag)));
            let size = varint(len(&content));
            bytes.extend(self.at(field.name, Part::TagSize(content.len()), size));
            bytes.extend(content);
        }
        bytes.extend(added);
    }

    fn length(
        &mut self,
        field: &'static str,
        wide: Width,
        says: Option<usize>,
        null: Null,
    ) -> Vec<u8> {
        let width = if self.flexible { Width::Compact } else { wide };
        let length = says.map_or(-1, |says| i64::try_from(says).unwrap_or(i64::MAX));
        self.at(field, Part::Length { width, says, null }, width.put(length))
    }
}

fn number(tag: u32) -> Vec<u8> {
    varint(tag.into())
}

fn len<T>(of: &[T]) -> u64 {
    of.len().try_into().unwrap_or(u64::MAX)
}
