//! Changes to a frame: of what it holds, with all framing right, or of exactly one thing in its
//! framing, with all the rest right.

use arbitrary::{Result, Unstructured};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;

use crate::frame::{Frame, framed};
use crate::layout::{self, Change, Null, Part, Site, Width};
use crate::message;

/// What is done to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutation {
    /// One number is at the end of its type, or beside one.
    Number,
    /// One text is another, longer or shorter.
    Text,
    /// One array is empty.
    Empty,
    /// The elements of one array come many times over.
    Repeat,
    /// One field is null, where null is allowed.
    Null,
    /// One struct has a tagged field that nobody knows.
    UnknownTag,
    /// One length is written as a varint with a byte too many, which says the same.
    LongVarint,
    /// One truth value is neither 0 nor 1, and so is true.
    OtherTrue,

    /// The frame's length says more than comes.
    FrameLonger,
    /// The frame's length says less than comes.
    FrameShorter,
    /// The frame's length is below zero.
    FrameNegative,
    /// The frame's length is the greatest that there is.
    FrameHuge,
    /// The header names an API that does not exist.
    UnknownApi,
    /// The header names a version that does not exist.
    UnknownVersion,
    /// The header ends early, and the frame with it.
    HeaderTruncated,
    /// The message ends early; the frame's length knows.
    Truncated,
    /// Bytes follow the message; the frame's length knows.
    Leftover,
    /// One length is below that of null.
    LengthNegative,
    /// One length is the greatest that there is.
    LengthHuge,
    /// One length says one more than there is.
    LengthMore,
    /// One length says one less than there is.
    LengthLess,
    /// One length or count is null, where null is not allowed.
    NullForbidden,
    /// One text has a byte that is not UTF-8.
    NotUtf8,
    /// One varint does not end in time.
    VarintEndless,
    /// One struct says that it has more tagged fields than come.
    TagCountMore,
    /// One tagged field says that it is longer than it is.
    TagSizeMore,
}

impl Mutation {
    /// Every mutation, those that keep the framing first.
    pub const ALL: [Self; 26] = [
        Self::Number,
        Self::Text,
        Self::Empty,
        Self::Repeat,
        Self::Null,
        Self::UnknownTag,
        Self::LongVarint,
        Self::OtherTrue,
        Self::FrameLonger,
        Self::FrameShorter,
        Self::FrameNegative,
        Self::FrameHuge,
        Self::UnknownApi,
        Self::UnknownVersion,
        Self::HeaderTruncated,
        Self::Truncated,
        Self::Leftover,
        Self::LengthNegative,
        Self::LengthHuge,
        Self::LengthMore,
        Self::LengthLess,
        Self::NullForbidden,
        Self::NotUtf8,
        Self::VarintEndless,
        Self::TagCountMore,
        Self::TagSizeMore,
    ];

    /// Whether the frame is still one that a peer must be able to read.
    #[must_use]
    pub fn keeps_framing(self) -> bool {
        self < Self::FrameLonger
    }

    /// Whether no reader can take the message for one. (A length that is wrong by one may, by
    /// chance, still be the length of something.)
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::FrameNegative
                | Self::FrameHuge
                | Self::UnknownApi
                | Self::UnknownVersion
                | Self::HeaderTruncated
                | Self::Truncated
                | Self::LengthNegative
                | Self::LengthHuge
                | Self::NullForbidden
                | Self::NotUtf8
                | Self::VarintEndless
        )
    }
}

/// The frame's bytes after a mutation, its length included; `None` if it has nothing to mutate so.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
pub fn mutate(
    frame: &Frame,
    mutation: Mutation,
    u: &mut Unstructured<'_>,
) -> Result<Option<Vec<u8>>> {
    let whole = |body: Vec<u8>| framed(&[frame.header_bytes(), body].concat());
    Ok(match mutation {
        Mutation::Number | Mutation::Text | Mutation::Empty | Mutation::Repeat | Mutation::Null => {
            let mut frame = frame.clone();
            change_value(&mut frame, mutation, u)?.then(|| frame.to_bytes())
        }
        Mutation::FrameLonger
        | Mutation::FrameShorter
        | Mutation::FrameNegative
        | Mutation::FrameHuge => Some(with_length(frame, mutation, u)?),
        Mutation::UnknownApi => Some(with_header(frame, 0..2, *u.choose(&[95, 0x7fff, -1])?)),
        Mutation::UnknownVersion => Some(with_header(frame, 2..4, *u.choose(&[99, 0x7fff, -1])?)),
        Mutation::HeaderTruncated => {
            let header = frame.header_bytes();
            let left = u.int_in_range(0..=header.len().saturating_sub(1))?;
            Some(framed(header.get(..left).unwrap_or_default()))
        }
        Mutation::Truncated => {
            let mut body = frame.body();
            let last = body.len().checked_sub(1);
            let Some(last) = last else { return Ok(None) };
            body.truncate(u.int_in_range(0..=last)?);
            Some(whole(body))
        }
        Mutation::Leftover => {
            let extra = u.int_in_range(1..=9)?;
            Some(whole([frame.body(), vec![0; extra]].concat()))
        }
        _ => change_site(frame, mutation, u)?.map(whole),
    })
}

