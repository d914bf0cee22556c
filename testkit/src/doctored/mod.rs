//! Core: requests and answers as the script changes them. It works on messages whose type is known
//! at run time only, so that a fault fits every API.

mod lies;

pub(crate) use lies::Scene;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::info;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::value::{self, Value};
use kurier_protocol::wire::{Segments, Version, Writer};
use kurier_protocol::{ApiKey, ErrorCode, Str, Uuid, decode, frame};

use crate::fault::{
    Named, Names, Part, Plan, Row, Script, Seen, TopicNames, Twist, corrupted, walk,
};
use crate::handle::{self, Opened, Step};
use crate::state::State;

impl TopicNames for State {
    fn name_of(&self, id: Uuid) -> Option<&Str> {
        self.topic_name(id)
    }
}

/// The topics and partitions that a request names; for a fetch, what is in its session as well.
pub(crate) fn names(
    state: &State,
    broker: i32,
    (api, version): (ApiKey, i16),
    body: &Bytes,
) -> Names {
    if api == ApiKey::FETCH {
        let request = decode::<FetchRequest>(body, version).unwrap_or_default();
        let wanted = state.wanted(broker, &request, version);
        let rows = wanted.into_iter().map(|(name, id, index)| Named::partition(name, id, index));
        return Names { rows: rows.collect(), is_all: false };
    }
    own_names((api, version), body)
}

/// The topics and partitions that a request names itself.
pub(crate) fn own_names((api, version): (ApiKey, i16), body: &Bytes) -> Names {
    let found = info(api).and_then(|info| {
        let mut request = value::decode(&info.request, body, version).ok()?;
        Some(Names::of(&mut Row::new(version, info.request.fields, &mut request)?))
    });
    found.unwrap_or_default()
}

/// A request without the parts that are refused.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// What is left of it; none if nothing was taken away.
    pub(crate) left: Option<Opened>,
    /// Whether nothing is left that could be executed.
    pub(crate) is_empty: bool,
    failed: Vec<(Named, ErrorCode)>,
}

/// Takes out of a request the parts that the plan refuses; none where the handler refuses them.
///
/// # Errors
///
/// Why what is left is no request.
pub(crate) fn split(plan: &Plan, opened: &Opened, state: &State) -> Result<Split, String> {
    let mut split = Split::default();
    let (api, version) = opened.api();
    if is_refused_by_handler(api) || plan.refused.is_empty() {
        return Ok(split);
    }
    let Some(info) = info(api) else { return Ok(split) };
    let text = |error: kurier_protocol::DecodeError| error.to_string();
    let mut request = value::decode(&info.request, &opened.body, version).map_err(text)?;
    let Some(mut row) = Row::new(version, info.request.fields, &mut request) else {
        return Ok(split);
    };
    let mut left = 0;
    walk(&mut row, &mut |named, _| {
        let found = plan.refused.iter().find(|(filter, _)| filter.selects(named, state));
        match (found, named.part) {
            (_, Part::Parent) => true,
            // A partition of a topic that is asked for as a whole fails in the answer alone.
            (Some((filter, _)), Part::Whole) if filter.partition().is_some() => {
                left += 1;
                true
            }
            (Some((_, code)), _) => {
                split.failed.push((named.clone(), *code));
                false
            }
            (None, _) => {
                left += 1;
                true
            }
        }
    });
    if !split.failed.is_empty() {
        // Metadata has more to say than what was asked of topics.
        split.is_empty = left == 0 && (api != ApiKey::METADATA || version == 0);
        let body = value::encode(&info.request, &request, version);
        let body = body.map_err(|error| error.to_string())?;
        split.left = Some(handle::reopen(opened, body)?);
    }
    Ok(split)
}

/// Whether parts that are refused stay in the request, as its handler knows more: what is in the
/// session of a fetch, and that of partitions added to a transaction all are or none.
fn is_refused_by_handler(api: ApiKey) -> bool {
    [ApiKey::FETCH, ApiKey::ADD_PARTITIONS_TO_TXN].contains(&api)
}

/// The answer to a request that is refused as a whole: closing, if it wants none.
pub(crate) fn refusal(opened: &Opened, code: ErrorCode) -> Step {
    let (api, version) = opened.api();
    let is_silent = api == ApiKey::PRODUCE
        && decode::<ProduceRequest>(&opened.body, version).is_ok_and(|request| request.acks == 0);
    if is_silent {
        return Step::Close(format!("{code} at acks=0"));
    }
    opened.pending.refuse(code)
}

/// An answer that has a code in its head and nothing else; a refusal where there is no room.
pub(crate) fn headed(opened: &Opened, code: ErrorCode) -> Step {
    let Step::Answer(segments) = refusal(opened, ErrorCode::NONE) else {
        return refusal(opened, code);
    };
    let mut has_room = false;
    let headed = change(opened, &segments, |row| {
        walk(row, &mut |_, _| false);
        has_room = row.error_code().is_some();
        row.set(&["error_code"], Value::Int(code.0.into()));
    });
    match headed {
        Some(segments) if has_room => Step::Answer(segments),
        _ => refusal(opened, code),
    }
}

