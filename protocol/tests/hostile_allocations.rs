//! A length from the wire never makes us allocate more than the bytes that are there could fill.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use allocation_counter::measure;
use bytes::{BufMut, Bytes, BytesMut};
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::error::DecodeCause;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::wire::Version;
use kurier_protocol::{limits, value};

/// Bytes that follow each lie, and bytes of each message that is one byte repeated.
const LENGTH: usize = 20;
/// Elements that make an array grow at its very end, when most memory is in use.
const CROWD: i32 = 2 * 4096 + 1;
/// Bytes that decoding it may have allocated at any one time.
const ALLOCATED_MAX: u64 = 64 << 10;

// Case WIRE-12: every array of every message in every version.
#[test]
fn no_array_of_any_message_allocates_for_elements_that_are_not_there() {
    let (mut arrays, mut versions) = (0, 0);
    for info in api::messages() {
        for version in info.versions.clone() {
            versions += 1;
            for count in [i32::MAX, i32::MAX - 1, 1 << 30, 1 << 20, 21] {
                let lies = Liar { version: info.version(version), count }.lies(info.fields);
                arrays += lies.len();
                for mut lie in lies {
                    lie.resize(lie.len() + LENGTH, 0);
                    let bytes = lie.freeze();
                    check(info, version, bytes.clone());
                    let error = value::decode(info, &bytes, version).unwrap_err();
                    assert_eq!(error.cause(), refusal(count, error.cause()), "{error}");
                }
            }
        }
    }
    println!("{} arrays in {versions} versions", arrays / 5);
    assert_eq!((arrays / 5, versions), (1457, 770));
}

/// That there are not as many bytes as elements; the rest of the bytes may be those of a tag.
fn refusal(count: i32, found: DecodeCause) -> DecodeCause {
    let DecodeCause::Count { left, .. } = found else { panic!("{found}") };
    assert!(left <= LENGTH);
    DecodeCause::Count { count: count.try_into().unwrap(), left }
}

// Case WIRE-12: 40 bytes that made other decoders allocate gigabytes.
#[test]
fn every_byte_repeated_allocates_next_to_nothing() {
    for info in api::messages() {
        for version in info.versions.clone() {
            for byte in 0..=u8::MAX {
                check(info, version, vec![byte; 2 * LENGTH].into());
            }
        }
    }
}

#[test]
fn a_large_message_allocates_for_what_it_holds_and_not_for_what_it_claims() {
    // A Metadata response that claims as many topics as could be there, in a frame of 8 MiB of
    // which only the first lines are a message.
    let info = api::message("MetadataResponse").unwrap();
    let mut bytes = BytesMut::new();
    bytes.put_i32(0);
    bytes.put_i32((8 << 20) - 100);
    bytes.resize(8 << 20, 0xff);
    let bytes = bytes.freeze();
    let found = measure(|| {
        assert!((info.reencode)(&bytes, 0).is_err());
    });
    assert!(found.bytes_max < 2 << 20, "{} bytes", found.bytes_max);
}

#[test]
fn a_message_takes_so_many_bytes_of_memory_for_each_of_its_own() {
    let (mut most, mut most_of) = (0, String::new());
    for info in api::messages() {
        for version in info.versions.clone() {
            let liar = Liar { version: info.version(version), count: 0 };
            for (front, element) in liar.crowds(info.fields) {
                let mut crowd = front;
                liar.put_length(&mut crowd, CROWD);
                for _ in 0..CROWD {
                    crowd.extend_from_slice(&element);
                }
                let bytes = crowd.freeze();
                let typed = measure(|| drop((info.reencode)(&bytes, version)));
                let ratio = usize::try_from(typed.bytes_max).unwrap() / bytes.len();
                if ratio > most {
                    most = ratio;
                    most_of =
                        format!("{} v{version}, {} bytes an element", info.name, element.len());
                }
            }
        }
    }
    println!("at most {most} bytes for a byte: {most_of}");
    assert!(most <= limits::MEMORY_PER_BYTE_MAX, "{most} of {most_of}");
}

#[test]
fn structs_are_not_deeper_than_the_limit_says() {
    fn depth(fields: &[Field]) -> usize {
        let inner = |kind| match kind {
            Kind::Array(Kind::Struct(fields)) => depth(fields),
            Kind::Struct(fields) => depth(fields),
            _ => 0,
        };
        1 + fields.iter().map(|field| inner(field.kind)).max().unwrap_or(0)
    }
    let deepest = api::messages().max_by_key(|info| depth(info.fields)).unwrap();
    assert_eq!(depth(deepest.fields), limits::STRUCT_NESTING_MAX, "{}", deepest.name);
}