/// The body with one site changed; `None` if no site can be.
fn change_site(
    frame: &Frame,
    mutation: Mutation,
    u: &mut Unstructured<'_>,
) -> Result<Option<Vec<u8>>> {
    let (info, version) = (frame.half().info(), frame.half().version());
    let sites = layout::sites(info, &frame.value, version);
    let able = |(_, site): &(usize, &Site)| interference(**site, mutation).is_some();
    let able: Vec<_> = sites.iter().enumerate().filter(able).map(|(at, _)| at).collect();
    if able.is_empty() {
        return Ok(None);
    }
    let chosen = *u.choose(&able)?;
    let mut at = 0;
    Ok(Some(layout::write(info, &frame.value, version, &mut |site| {
        at += 1;
        if at == chosen + 1 { interference(site, mutation) } else { None }
    })))
}

/// What a mutation does at a site, if it can be done there.
fn interference(site: Site, mutation: Mutation) -> Option<Change> {
    let bytes = match (mutation, site.part) {
        (Mutation::UnknownTag, Part::TagCount(_)) => {
            return Some(Change::Tag(UNKNOWN_TAG, b"unknown".to_vec()));
        }
        (Mutation::LongVarint, Part::Length { width: Width::Compact, says, .. }) => {
            // Five bytes are the most that a reader of 32 bits takes.
            let mut bytes = Width::Compact.put(as_length(says));
            let last = bytes.last_mut().filter(|_| says < Some(1 << 20))?;
            *last |= 0x80;
            bytes.push(0);
            bytes
        }
        (Mutation::OtherTrue, Part::Bool) => vec![0x55],
        (Mutation::LengthNegative, Part::Length { width: Width::Short | Width::Long, .. }) => {
            width_of(site)?.put(-2)
        }
        (Mutation::LengthHuge, Part::Length { width, .. }) => width.put(match width {
            Width::Short => 0x7fff,
            Width::Compact | Width::Long => 0x7fff_ffff,
        }),
        (Mutation::LengthMore, Part::Length { width, says: Some(says), .. }) => {
            width.put(as_length(Some(says + 1)))
        }
        (Mutation::LengthLess, Part::Length { width, says: Some(says), .. }) if says > 0 => {
            width.put(as_length(Some(says - 1)))
        }
        (Mutation::NullForbidden, Part::Length { width, null: Null::Forbidden, says: Some(0) }) => {
            width.put(-1)
        }
        (Mutation::NotUtf8, Part::Text(length)) if length > 0 => vec![0xff; length],
        (Mutation::VarintEndless, Part::Length { width: Width::Compact, .. })
        | (Mutation::VarintEndless, Part::TagCount(_) | Part::Tag(_) | Part::TagSize(_)) => {
            vec![0xff; 6]
        }
        (Mutation::TagCountMore, Part::TagCount(count)) => varint_of(count + 1),
        (Mutation::TagSizeMore, Part::TagSize(size)) => varint_of(size + 1),
        _ => return None,
    };
    Some(Change::Bytes(bytes))
}

const fn width_of(site: Site) -> Option<Width> {
    match site.part {
        Part::Length { width, .. } => Some(width),
        _ => None,
    }
}

fn as_length(says: Option<usize>) -> i64 {
    says.map_or(-1, |says| i64::try_from(says).unwrap_or(i64::MAX))
}

fn varint_of(number: usize) -> Vec<u8> {
    layout::varint(number.try_into().unwrap_or(u64::MAX))
}