/// Makes an answer what the plan wants it to be.
pub(crate) fn edit(
    step: Step,
    opened: &Opened,
    (plan, split): (&Plan, &Split),
    scene: &Scene<'_>,
) -> Step {
    let segments = match step {
        Step::Answer(segments) => segments,
        Step::Silence if !split.failed.is_empty() => {
            return Step::Close("a part was refused at acks=0".to_owned());
        }
        step => return step,
    };
    let (api, _) = opened.api();
    let marks = || {
        let refused = plan.refused.iter().filter(|_| !is_refused_by_handler(api));
        refused.chain(&plan.denied)
    };
    if split.failed.is_empty() && marks().next().is_none() && plan.twists.is_empty() {
        return Step::Answer(segments);
    }
    let changed = change(opened, &segments, |row| {
        walk(row, &mut |named, row| {
            let found = marks().find(|(filter, _)| filter.selects(named, scene.state));
            if let (Some((filter, code)), Some(mut row)) = (found, row) {
                let is_meant = match named.part {
                    Part::One(_) => true,
                    Part::Whole => filter.partition().is_none(),
                    Part::Parent => filter.partition().is_none() && row.error_code().is_some(),
                };
                if is_meant {
                    row.fail(*code);
                }
            }
            true
        });
        for (named, code) in &split.failed {
            named.fail(row, *code);
        }
        for (filter, twist) in &plan.twists {
            lies::tell(row, api, (filter, twist), scene);
        }
        throttle(row, api, plan.throttle(), scene);
    });
    Step::Answer(relabelled(changed.unwrap_or(segments), plan))
}

/// Damages an answer to a fetch, if the script wants it.
pub(crate) fn damage(step: Step, opened: &Opened, seen: &Seen<'_>, script: &mut Script) -> Step {
    let Step::Answer(segments) = step else { return step };
    if opened.api().0 != ApiKey::FETCH || !script.damages() {
        return Step::Answer(segments);
    }
    let changed = change(opened, &segments, |row| {
        let wanted = script.handle_answer(seen, |filter| {
            let mut has_records = false;
            walk(row, &mut |named, row| {
                let records = row.and_then(|mut row| lies::records(&mut row).map(|_| ()));
                has_records |= records.is_some() && filter.selects(named, seen.topics);
                true
            });
            has_records
        });
        for (filter, at) in wanted {
            let mut is_done = false;
            walk(row, &mut |named, row| {
                if !is_done
                    && filter.selects(named, seen.topics)
                    && let Some(mut row) = row
                    && let Some(records) = lies::records(&mut row)
                {
                    *records = corrupted(records, at);
                    is_done = true;
                }
                true
            });
        }
    });
    Step::Answer(changed.unwrap_or(segments))
}

fn throttle(row: &mut Row<'_>, api: ApiKey, by: Duration, scene: &Scene<'_>) {
    if by.is_zero() {
        return;
    }
    let millis = i32::try_from(by.as_millis()).unwrap_or(i32::MAX);
    row.set(&["throttle_time_ms"], Value::Int(millis.into()));
    if api == ApiKey::FETCH && scene.mutes() {
        row.set(&["responses"], Value::Array(Vec::new()));
    }
}

/// Changes an answer's frame; none if it is not what the API answers.
fn change(
    opened: &Opened,
    segments: &Segments,
    change: impl FnOnce(&mut Row<'_>),
) -> Option<Segments> {
    let (api, version) = opened.api();
    let response = &info(api)?.response;
    let payload = segments.to_bytes().slice(LENGTH_BYTES..);
    let (_, body) = frame::open_response(api, version, &payload).ok()?;
    let mut answer = value::decode(response, &body, version).ok()?;
    change(&mut Row::new(version, response.fields, &mut answer)?);
    let changed = value::encode(response, &answer, version).ok()?;
    let head = payload.get(..payload.len() - body.len())?;
    let length = head.len() + changed.len();
    let mut bytes = BytesMut::with_capacity(LENGTH_BYTES + length);
    bytes.put_i32(i32::try_from(length).ok()?);
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(&changed);
    Some(whole(&bytes))
}

/// Whether an answer refuses something.
pub(crate) fn is_refused(step: &Step, opened: &Opened) -> bool {
    let Step::Answer(segments) = step else { return false };
    let mut is_refused = false;
    let _ = change(opened, segments, |answer| {
        let mut note = |row: &mut Row<'_>| {
            is_refused |= row.error_code().is_some_and(|code| !code.is_ok());
        };
        note(answer);
        walk(answer, &mut |_, row| {
            row.into_iter().for_each(|mut row| note(&mut row));
            true
        });
    });
    is_refused
}

/// The frame under another correlation id or length, where the plan claims one.
fn relabelled(segments: Segments, plan: &Plan) -> Segments {
    let labels = plan.twists.iter().filter_map(|(_, twist)| match twist {
        Twist::ClaimLength(bytes) => Some((0, bytes)),
        Twist::ClaimCorrelationId(id) => Some((LENGTH_BYTES, id)),
        _ => None,
    });
    let labels: Vec<_> = labels.collect();
    if labels.is_empty() {
        return segments;
    }
    let mut bytes = segments.to_bytes().to_vec();
    for (at, label) in labels {
        if let Some(place) = bytes.get_mut(at..at + LENGTH_BYTES) {
            place.copy_from_slice(&label.to_be_bytes());
        }
    }
    whole(&bytes)
}

/// A frame with the correlation id of an answer, and other bytes behind it.
pub(crate) fn garbled(segments: &Segments, bytes: &[u8]) -> Segments {
    let answer = segments.to_bytes();
    let id = answer.get(LENGTH_BYTES..2 * LENGTH_BYTES).unwrap_or_default();
    let length = i32::try_from(id.len() + bytes.len()).unwrap_or(i32::MAX);
    whole(&[&length.to_be_bytes()[..], id, bytes].concat())
}

/// Bytes as they are sent.
fn whole(bytes: &[u8]) -> Segments {
    let mut writer = Writer::new(Version::of(0, i16::MAX));
    writer.put(bytes);
    writer.finish()
}

/// Bytes of the length before a frame, and of the correlation id behind it.
const LENGTH_BYTES: usize = 4;