#[track_caller]
fn check(info: &MessageInfo, version: i16, bytes: Bytes) {
    let typed = measure(|| drop((info.reencode)(&bytes, version)));
    assert!(typed.bytes_max < ALLOCATED_MAX, "{} v{version}: {typed:?}", info.name);
    let dynamic = measure(|| drop(value::decode(info, &bytes, version)));
    assert!(dynamic.bytes_max < ALLOCATED_MAX, "{} v{version}: {dynamic:?}", info.name);
}

/// Writes the beginnings of messages that end with a claim of so many elements.
#[derive(Clone, Copy)]
struct Liar {
    version: Version,
    count: i32,
}

impl Liar {
    /// One for each array of a struct, at any depth. Other fields hold zero or nothing.
    fn lies(self, fields: &[Field]) -> Vec<BytesMut> {
        let mut lies = Vec::new();
        let mut before = BytesMut::new();
        let here = || fields.iter().filter(|field| field.is_in(self.version.number()));
        for field in here().filter(|field| field.tag.is_none()) {
            lies.extend(self.lies_in(field).into_iter().map(|lie| [&before[..], &lie].concat()));
            self.put_nothing(&mut before, field);
        }
        for (tag, field) in here().filter_map(|field| Some((field.tag?, field))) {
            for lie in self.lies_in(field) {
                let size = u8::try_from(lie.len() + LENGTH).unwrap();
                let tag = u8::try_from(tag).unwrap();
                lies.push([&before[..], &[1, tag, size], &lie].concat());
            }
        }
        lies.iter().map(|lie| BytesMut::from(&lie[..])).collect()
    }

    /// What stands before each array that is not in a tag, and the least that an element can be.
    fn crowds(self, fields: &[Field]) -> Vec<(BytesMut, BytesMut)> {
        let mut crowds = Vec::new();
        let mut before = BytesMut::new();
        let number = self.version.number();
        for field in fields.iter().filter(|field| field.is_in(number) && field.tag.is_none()) {
            let mut front = before.clone();
            let inner = match field.kind {
                Kind::Array(element) => {
                    let mut smallest = BytesMut::new();
                    let since = Field::new("", 0, i16::MAX, *element);
                    self.put_nothing(&mut smallest, &since);
                    crowds.push((before.clone(), smallest));
                    self.put_length(&mut front, 1);
                    *element
                }
                kind => kind,
            };
            if let (Kind::Struct(fields), false) = (inner, field.is_nullable(number)) {
                for (nested, element) in self.crowds(fields) {
                    crowds.push((BytesMut::from(&[&front[..], &nested].concat()[..]), element));
                }
            }
            self.put_nothing(&mut before, field);
        }
        crowds
    }

    /// Those of one field.
    fn lies_in(self, field: &Field) -> Vec<BytesMut> {
        let mut front = BytesMut::new();
        let mut lies = Vec::new();
        let inner = match field.kind {
            Kind::Array(element) => {
                let mut lie = BytesMut::new();
                self.put_length(&mut lie, self.count);
                lies.push(lie);
                self.put_length(&mut front, 1);
                *element
            }
            kind => {
                if field.is_nullable(self.version.number()) {
                    front.put_u8(1);
                }
                kind
            }
        };
        if let Kind::Struct(fields) = inner {
            let nested = self.lies(fields).into_iter();
            lies.extend(nested.map(|lie| BytesMut::from(&[&front[..], &lie].concat()[..])));
        }
        lies
    }

    /// Null where it is allowed, else zero, empty, or a struct of such fields.
    fn put_nothing(self, bytes: &mut BytesMut, field: &Field) {
        let is_null = field.is_nullable(self.version.number());
        match field.kind {
            Kind::Struct(_) if is_null => bytes.put_i8(-1),
            Kind::Struct(fields) => {
                for field in fields.iter().filter(|field| field.is_in(self.version.number())) {
                    if field.tag.is_none() {
                        self.put_nothing(bytes, field);
                    }
                }
                bytes.put_bytes(0, usize::from(self.version.is_flexible()));
            }
            Kind::String if !self.version.is_flexible() || field.plain => {
                bytes.put_i16(-i16::from(is_null));
            }
            Kind::String | Kind::Bytes | Kind::Records | Kind::Array(_) => {
                self.put_length(bytes, -i32::from(is_null));
            }
            Kind::Bool | Kind::Int8 => bytes.put_bytes(0, 1),
            Kind::Int16 | Kind::Uint16 => bytes.put_bytes(0, 2),
            Kind::Int32 | Kind::Uint32 => bytes.put_bytes(0, 4),
            Kind::Int64 | Kind::Float64 => bytes.put_bytes(0, 8),
            Kind::Uuid => bytes.put_bytes(0, 16),
        }
    }

    fn put_length(self, bytes: &mut BytesMut, length: i32) {
        if !self.version.is_flexible() {
            return bytes.put_i32(length);
        }
        let mut rest = u32::try_from(i64::from(length) + 1).unwrap();
        while rest >= 0x80 {
            bytes.put_u8(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.put_u8(u8::try_from(rest).unwrap());
    }
}