/// The frame with a length that is wrong.
fn with_length(frame: &Frame, mutation: Mutation, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = frame.to_bytes();
    let right = i64::try_from(bytes.len()).unwrap_or(i64::MAX) - 4;
    let says = match mutation {
        Mutation::FrameLonger => right + u.int_in_range(1..=100)?,
        Mutation::FrameShorter => right - u.int_in_range(1..=right.max(1))?,
        Mutation::FrameNegative => *u.choose(&[-1, -2, i32::MIN.into()])?,
        _ => i32::MAX.into(),
    };
    bytes.iter_mut().zip(Width::Long.put(says)).for_each(|(byte, other)| *byte = other);
    Ok(bytes)
}

/// The frame with two bytes of its header changed.
fn with_header(frame: &Frame, at: std::ops::Range<usize>, number: i16) -> Vec<u8> {
    let mut bytes = frame.to_bytes();
    let places = bytes.iter_mut().skip(4 + at.start).take(at.len());
    places.zip(number.to_be_bytes()).for_each(|(byte, other)| *byte = other);
    bytes
}

/// Changes one value of the message; false if there is none of that sort.
fn change_value(frame: &mut Frame, mutation: Mutation, u: &mut Unstructured<'_>) -> Result<bool> {
    let half = frame.half();
    let version = half.version();
    let fits = |spot: &Spot<'_>| match (mutation, spot.kind) {
        (Mutation::Null, _) => spot.null == Null::Allowed && *spot.value != Value::Null,
        (Mutation::Text, Kind::String) => true,
        (Mutation::Empty | Mutation::Repeat, Kind::Array(_)) => {
            matches!(&*spot.value, Value::Array(values) if !values.is_empty())
        }
        (Mutation::Number, _) => matches!(spot.value, Value::Int(_)),
        _ => false,
    };
    let fields = half.info().fields;
    let mut count = 0_usize;
    each(Kind::Struct(fields), &mut frame.value, version, Null::Forbidden, &mut |spot| {
        count += usize::from(fits(&spot));
        Ok(())
    })?;
    let Some(last) = count.checked_sub(1) else { return Ok(false) };
    let chosen = u.int_in_range(0..=last)?;
    let mut at = 0;
    each(Kind::Struct(fields), &mut frame.value, version, Null::Forbidden, &mut |spot| {
        if !fits(&spot) {
            return Ok(());
        }
        at += 1;
        if at == chosen + 1 { change_spot(spot, mutation, u) } else { Ok(()) }
    })?;
    Ok(true)
}

fn change_spot(spot: Spot<'_>, mutation: Mutation, u: &mut Unstructured<'_>) -> Result<()> {
    match (mutation, &mut *spot.value) {
        (Mutation::Null, value) => *value = Value::Null,
        (Mutation::Text, value) => *value = Value::String(message::text(u)?),
        (Mutation::Empty, Value::Array(values)) => values.clear(),
        (Mutation::Repeat, Value::Array(values)) => {
            let times = u.int_in_range(2..=40)?;
            *values = std::iter::repeat_n(values.clone(), times).flatten().collect();
        }
        (Mutation::Number, value) => {
            let (min, max) = message::range(spot.kind);
            *value = Value::Int(message::edge(min, max, u)?);
        }
        _ => {}
    }
    Ok(())
}

/// A value somewhere in a message.
struct Spot<'a> {
    kind: Kind,
    null: Null,
    value: &'a mut Value,
}

/// Does something with every value that a version has, outermost first.
fn each(
    kind: Kind,
    value: &mut Value,
    version: i16,
    null: Null,
    work: &mut dyn FnMut(Spot<'_>) -> Result<()>,
) -> Result<()> {
    work(Spot { kind, null, value })?;
    match (kind, value) {
        (Kind::Array(element), Value::Array(values)) => values
            .iter_mut()
            .try_for_each(|value| each(*element, value, version, Null::Forbidden, work)),
        (Kind::Struct(fields), Value::Struct(values)) => {
            let here = |(field, _): &(&Field, &mut Value)| field.is_in(version);
            let mut here = fields.iter().zip(values).filter(here);
            here.try_for_each(|(field, value)| {
                each(field.kind, value, version, Null::of(field, version), work)
            })
        }
        _ => Ok(()),
    }
}

/// No message has so many tags.
const UNKNOWN_TAG: u32 = 4000;
