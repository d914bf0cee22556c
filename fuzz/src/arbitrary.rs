//! Random messages and records that obey the protocol.

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::record::{
    BatchWriter, Compression, Compressor, Header, Magic, RecordParts, Seal,
};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;
use kurier_protocol::{Str, Uuid};

use crate::random::Random;

/// A message of some version.
///
/// # Panics
///
/// Never: there is at least one message.
pub fn message(random: &mut Random) -> (&'static MessageInfo, i16, Value) {
    let infos: Vec<_> = api::messages().collect();
    let at = random.below(infos.len());
    let info = infos.into_iter().nth(at).expect("an index below the length");
    let (first, last) = (i64::from(*info.versions.start()), i64::from(*info.versions.end()));
    let span = usize::try_from(last - first + 1).unwrap_or(1);
    let version = info.versions.start() + i16::try_from(random.below(span)).unwrap_or(0);
    let value = Value::Struct(fields(info.fields, version, random));
    (info, version, value)
}

fn fields(fields: &[Field], version: i16, random: &mut Random) -> Vec<Value> {
    fields.iter().map(|field| self::field(field, version, random)).collect()
}

fn field(field: &Field, version: i16, random: &mut Random) -> Value {
    let tagged_default = field.tag.is_some() && random.one_in(2);
    let default = Value::default_of(field);
    if !field.is_in(version) || (tagged_default && is_allowed(field, &default, version)) {
        return default;
    }
    if field.is_nullable(version) && random.one_in(4) {
        return Value::Null;
    }
    of_kind(field.kind, version, random)
}

fn is_allowed(field: &Field, value: &Value, version: i16) -> bool {
    *value != Value::Null || field.is_nullable(version)
}

fn of_kind(kind: Kind, version: i16, random: &mut Random) -> Value {
    match kind {
        Kind::Bool => Value::Bool(random.one_in(2)),
        Kind::Int8 => Value::Int(random.edge(i8::MIN.into(), i8::MAX.into())),
        Kind::Int16 => Value::Int(random.edge(i16::MIN.into(), i16::MAX.into())),
        Kind::Uint16 => Value::Int(random.edge(0, u16::MAX.into())),
        Kind::Int32 => Value::Int(random.edge(i32::MIN.into(), i32::MAX.into())),
        Kind::Uint32 => Value::Int(random.edge(0, u32::MAX.into())),
        Kind::Int64 => Value::Int(random.edge(i64::MIN, i64::MAX)),
        Kind::Float64 => Value::Float(random.pick(&[0.0, -1.5, f64::MAX, f64::INFINITY])),
        Kind::Uuid => Value::Uuid(Uuid(u128::from(random.number()).to_be_bytes())),
        Kind::String => Value::String(text(random)),
        // From 4 KiB on a records field is not copied.
        Kind::Records if random.one_in(8) => Value::Bytes(random.bytes(10_000).into()),
        Kind::Bytes | Kind::Records => Value::Bytes(random.bytes(300).into()),
        Kind::Array(element) => {
            let count = random.below(4);
            Value::Array((0..count).map(|_| of_kind(*element, version, random)).collect())
        }
        Kind::Struct(rows) => Value::Struct(fields(rows, version, random)),
    }
}

fn text(random: &mut Random) -> Str {
    let len = random.pick(&[0, 1, 5, 20, 126, 127, 128, 300]);
    let letters = ['a', 'z', '0', '.', '\0', 'é', '✓', '🦀'];
    let text: String = (0..len).map(|_| random.pick(&letters)).collect();
    text.into()
}

/// The parts of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers: none if the format has none.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A batch of some format and codec, sealed, and what was put into it.
///
/// # Panics
///
/// When the writer refuses what the protocol allows.
pub fn batch(random: &mut Random) -> (Bytes, Magic, Compression, Vec<Parts>) {
    let magics = [Magic::V0, Magic::V1, Magic::V2, Magic::V2, Magic::V2];
    let at = random.below(magics.len());
    let magic = magics.into_iter().nth(at).unwrap_or(Magic::V2);
    let mut codecs: Vec<_> =
        Compression::ALL.into_iter().filter(|codec| codec.is_built()).collect();
    // Zstandard came after magic 0 and 1, and Kafka refuses it there.
    codecs.retain(|codec| magic == Magic::V2 || *codec != Compression::Zstd);
    let compression = random.pick(&codecs);
    let base = random.edge(0, i64::MAX / 2);
    let parts: Vec<_> = (0..=random.below(20)).map(|_| parts(magic, base, random)).collect();
    let mut writer = BatchWriter::new(BytesMut::new(), magic, base);
    for part in &parts {
        let headers: Vec<_> =
            part.headers.iter().map(|(k, v)| Header::new(k, v.as_deref())).collect();
        let record = RecordParts {
            timestamp: part.timestamp,
            key: part.key.as_deref(),
            value: part.value.as_deref(),
            headers: &headers,
        };
        writer.append(&record).expect("a record that the format can hold");
    }
    let seal = Seal { compression, ..Seal::default() };
    let sealed = writer.seal_with(&seal, &mut Compressor::new());
    (sealed.expect("a batch that the format can hold"), magic, compression, parts)
}

fn parts(magic: Magic, base: i64, random: &mut Random) -> Parts {
    let bytes = |random: &mut Random| match random.below(6) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![random.byte(); random.below(5000)]),
        _ => Some(random.bytes(200)),
    };
    let header_count = if magic == Magic::V2 { random.below(3) } else { 0 };
    Parts {
        timestamp: if magic == Magic::V0 { -1 } else { base + random.edge(0, 1 << 40) },
        key: bytes(random),
        value: bytes(random),
        headers: (0..header_count).map(|_| (text(random).to_string(), bytes(random))).collect(),
    }
}
